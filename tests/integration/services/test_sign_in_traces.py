"""What is kept of a sign-in: enough to mend it, nothing to sign in with (R63)."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from ostiary.adapters.db.tables import metadata
from ostiary.domain.assertion import Reason
from ostiary.domain.connection import AttributeMapping
from ostiary.domain.errors import DomainError
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionChange
from ostiary.services.paging import PageRequest
from ostiary.services.ports.sign_in import Outcome, Trace
from ostiary.services.sign_in_start import SignInWish
from tests.support.house import House, Person
from tests.support.saml_factory import NOW, Signing, form_value, one, party, signed_response
from tests.support.sso import Idp, connect, enable


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    """An active connection of acme, where SSO is on."""
    idp = await connect(house, ada)
    await enable(house, ada)
    return idp


async def refusal(house: House, ada: Person, idp: Idp, answer: str, relay_state: str | None) -> Trace:
    """The trace of an answer that is refused."""
    with pytest.raises(DomainError) as caught:
        await house.services.sign_in_arrival.receive(idp.connection.id, answer, relay_state)
    return await house.services.sign_in_log.get(ada.caller, "acme", str(caught.value.extra["trace_id"]))


async def test_a_certificate_that_expired_is_named_with_its_days(house: House, ada: Person, idp: Idp) -> None:
    soon = house.clock.now() + timedelta(days=1)
    ending = party("ending idp", valid=(timedelta(days=-30), soon - NOW))
    both = (ending.certificate_pem, idp.party.certificate_pem)
    source = IdpSource(entity_id=idp.entity_id, sso_url="https://idp.test/sso", certificates=both)
    await house.services.connections.update(ada.caller, "acme", idp.connection.id, ConnectionChange(idp=source))
    house.clock.turn(timedelta(days=2))
    request_id, relay_state = await idp.depart()
    answer = signed_response(idp.says(request_id, "bo@acme.test"), how=Signing(by=ending))
    trace = await refusal(house, ada, idp, form_value(answer), relay_state)
    assert (trace.code, trace.steps[-1].name) == (Reason.CERTIFICATE_EXPIRED, "assertion signature")
    assert trace.hint is not None
    assert ending.certificate.fingerprint_sha256 in trace.hint
    assert ending.certificate.not_after.isoformat() in trace.hint
    assert "Renew it at the identity provider" in trace.hint


async def test_R4_where_all_certificates_expired_a_sign_in_that_cannot_begin_is_traced(
    house: House, ada: Person, idp: Idp
) -> None:
    soon = house.clock.now() + timedelta(days=1)
    ending = party("ending idp", valid=(timedelta(days=-30), soon - NOW))
    source = IdpSource(entity_id=idp.entity_id, sso_url="https://idp.test/sso", certificates=(ending.certificate_pem,))
    await house.services.connections.update(ada.caller, "acme", idp.connection.id, ConnectionChange(idp=source))
    house.clock.turn(timedelta(days=2))
    with pytest.raises(DomainError) as caught:
        await house.services.sign_in_start.start("acme", SignInWish())
    assert caught.value.code == "connection_not_active"
    assert "certificate" not in caught.value.detail
    trace = await house.services.sign_in_log.get(ada.caller, "acme", str(caught.value.extra["trace_id"]))
    assert (trace.outcome, trace.code, trace.steps[0].name) == (
        Outcome.REFUSED,
        Reason.CERTIFICATE_EXPIRED,
        "connection",
    )
    assert trace.hint is not None
    assert ending.certificate.fingerprint_sha256 in trace.hint
    assert ending.certificate.not_after.isoformat() in trace.hint


async def test_a_connection_of_somebody_elses_or_of_nobody_leaves_no_trace(house: House, ada: Person, idp: Idp) -> None:
    before = await house.services.sign_in_log.list(ada.caller, "acme", PageRequest())
    with pytest.raises(DomainError) as caught:
        await house.services.sign_in_start.start("acme", SignInWish(connection_id=f"{idp.connection.id}0"))
    assert (caught.value.code, caught.value.extra) == ("connection_not_active", {})
    assert await house.services.sign_in_log.list(ada.caller, "acme", PageRequest()) == before


async def test_a_mapped_attribute_that_is_missing_is_named_with_those_received(
    house: House, ada: Person, idp: Idp
) -> None:
    change = ConnectionChange(attribute_mapping=AttributeMapping(id="employeeId"))
    await house.services.connections.update(ada.caller, "acme", idp.connection.id, change)
    request_id, relay_state = await idp.depart()
    trace = await refusal(house, ada, idp, idp.signed(idp.says(request_id, "bo@acme.test")), relay_state)
    assert trace.code == trace.steps[-1].name == Reason.MISSING_ATTRIBUTE
    assert trace.hint == (
        "The assertion has no stable id for the person: send the attribute 'employeeId'. "
        "Attributes received: email, firstName."
    )


async def everything(house: House) -> str:
    """All that is stored, as text."""
    rows: list[str] = []
    async with house.uow() as uow:
        for table in metadata.sorted_tables:
            found = await uow._transaction.execute(text(f"SELECT t::text AS row FROM {table.name} t"))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
            rows += [str(row.row) for row in found]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType]
    return "\n".join(rows)


async def test_nothing_that_is_kept_of_a_response_can_be_handed_in_again(
    house: House, ada: Person, idp: Idp, caplog: pytest.LogCaptureFixture
) -> None:
    """Accepted or refused, with a valid signature or none: neither document nor signature are stored or logged."""
    caplog.set_level(logging.DEBUG)
    request_id, relay_state = await idp.depart()
    good = idp.says(request_id, "bo@acme.test")
    for said in (
        replace(good, assertion_id="_expired", not_on_or_after=NOW),
        replace(good, assertion_id="_elsewhere", audiences=(("https://elsewhere.test",),)),
        replace(good, assertion_id="_stranger", name_id="bo@other.test", attributes={}),
    ):
        await refusal(house, ada, idp, idp.signed(said), relay_state)
    unsolicited = idp.signed(idp.says(None, "bo@acme.test"))
    await refusal(house, ada, idp, unsolicited, None)
    accepted = signed_response(good, how=Signing(by=idp.party))
    await house.services.sign_in_arrival.receive(idp.connection.id, form_value(accepted), relay_state)

    kept = await everything(house) + caplog.text
    assert "bo@acme.test" in kept
    assert relay_state not in kept
    signature = one(accepted, "saml:Assertion/ds:Signature/ds:SignatureValue").text or ""
    assert "".join(signature.split())[:60] not in "".join(kept.split())
    assert form_value(accepted)[:200] not in kept
    assert unsolicited[:200] not in kept
    assert "<saml:Assertion" not in kept
    assert "SignatureValue" not in kept
