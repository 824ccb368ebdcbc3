"""The passwords that are tried first, from a file beside this module."""

from functools import cache
from importlib.resources import files


@cache
def common_passwords() -> frozenset[str]:
    """Lower case; read once."""
    lines = files("ostiary.adapters").joinpath("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("# "))
