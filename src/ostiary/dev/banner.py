"""What a newcomer needs next."""

from pathlib import Path
from typing import Protocol


class Addresses(Protocol):
    """Where everything is."""

    url: str
    idp_url: str
    dns_address: str
    operator_token: str


def banner(state: Addresses, data_dir: Path) -> str:
    """The text printed once everything is up."""
    return f"""
  Ostiary is running (development mode). Ctrl-C stops everything.

  Service            {state.url}
  API documentation  {state.url}/docs
  Operator token     {state.operator_token}
  Identity provider  {state.idp_url}
                     users ada@acme.test, bo@acme.test, cy@acme.test; password: password
                     metadata {state.idp_url}/metadata
  DNS                {state.dns_address}; publish TXT records at {state.idp_url}/dns
  Mail               {data_dir / "mail"}
  Data               {data_dir}

  See the whole story: run `make demo` in a second terminal.
"""
