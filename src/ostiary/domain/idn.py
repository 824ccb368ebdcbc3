"""Domain names beyond ASCII: one spelling to store (A-labels), one to show (U-labels), and what looks like another.

Written here because the domain needs no package. The mapping is IDNA 2008's for what people type (RFC 5895): lower
case, compatibility characters replaced, and, other than in IDNA 2003, ß and ς kept as the letters they are.
"""

import unicodedata

_ACE = "xn--"
# The ideographic full stops that separate labels too (RFC 5895 §2).
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_ASCII_IN_A_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_CATEGORIES = frozenset("LMNS")
# Scripts that are written together (UTS 39 §5.2, "highly restrictive"), each also beside Latin.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
# Cyrillic, Greek and Armenian letters that cannot be told from a Latin one in most typefaces.
_LOOKS_LIKE = dict(
    zip(
        "аеорсухіјѕһԁԛԝӏανορυχιօսց",
        "aeopcyxijshdqwlavopuxioug",
        strict=True,
    )
)


def to_a_labels(name: str) -> str:
    """The name with every label as ASCII; raises ValueError for characters that no domain name has."""
    mapped = unicodedata.normalize("NFKC", name.translate(_DOTS).lower()).lower()
    return ".".join(_a_label(label) for label in mapped.split("."))


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    for character in label:
        known = character in _ASCII_IN_A_LABEL if character.isascii() else _is_letterlike(character)
        if not known:
            raise ValueError(f"{character!r} is in no domain name")
    if unicodedata.category(label[0]).startswith("M"):
        raise ValueError("a label begins with a mark")
    return _ACE + label.encode("punycode").decode("ascii")


def _is_letterlike(character: str) -> bool:
    return unicodedata.category(character)[0] in _CATEGORIES


def to_u_labels(name: str) -> str:
    """The name as people read it; a label that stands for no name of its own is shown as it is."""
    return ".".join(_u_label(label) for label in name.split("."))


def _u_label(label: str) -> str:
    if not label.startswith(_ACE):
        return label
    try:
        shown = label.removeprefix(_ACE).encode("ascii").decode("punycode")
        return shown if to_a_labels(shown) == label else label
    except ValueError:
        return label


def look_alike_warnings(name: str) -> tuple[str, ...]:
    """What a person should know before trusting how an internationalized name looks; `name` is of A-labels."""
    shown = to_u_labels(name)
    warnings: list[str] = []
    for label in shown.split("."):
        scripts = _scripts(label)
        if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
            named = ", ".join(sorted(script.capitalize() for script in scripts))
            warnings.append(f"{label!r} mixes letters of several scripts ({named}), as names made to deceive do.")
    twin = "".join(_LOOKS_LIKE.get(character, character) for character in shown)
    if twin != shown and twin.isascii():
        warnings.append(f"It looks like {twin}, which is another domain.")
    return tuple(warnings)


def _scripts(label: str) -> frozenset[str]:
    """The scripts of the label's letters, as their Unicode names begin; digits and hyphens belong to every script."""
    names = (unicodedata.name(character, "UNKNOWN") for character in label if unicodedata.category(character)[0] == "L")
    return frozenset(name.split()[0] for name in names)
