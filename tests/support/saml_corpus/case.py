"""One row of the corpus: a document, what a connection trusts, and what must come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import Accepted, Expectation, Reason, accept
from ostiary.services.saml_ports import Trust
from tests.support.saml_factory import (
    ACS_URL,
    IDP_ENTITY_ID,
    NOW,
    REQUEST_ID,
    SP_ENTITY_ID,
    Element,
    Encrypting,
    Party,
    Said,
    Signing,
    assertion_in,
    encrypt,
    form_value,
    idp,
    party,
    response,
    sign,
    signed_response,
    to_bytes,
    trust,
)

Made = Element | bytes | str


@dataclass(frozen=True)
class Case:
    """`reason` is why the document must be refused; None says that it must be accepted, as `name_id`."""

    name: str
    make: Callable[[], Made]
    reason: Reason | None = None
    name_id: str = "bo@acme.test"
    certificates_of: tuple[Callable[[], Party], ...] = (idp,)
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    request_id: str | None = REQUEST_ID
    allow_unsolicited: bool = False

    def form_value(self) -> str:
        """What the browser posts."""
        return form_value(self.make())

    def trust(self) -> Trust:
        """Whose signature the connection believes; our key is always there to decrypt with."""
        parties = [of() for of in self.certificates_of]
        return trust(*parties, decryption_keys=(party("sp").as_sp_key(),), **self.settings)

    def decide(self) -> Accepted:
        """What the code under test makes of it; raises `ResponseRefused`."""
        expected = Expectation(
            idp_entity_id=IDP_ENTITY_ID,
            sp_entity_id=SP_ENTITY_ID,
            acs_url=ACS_URL,
            request_id=self.request_id,
            allow_unsolicited=self.allow_unsolicited,
            clock_skew=timedelta(seconds=60),
        )
        return accept(verify(self.form_value(), self.trust()), expected, NOW)


def says(name: str, said: Said, reason: Reason | None = None, **more: object) -> Case:
    """A well-signed response, accepted or refused for what it says."""
    return Case(name, lambda: signed_response(said), reason, **more)  # pyright: ignore[reportArgumentType]


def rewritten(name: str, old: str, new: str, reason: Reason | None = None, **more: object) -> Case:
    """A genuine response of which a piece was exchanged after it was signed."""

    def make() -> bytes:
        text = to_bytes(signed_response()).decode()
        assert old in text
        return text.replace(old, new, 1).encode()

    return Case(name, make, reason, **more)  # pyright: ignore[reportArgumentType]


def changed(name: str, change: Callable[[Element], object], reason: Reason | None = None, **more: object) -> Case:
    """A genuine response whose tree was changed after it was signed."""

    def make() -> Element:
        root = signed_response()
        change(root)
        return root

    return Case(name, make, reason, **more)  # pyright: ignore[reportArgumentType]


def resigned(
    name: str,
    change: Callable[[Element], object],
    reason: Reason | None = None,
    *,
    said: Said | None = None,
    how: Signing | None = None,
    **more: object,
) -> Case:
    """A response as the identity provider itself writes it: changed first, then signed."""

    def make() -> Element:
        root = response(said)
        change(root)
        sign(assertion_in(root), how)
        return root

    return Case(name, make, reason, **more)  # pyright: ignore[reportArgumentType]


def signed_so(name: str, how: Callable[[], Signing], reason: Reason | None = None, **more: object) -> Case:
    """A response signed in another manner."""
    return Case(name, lambda: signed_response(how=how()), reason, **more)  # pyright: ignore[reportArgumentType]


def encrypted(root: Element | None = None, **how: object) -> Element:
    """A response whose assertion was signed, then encrypted for us."""
    root = signed_response() if root is None else root
    encrypt(root, Encrypting(party("sp"), **how))  # pyright: ignore[reportArgumentType]
    return root


def encrypted_and_signed(root: Element | None = None, **how: object) -> Element:
    """A response signed over its ciphertext."""
    root = encrypted(response() if root is None else root, **how)
    sign(root)
    return root
