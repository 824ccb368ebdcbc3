"""Our keys change without a gap: an identity provider may take its time at every step."""

import base64
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from ostiary.domain.connection import KeyRotationStep
from ostiary.domain.errors import DomainError
from ostiary.services.cleanup import CleanupService
from ostiary.services.connection_book import ConnectionView
from ostiary.services.connections import ConnectionChange
from ostiary.services.ports.sign_in import Outcome
from ostiary.services.sign_in_start import SignInWish
from tests.support.house import House, Person
from tests.support.saml_factory import Encrypting, Signing, encrypt, form_value, signed_response
from tests.support.sso import CHALLENGE, REDIRECT_URI, Idp, connect, enable

BEGIN, COMPLETE, CANCEL = KeyRotationStep.BEGIN, KeyRotationStep.COMPLETE, KeyRotationStep.CANCEL
NAMES = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    """The identity provider of acme, which encrypts, with SSO on."""
    idp = await connect(house, ada)
    change = ConnectionChange(want_assertions_encrypted=True)
    await house.services.connections.update(ada.caller, "acme", idp.connection.id, change)
    await enable(house, ada)
    return idp


async def rotate(house: House, ada: Person, idp: Idp, step: KeyRotationStep) -> ConnectionView:
    return await house.services.sp_key_rotation.rotate(ada.caller, "acme", idp.connection.id, step)


async def published(house: House, idp: Idp, use: str) -> list[str]:
    """The certificates of one use in our metadata."""
    metadata = etree.fromstring(await house.services.sign_in_start.sp_metadata(idp.connection.id))
    return [
        str(item.text) for item in metadata.iterfind(f".//md:KeyDescriptor[@use='{use}']//ds:X509Certificate", NAMES)
    ]


def body(pem: str | None) -> str:
    assert pem is not None
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


async def signer(house: House, idp: Idp, *pems: str) -> int:
    """Which of the certificates verifies the AuthnRequest we send."""
    wish = SignInWish(REDIRECT_URI, "s", CHALLENGE, connection_id=idp.connection.id)
    query = urlsplit((await house.services.sign_in_start.start("acme", wish)).message.url).query
    signed, _, signature = query[query.index("SAMLRequest=") :].rpartition("&Signature=")
    for number, pem in enumerate(pems):
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(base64.b64decode(unquote(signature)), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return number
    raise AssertionError("no certificate of ours verifies it")


async def sign_in(idp: Idp, pem: str) -> Outcome:
    """A sign-in whose assertion is encrypted for the certificate."""
    request_id, relay_state = await idp.depart()
    root = signed_response(idp.says(request_id, "bo@acme.test"), what="assertion", how=Signing(by=idp.party))
    encrypt(root, Encrypting(to=replace(idp.party, certificate_pem=pem)))
    arrived = await idp.house.services.sign_in_arrival.receive(idp.connection.id, form_value(root), relay_state)
    return arrived.trace.outcome


async def test_every_step_works_with_an_identity_provider_that_knows_the_old_or_the_new_key(
    house: House, ada: Person, idp: Idp
) -> None:
    old = (await house.services.connections.get(ada.caller, "acme", idp.connection.id)).sp_certificate_pem
    begun = await rotate(house, ada, idp, BEGIN)
    new = begun.next_sp_certificate_pem
    assert new is not None
    assert new != old
    assert "sp.next_certificate" in " ".join(begun.warnings)
    assert await published(house, idp, "signing") == [body(old), body(new)]
    assert await published(house, idp, "encryption") == [body(new)]
    # An identity provider that knows the old one alone, and one that has read the metadata.
    assert await signer(house, idp, old, new) == 0
    assert [await sign_in(idp, pem) for pem in (old, new)] == [Outcome.SUCCEEDED] * 2

    completed = await rotate(house, ada, idp, COMPLETE)
    assert (completed.sp_certificate_pem, completed.next_sp_certificate_pem) == (new, None)
    assert await published(house, idp, "signing") == [body(new)]
    assert await signer(house, idp, old, new) == 1
    assert [await sign_in(idp, pem) for pem in (old, new)] == [Outcome.SUCCEEDED] * 2


async def test_the_old_key_decrypts_for_thirty_days_and_is_deleted_then(house: House, ada: Person, idp: Idp) -> None:
    old = (await house.services.connections.get(ada.caller, "acme", idp.connection.id)).sp_certificate_pem
    await rotate(house, ada, idp, BEGIN)
    new = (await rotate(house, ada, idp, COMPLETE)).sp_certificate_pem
    house.clock.turn(timedelta(days=29))
    await CleanupService(house.kit).run()
    assert await sign_in(idp, old) is Outcome.SUCCEEDED
    house.clock.turn(timedelta(days=2))
    assert (await CleanupService(house.kit).run())["sp_keys"] == 1
    assert await sign_in(idp, new) is Outcome.SUCCEEDED
    with pytest.raises(DomainError, match="sign_in_refused"):
        await sign_in(idp, old)


async def test_a_rotation_is_begun_once_and_can_be_called_off(house: House, ada: Person, idp: Idp) -> None:
    before = await house.services.connections.get(ada.caller, "acme", idp.connection.id)
    first = await rotate(house, ada, idp, BEGIN)
    assert await rotate(house, ada, idp, BEGIN) == first
    assert len(await house.events("connection.key_rotation_begun")) == 1
    assert await rotate(house, ada, idp, CANCEL) == before
    for step in (COMPLETE, CANCEL):
        with pytest.raises(DomainError, match="no_key_rotation"):
            await rotate(house, ada, idp, step)
    again = await rotate(house, ada, idp, BEGIN)
    assert again.next_sp_certificate_pem not in (first.next_sp_certificate_pem, before.sp_certificate_pem)


async def test_connections_of_one_organization_rotate_one_by_one_to_the_same_key(
    house: House, ada: Person, idp: Idp
) -> None:
    other = await connect(house, ada, domains=("more.test",), name="second idp")
    first = await rotate(house, ada, idp, BEGIN)
    await rotate(house, ada, idp, COMPLETE)
    untouched = await house.services.connections.get(ada.caller, "acme", other.connection.id)
    assert untouched.next_sp_certificate_pem is None
    assert untouched.sp_certificate_pem != first.next_sp_certificate_pem
    second = await house.services.sp_key_rotation.rotate(ada.caller, "acme", other.connection.id, BEGIN)
    assert second.next_sp_certificate_pem == first.next_sp_certificate_pem
    # A key another connection still signs with is not retired.
    house.clock.turn(timedelta(days=60))
    assert "sp_keys" not in await CleanupService(house.kit).run()
