"""Writes docs/permissions.md from the table in ostiary.domain.access: `python scripts/permissions.py`."""

from pathlib import Path

from ostiary.domain.access import PERMISSIONS, Standing
from ostiary.domain.operation import Operation

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"
_HEAD = """\
# Who may do what

Written by `python scripts/permissions.py` from the table in `src/ostiary/domain/access.py`; a test keeps the two equal.
A caller may do what one of its standings allows. What a standing is:

- `anyone`: no credential is needed.
- `signed_in`: any session but a recovery session; `password_session`: one made with a password.
- `member`, `administrator`: a session that opens the organization, of a member with that role; an administrator is a
  member too. `database_administrator`: of the database in question.
- `service_member`, `service_administrator`: a token of a service account with that role, whatever single sign-on asks
  of people (R1, R15). It never makes service accounts, tokens or setup links: those begin with a person.
- `recovery`: a session made with a recovery code or a mailed recovery link (R62).
- `setup_sso`, `setup_directory`, `setup_domain`: the bearer of a setup link, for the one thing it names (R7).
- `directory`: a directory's token, at /scim/v2 (R48); `operator`: the operator's token.

"""


def page() -> str:
    """The whole page."""
    columns = list(Standing)
    lines = [_row("operation", *(f"`{standing}`" for standing in columns)), _row(*["---"] * (len(columns) + 1))]
    lines += [
        _row(f"`{operation}`", *("yes" if standing in PERMISSIONS[operation] else "" for standing in columns))
        for operation in Operation
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
