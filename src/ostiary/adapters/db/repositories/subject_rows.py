"""Stored subjects ↔ NameIDs."""

from dataclasses import asdict
from typing import Any

from ostiary.domain.assertion import NameId


def read_subject(stored: dict[str, str] | None) -> NameId | None:
    """The NameID of a stored subject."""
    if stored is None:
        return None
    return NameId(stored["value"], stored.get("format"), stored.get("name_qualifier"), stored.get("sp_name_qualifier"))


def subject_values(subject: NameId | None) -> dict[str, Any] | None:
    """What is stored of a NameID."""
    if subject is None:
        return None
    return {"key": subject.key} | {name: value for name, value in asdict(subject).items() if value is not None}
