"""Keeps secrets out of the log: the last step before a line is written, whoever wrote it."""

import re
from collections.abc import Mapping
from typing import cast

REDACTED = "[redacted]"
_LONGEST = 4_000

# Keys whose values are secret whatever they look like; compared without case, `-` and `_`.
_SECRET_KEYS = frozenset(
    {
        "accesstoken",
        "apikey",
        "assertion",
        "authorization",
        "clientsecret",
        "codeverifier",
        "cookie",
        "currentpassword",
        "newpassword",
        "operatortoken",
        "password",
        "passwordhash",
        "privatekey",
        "proxyauthorization",
        "recoverycode",
        "relaystate",
        "samlrequest",
        "samlresponse",
        "secret",
        "secretkey",
        "setcookie",
        "signature",
        "token",
    }
)
_SECRET_NAMES = (
    r"SAMLResponse|SAMLRequest|RelayState|Signature|code[_-]?verifier"
    r"|(?:[\w-]*[_-])?(?:password|token|secret|secret[_-]?key|private[_-]?key|api[_-]?key)"
)
# What gives a secret away inside other text, and what is left of it.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Every secret of ours begins so; the kind may be told.
    (re.compile(r"\b(ost_[a-z]+_)[A-Za-z0-9_-]{8,}"), rf"\1{REDACTED}"),
    # Nothing after the name of such a header is worth the risk.
    (re.compile(r"(?im)\b((?:proxy-)?authorization|(?:set-)?cookie)\b(['\"]?\s*[:=,]).*$"), rf"\1\2 {REDACTED}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (
        re.compile(rf"(?i)\b({_SECRET_NAMES})\b(['\"]?\s*[:=]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s&,;'\"]+)"),
        rf"\1\2{REDACTED}",
    ),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@"), rf"\1:{REDACTED}@"),
    (re.compile(r"\$argon2[a-z]*\$[^\s'\")]+"), REDACTED),
    (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"), REDACTED),
    # A SAML message, as XML or in base64, where `<` comes out as P and a letter.
    (re.compile(r"(?s)<(?:[A-Za-z0-9_]+:)?(?:Response|EncryptedAssertion|Assertion|LogoutRe\w+)\b.*"), REDACTED),
    (re.compile(r"\bP[A-Z][A-Za-z0-9+/%]{80,}={0,2}"), REDACTED),
)


def redacted_text(text: str) -> str:
    """The text with every secret that can be recognised replaced, cut where it is absurdly long."""
    for pattern, left in _PATTERNS:
        text = pattern.sub(left, text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text) - _LONGEST} more characters)"


def redacted(value: object) -> object:
    """A loggable value without its secrets: mappings and sequences throughout, anything unknown as redacted text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        return redacted_items(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item) for item in cast("list[object]", value)]
    return redacted_text(repr(value))


def redacted_items(items: Mapping[object, object]) -> dict[str, object]:
    """A mapping with plain keys and redacted values; what is absent stays absent, so that one sees it was."""
    return {str(key): REDACTED if _is_secret(str(key)) and item else redacted(item) for key, item in items.items()}


def _is_secret(key: str) -> bool:
    return key.lower().replace("-", "").replace("_", "") in _SECRET_KEYS
