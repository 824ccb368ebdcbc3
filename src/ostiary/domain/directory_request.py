"""A request of an identity provider as it is remembered: without secrets, and cut to a size that can be kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import unquote_plus

from ostiary.domain.audit import JsonValue
from ostiary.domain.scim_quirks import Quirk

REDACTED = "[redacted]"
MAX_TEXT = 1_000
# Of a push of ten thousand members the first few tell what came.
MAX_ENTRIES = 25
# Texts and numbers kept of one body; a user has some forty.
MAX_VALUES = 400
_MAX_DEPTH = 8
_SECRET_NAME = re.compile(
    r"password|passwd|secret|token|credential|api[-_]?key|private[-_]?key|authorization", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"(?i)\bost_[a-z]+_[A-Za-z0-9_-]{8,}|\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
# The database stores no NUL, and half a surrogate pair is no text.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class DirectoryRequest:
    """What an identity provider sent and what it was answered.

    `duration_ms` of a write that succeeded is the time until it was committed. `found` is how many resources a list's
    filter matched. `unknown_attributes` are those no schema declares, which were stored and mean
    nothing. `missed_before` is how many reads before this one were not kept, because too many came at once.
    """

    id: str
    organization_id: str
    at: datetime
    method: str
    path: str
    query: str | None
    status: int
    duration_ms: int
    request_id: str | None = None
    user_agent: str | None = None
    scim_type: str | None = None
    detail: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    found: int | None = None
    body: JsonValue = None
    quirks: tuple[Quirk, ...] = ()
    unknown_attributes: tuple[str, ...] = ()
    missed_before: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether the identity provider was told that it cannot be done."""
        return self.status >= 400


def excerpt(body: JsonValue) -> JsonValue:
    """A body without passwords and tokens, long texts and lists cut short with a word about the rest."""
    return _Excerpt().of(body)


def text_excerpt(text: str) -> str:
    """A text that may be kept: without our secrets and bearer credentials, cut where it is long."""
    safe = _SECRET_TEXT.sub(REDACTED, _NO_TEXT.sub("\ufffd", text))
    return safe if len(safe) <= MAX_TEXT else f"{safe[:MAX_TEXT]}… ({len(safe) - MAX_TEXT} more characters)"


def query_excerpt(query: str) -> str | None:
    """A query string as people read it; one that looks for a secret is not kept."""
    if not query:
        return None
    readable = unquote_plus(query)
    return REDACTED if _SECRET_NAME.search(readable) else text_excerpt(readable)


class _Excerpt:
    """One body; counts what is kept of it."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def of(self, value: JsonValue, depth: int = 0) -> JsonValue:
        if isinstance(value, Mapping):
            return self._object(cast("Mapping[str, JsonValue]", value), depth)
        if isinstance(value, list):
            return self._list(value, depth)
        self._left -= 1
        return text_excerpt(value) if isinstance(value, str) else value

    def _object(self, value: Mapping[str, JsonValue], depth: int) -> JsonValue:
        if depth >= _MAX_DEPTH:
            return f"… ({len(value)} attributes)"
        # {"op": "replace", "path": "password", "value": "…"}: the name stands beside the value.
        path = next((part for key, part in value.items() if key.lower() == "path"), None)
        names_secret = isinstance(path, str) and _SECRET_NAME.search(path) is not None
        kept: dict[str, JsonValue] = {}
        for number, (key, part) in enumerate(value.items()):
            if self._left <= 0:
                kept["…"] = f"{len(value) - number} more attributes"
                break
            is_secret = _SECRET_NAME.search(key) or (names_secret and key.lower() == "value")
            kept[text_excerpt(key)] = REDACTED if is_secret and part is not None else self.of(part, depth + 1)
        return kept

    def _list(self, value: Sequence[JsonValue], depth: int) -> JsonValue:
        if depth >= _MAX_DEPTH:
            return f"… ({len(value)} entries)"
        kept: list[JsonValue] = []
        for number, entry in enumerate(value):
            if number >= MAX_ENTRIES or self._left <= 0:
                kept.append(f"… ({len(value) - number} more)")
                break
            kept.append(self.of(entry, depth + 1))
        return kept
