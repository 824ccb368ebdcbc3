"""Names beyond ASCII: stored in one spelling, shown in another, and told apart from those they imitate."""

import pytest

from ostiary.domain.idn import look_alike_warnings, to_a_labels, to_u_labels


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("acme.test", "acme.test"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("xn--strae-oqa.example", "straße.example"),
        ("mail.xn--bcher-kva.example", "mail.bücher.example"),
        # What decodes to no name of its own is shown as DNS has it.
        ("xn--zzzz.test", "xn--zzzz.test"),
        ("xn--acme-.test", "xn--acme-.test"),
    ],
)
def test_a_name_is_shown_as_people_read_it(stored: str, shown: str) -> None:
    assert to_u_labels(stored) == shown
    assert to_a_labels(shown) == stored


@pytest.mark.parametrize(
    ("shown", "warned_of"),
    [
        ("acme.test", ()),
        ("bücher.example", ()),
        ("тест.example", ()),
        ("日本語カタカナabc.example", ()),
        ("한국漢字.example", ()),
        ("\u0430pple.example", ("several scripts (Cyrillic, Latin)", "looks like apple.example")),
        ("\u0430\u0440\u0440\u04cf\u0435.example", ("looks like apple.example",)),
        ("\u03b1\u0431.example", ("several scripts (Cyrillic, Greek)",)),
    ],
)
def test_R3_a_name_that_imitates_another_is_warned_of(shown: str, warned_of: tuple[str, ...]) -> None:
    warnings = look_alike_warnings(to_a_labels(shown))
    assert len(warnings) == len(warned_of)
    for text, expected in zip(warnings, warned_of, strict=True):
        assert expected in text
