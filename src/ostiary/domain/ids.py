"""TypeIDs: a readable prefix and a UUIDv7 in Crockford base32, as `org_01h455vb4pex5vsknk084sn02q`.

Written here because the domain needs no package; the encoding is the one of the TypeID specification 0.3.
"""

import re
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# 26 characters of five bits each, two at a time; the first of 130 bits are always zero. A request has dozens of ids.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_PAIR_SHIFTS = tuple(range(120, -1, -10))
_SUFFIX = re.compile(f"[0-7][{_ALPHABET}]{{25}}")
# As `int` reads base 32.
_AS_BASE_32 = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")

ORGANIZATION = "org"
ACCOUNT = "usr"
MEMBER = "mem"
TEAM = "team"
INVITATION = "inv"
DOMAIN = "dom"
CONNECTION = "conn"
DIRECTORY = "dir"
DIRECTORY_REQUEST = "req"
DATABASE = "db"
CREDENTIAL = "cred"
TOKEN = "tok"
SESSION = "ses"
EVENT = "evt"
TRACE = "trace"
SP_KEY = "key"
SETUP_LINK = "setup"
WEBHOOK = "hook"
SERVICE_ACCOUNT = "svc"

PREFIXES = frozenset(
    {
        ORGANIZATION,
        ACCOUNT,
        MEMBER,
        TEAM,
        INVITATION,
        DOMAIN,
        CONNECTION,
        DIRECTORY,
        DIRECTORY_REQUEST,
        DATABASE,
        CREDENTIAL,
        TOKEN,
        SESSION,
        EVENT,
        TRACE,
        SP_KEY,
        SETUP_LINK,
        WEBHOOK,
        SERVICE_ACCOUNT,
    }
)


def uuid7(unix_milliseconds: int, randomness: bytes) -> UUID:
    """A UUIDv7 (RFC 9562 §5.7) from a time in milliseconds since 1970 and ten random bytes."""
    if len(randomness) != 10:
        raise ValueError("uuid7 needs exactly ten random bytes")
    value = (unix_milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(randomness)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def encode(prefix: str, value: UUID) -> str:
    """The TypeID of a UUID under a prefix."""
    number = value.int
    return f"{prefix}_{''.join([_PAIRS[number >> shift & 1023] for shift in _PAIR_SHIFTS])}"


def decode(prefix: str, text: str) -> UUID | None:
    """The UUID inside a TypeID, or None when the text is not a TypeID of that prefix."""
    head, separator, suffix = text.rpartition("_")
    if head != prefix or not separator or _SUFFIX.fullmatch(suffix) is None:
        return None
    return UUID(int=int(suffix.translate(_AS_BASE_32), 32))
