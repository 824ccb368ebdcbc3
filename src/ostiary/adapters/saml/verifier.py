"""From a `SAMLResponse` form value to a verified response: guard, signatures, decryption, reading what was signed.

The verdict over what it says is `ostiary.domain.assertion.accept`; decided here is only who said it.
"""

from collections.abc import Generator
from contextlib import contextmanager

from lxml import etree

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml import guard
from ostiary.adapters.saml.decryption import decrypt, failed
from ostiary.adapters.saml.name_ids import reveal_name_id
from ostiary.adapters.saml.reader import read_assertion, read_envelope
from ostiary.adapters.saml.signature import SignedElement, signature_of, verify_signature
from ostiary.adapters.saml.xml import ENCRYPTED_ASSERTION, SUBJECT, Element
from ostiary.domain.assertion import STATUS_SUCCESS, Check, Reason, ResponseRefused, VerifiedResponse
from ostiary.services.saml_ports import Trust

# Of the form value. Most identity providers send 6,000 to 16,000; what is longer names many groups.
_BRIEF_CHARACTERS = 24_000


class SamlVerifier:
    """The `AssertionVerifier` port: a millisecond of work for what most send, in a thread what is longer."""

    def __init__(self, threads: BoundedThreads) -> None:
        self._threads = threads

    def ensure_room(self) -> None:
        """Raise `too_busy` where `verify` would."""
        self._threads.ensure_room()

    async def verify(self, saml_response: str, trust: Trust) -> VerifiedResponse:
        """The verified response; raises `ResponseRefused` with the checks made until then, the last of them failed."""
        brief = len(saml_response) <= _BRIEF_CHARACTERS
        return await (self._threads.brief if brief else self._threads.run)(verify, saml_response, trust)


def verify(saml_response: str, trust: Trust) -> VerifiedResponse:
    """What `SamlVerifier.verify` does, in the thread it is called from."""
    trail = _Trail()
    with trail.step("guard"):
        document = guard.decode(saml_response)
        trail.passed(f"{len(document)} bytes of XML, nothing in it but elements, attributes and text.")
    with trail.step("structure"):
        response = guard.parse_response(document)
        trail.passed("A SAML 2.0 Response, every part of it at its place.")
    with trail.step("status"):
        _require_assertion(response)
    with trail.step("response signature"):
        signed_response = _verified(trail, response, trust)
    # What was signed replaces what arrived.
    trusted = response if signed_response is None else signed_response.element
    with trail.step("encryption"):
        # `own` is where the assertion's own signature stands, `covered` what the response's signature vouches for.
        own, covered = _plain_assertion(trail, response, trusted, trust, ciphertext_signed=signed_response is not None)
    with trail.step("assertion signature"):
        signed_assertion = _verified(trail, own, trust)
        signer = signed_assertion or signed_response
        if signer is None:
            raise ResponseRefused(
                Reason.SIGNATURE_MISSING,
                "Neither the response nor the assertion is signed. Switch signing on at the identity provider.",
            )
    believed = covered if signed_assertion is None else signed_assertion.element
    with trail.step("NameID encryption"):
        subject = believed.find(SUBJECT)
        if subject is not None and reveal_name_id(subject, trust):
            trail.passed("The NameID was encrypted for this connection.")
    with trail.step("content"):
        envelope = read_envelope(trusted)
        assertion = read_assertion(believed)
    signed = {"response": signed_response, "assertion": signed_assertion}
    return VerifiedResponse(
        envelope=envelope,
        assertion=assertion,
        signed=frozenset(name for name, found in signed.items() if found is not None),
        certificate_fingerprint=signer.certificate.fingerprint_sha256,
        checks=tuple(trail.checks),
    )


class _Trail:
    """The checks made so far; what is refused within a step is refused with all of them."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self._step = ""

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        self._step = name
        try:
            yield
        except ResponseRefused as refusal:
            checks = (*self.checks, Check(name, passed=False, detail=refusal.detail))
            raise ResponseRefused(refusal.reason, refusal.detail, checks, status=refusal.status) from None

    def passed(self, detail: str) -> None:
        self.checks.append(Check(self._step, passed=True, detail=detail))


def _require_assertion(response: Element) -> None:
    """An answer without an assertion says why there is none; unsigned as it may be, it can only refuse."""
    if guard.assertion_of(response) is not None:
        return
    envelope = read_envelope(response)
    if envelope.status_code == STATUS_SUCCESS:
        raise ResponseRefused(Reason.STRUCTURE, "The response reports success but has no assertion.")
    raise ResponseRefused(Reason.STATUS, envelope.refusal, status=envelope.status)


def _verified(trail: _Trail, element: Element, trust: Trust) -> SignedElement | None:
    signature = signature_of(element)
    if signature is None:
        return None
    signed = verify_signature(element, signature, trust)
    warning = " SHA-1 can be forged: let the identity provider sign with RSA-SHA256." if signed.uses_sha1 else ""
    trail.passed(f"{signed.algorithm} by the certificate {signed.certificate.fingerprint_sha256}.{warning}")
    return signed


def _plain_assertion(
    trail: _Trail, response: Element, trusted: Element, trust: Trust, *, ciphertext_signed: bool
) -> tuple[Element, Element]:
    own, covered = guard.assertion_of(response), guard.assertion_of(trusted)
    if own is None or covered is None:
        raise ResponseRefused(Reason.STRUCTURE, "The response has no assertion.")
    if own.tag == ENCRYPTED_ASSERTION:
        try:
            plaintext = decrypt(covered, trust.decryption_keys, allow_cbc=trust.allow_aes_cbc and ciphertext_signed)
            assertion = guard.parse_decrypted(plaintext, covered)
        except etree.XMLSyntaxError:
            raise failed() from None
        trail.passed("The assertion was encrypted for this connection.")
        return assertion, assertion
    if trust.want_assertions_encrypted:
        raise ResponseRefused(
            Reason.STRUCTURE,
            "The assertion is not encrypted, and this connection wants it to be. Switch encryption on at the identity "
            "provider, with AES-GCM and the certificate of this connection's metadata.",
        )
    return own, covered
