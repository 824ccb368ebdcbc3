"""That every rule has a line in docs/rules.md, code that holds it, and tests that carry its name."""

import importlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = [
    f"R{number}"
    for first, last in ((1, 7), (10, 18), (20, 27), (30, 35), (40, 50), (55, 57), (60, 63))
    for number in range(first, last + 1)
]
# Where the tests of a kind are; what is seen over HTTP is data as it really is.
FOLDERS = {"unit": ("unit",), "integration": ("integration", "e2e")}
_TEST = re.compile(r"^ *(?:async )?def test_((?:R\d+_)+)", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A rule's line of the table."""

    rule: str
    meaning: str
    held_by: str
    proven_by: tuple[str, ...]


def lines() -> dict[str, Line]:
    """The table, by rule."""
    found: dict[str, Line] = {}
    for text in (ROOT / "docs" / "rules.md").read_text(encoding="utf-8").splitlines():
        if not re.match(r"\| R\d", text):
            continue
        rule, meaning, held_by, proven_by = (cell.strip() for cell in text.strip("|").split("|"))
        assert rule not in found, f"{rule} has two lines"
        found[rule] = Line(rule, meaning, held_by.strip("`"), tuple(proven_by.split(", ")))
    return found


def rules_with_tests(kind: str) -> set[str]:
    """The rules named by tests of the kind: `test_R12_…`, and both of `test_R13_R14_…`."""
    named: set[str] = set()
    for folder in FOLDERS[kind]:
        for path in sorted((ROOT / "tests" / folder).rglob("test_*.py")):
            for names in _TEST.findall(path.read_text(encoding="utf-8")):
                named.update(names.rstrip("_").split("_"))
    return named


def test_every_rule_has_a_line_and_every_line_a_rule() -> None:
    assert list(lines()) == RULES


@pytest.mark.parametrize("kind", FOLDERS)
def test_every_rule_has_the_tests_its_line_names(kind: str) -> None:
    wanted = {line.rule for line in lines().values() if kind in line.proven_by}
    missing = wanted - rules_with_tests(kind)
    assert not missing, f"no {kind} test carries the name of {sorted(missing)}: name one test_R…_what_holds"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_held_by_code_that_exists_and_proven_where_data_is(rule: str) -> None:
    line = lines()[rule]
    assert set(line.proven_by) <= set(FOLDERS)
    assert "integration" in line.proven_by
    # What the pure domain decides is tested there too.
    if line.held_by.startswith("domain.") and line.held_by != "domain.database.Credential":
        assert "unit" in line.proven_by
    module, _, name = line.held_by.rpartition(".")
    try:
        assert hasattr(importlib.import_module(f"ostiary.{module}"), name)
    except ModuleNotFoundError:
        importlib.import_module(f"ostiary.{line.held_by}")


def test_no_test_names_a_rule_there_is_none_of() -> None:
    assert rules_with_tests("unit") | rules_with_tests("integration") <= set(RULES)
