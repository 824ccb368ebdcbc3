"""The table of permissions is whole, and the page that shows it is up to date."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ostiary.domain import access
from ostiary.domain.access import PERMISSIONS, Standing
from ostiary.domain.operation import Operation

ROOT = Path(__file__).parents[2]


def test_every_operation_has_one_line_that_lets_somebody_in() -> None:
    # Read from the source: of two equal keys a dict keeps the last and says nothing.
    [table] = [
        node.value
        for node in ast.parse(Path(access.__file__).read_text()).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "PERMISSIONS"
    ]
    assert isinstance(table, ast.Dict)
    lines = Counter(ast.unparse(key) for key in table.keys if key is not None)
    assert lines == {f"Operation.{operation.name}": 1 for operation in Operation}
    assert all(PERMISSIONS.values())


def test_every_standing_opens_something() -> None:
    assert set().union(*PERMISSIONS.values()) == set(Standing)


def test_the_page_of_permissions_is_what_the_table_says() -> None:
    page = ROOT / "docs" / "permissions.md"
    print_page = "import permissions; print(permissions.page(), end='')"
    made = subprocess.run([sys.executable, "-c", print_page], cwd=ROOT / "scripts", capture_output=True, check=True)
    assert made.stdout.decode() == page.read_text(), "Write it again: python scripts/permissions.py"
    named = [standing for standing in Standing if f"`{standing}`" not in page.read_text().partition("| operation")[0]]
    assert named == [], "Say in scripts/permissions.py what these standings are."
