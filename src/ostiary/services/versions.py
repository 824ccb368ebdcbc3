"""Versions of resources, so that nobody overwrites what they have not seen (RFC 9110 §8.8.3, §13.1.1)."""

import base64
import json
from dataclasses import fields
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, cast

_BYTES = 12


def version_of(resource: object) -> str:
    """The version of a resource as a service hands it out: another one as soon as anything in it is another."""
    text = json.dumps(_plain(resource), sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(sha256(text.encode()).digest()[:_BYTES]).decode()


def _plain(value: object) -> object:
    """The value in JSON's terms, the same in every process: sets in order, moments in UTC."""
    match value:
        case None | str() | int() | float():
            plain = value
        case datetime():
            plain = value.timestamp()
        case timedelta():
            plain = value.total_seconds()
        case bytes():
            plain = value.hex()
        case dict():
            plain = {str(key): _plain(part) for key, part in cast("dict[object, object]", value).items()}
        case frozenset():
            plain = sorted(json.dumps(_plain(part)) for part in cast("frozenset[object]", value))
        case tuple() | list():
            plain = [_plain(part) for part in cast("list[object]", value)]
        case _:
            plain = {field.name: _plain(getattr(value, field.name)) for field in fields(cast("Any", value))}
    return plain
