"""An identity provider's metadata over HTTP: read again by hand and by the clock, staged, applied, discarded."""

import asyncio
import threading
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ostiary.domain.connection import Connection, Provider
from ostiary.domain.errors import DomainError
from ostiary.domain.idp_metadata import MetadataChangeKind
from ostiary.services.connection_book import ConnectionView
from ostiary.services.connection_checks import ConnectionCheckService
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionChange, ConnectionDraft
from ostiary.services.versions import version_of
from tests.support.house import House, Person
from tests.support.saml_factory import Party, party
from tests.support.sso import connect, enable, identity_provider
from tests.support.web import serve
from tests.unit.adapters.saml.test_metadata import REDIRECT, entity, key, service

DAY = timedelta(days=1)
ISSUER = "https://idp.acme.test/metadata"


@dataclass
class Publisher:
    """An identity provider's metadata, as it is published now."""

    url: str = ""
    status: int = 200
    entity_id: str = ISSUER
    sso_url: str = "https://idp.acme.test/sso"
    signers: list[str] = field(default_factory=lambda: ["first"])
    asked: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)
    # Lets answers go out; a test may hold them back.
    gate: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the metadata."""
        if scope["type"] != "http":
            return
        self.asked += 1
        self.arrived.set()
        await asyncio.to_thread(self.gate.wait, 20)
        keys = "".join(key(signing(signer)) for signer in self.signers)
        services = service("SingleSignOnService", REDIRECT, self.sso_url)
        body = entity(entity_id=self.entity_id, keys=keys, services=services)
        await Response(body, self.status, media_type="application/samlmetadata+xml")(scope, receive, send)


def signing(signer: str) -> Party:
    return party("ended", valid=(-400 * DAY, -DAY * 300)) if signer == "ended" else identity_provider(signer)


def fingerprint(signer: str) -> str:
    return signing(signer).certificate.fingerprint_sha256


@pytest.fixture
def published() -> Generator[Publisher]:
    publisher = Publisher()
    with serve(lambda _url: publisher) as url:
        publisher.url = f"{url}/metadata"
        publisher.gate.set()
        yield publisher


@pytest.fixture
def checks(house: House) -> ConnectionCheckService:
    return house.connection_checks


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def connection(house: House, ada: Person, published: Publisher) -> Connection:
    """An active connection that has its identity provider from the metadata's URL, with SSO on."""
    idp = await connect(house, ada)
    source = IdpSource(metadata_url=published.url)
    await house.services.connections.update(ada.caller, "acme", idp.connection.id, ConnectionChange(idp=source))
    await enable(house, ada)
    return await look(house, idp.connection.organization_id, idp.connection.id)


async def look(house: House, organization_id: str, connection_id: str) -> Connection:
    async with house.uow() as uow:
        found = await uow.connections.get(organization_id, connection_id)
    assert found is not None
    return found


def known(connection: Connection) -> set[str]:
    assert connection.idp is not None
    return {certificate.fingerprint_sha256 for certificate in connection.idp.certificates}


async def refresh(house: House, ada: Person, connection: Connection) -> ConnectionView:
    return await house.services.connection_metadata.refresh(ada.caller, "acme", connection.id)


async def test_a_refresh_takes_new_certificates_and_keeps_vanished_ones_until_an_administrator_confirms(
    house: House, ada: Person, connection: Connection, published: Publisher
) -> None:
    published.signers = ["second"]
    view = await refresh(house, ada, connection)
    assert known(view.connection) == {fingerprint("first"), fingerprint("second")}
    assert view.staged is not None
    assert fingerprint("first") in view.warnings[1]
    [change] = view.staged.changes
    assert (change.kind, change.before) == (MetadataChangeKind.CERTIFICATE_WITHDRAWN, fingerprint("first"))
    # It is shown, and mailed to nobody.
    assert not [mail for mail in await house.mails() if "metadata" in mail.subject]
    applied = await house.services.connection_metadata.apply(ada.caller, "acme", connection.id)
    assert known(applied.connection) == {fingerprint("second")}
    assert applied.staged is None
    assert len(await house.events("connection.metadata_applied")) == 1


async def test_R4_a_new_issuer_is_staged_and_reported_never_applied_by_itself(
    house: House, ada: Person, connection: Connection, published: Publisher
) -> None:
    published.entity_id, published.sso_url, published.signers = "https://evil.test", "https://evil.test/sso", ["evil"]
    view = await refresh(house, ada, connection)
    assert view.connection.idp == connection.idp
    assert view.staged is not None
    assert [change.kind for change in view.staged.changes] == [
        MetadataChangeKind.ISSUER,
        MetadataChangeKind.SSO_HOST,
        MetadataChangeKind.CERTIFICATE_WITHDRAWN,
    ]
    [mail] = [mail for mail in await house.mails() if "waits for you" in mail.subject]
    assert mail.to == "ada@acme.test"
    assert "the issuer from https://idp.acme.test/metadata to https://evil.test" in mail.text
    # Once for the same document, however often it is read.
    await refresh(house, ada, connection)
    assert len([mail for mail in await house.mails() if "waits for you" in mail.subject]) == 1
    assert len(await house.events("connection.metadata_staged")) == 1
    shown = await house.services.connection_metadata.staged(ada.caller, "acme", connection.id)
    assert shown == view.staged


async def test_a_discarded_document_is_not_reported_again_and_another_is(
    house: House, ada: Person, connection: Connection, published: Publisher
) -> None:
    metadata = house.services.connection_metadata
    published.entity_id = "https://moved.test"
    await refresh(house, ada, connection)
    discarded = await metadata.discard(ada.caller, "acme", connection.id)
    assert (discarded.staged, discarded.connection.idp) == (None, connection.idp)
    assert (await refresh(house, ada, connection)).staged is None
    for act in (metadata.staged, metadata.apply, metadata.discard):
        with pytest.raises(DomainError, match="staged_metadata_not_found"):
            await act(ada.caller, "acme", connection.id)
    published.entity_id = "https://moved-again.test"
    assert (await refresh(house, ada, connection)).staged is not None
    published.entity_id = ISSUER
    assert (await refresh(house, ada, connection)).staged is None


async def test_what_was_staged_since_is_not_applied_unseen(
    house: House, ada: Person, connection: Connection, published: Publisher
) -> None:
    metadata = house.services.connection_metadata
    published.entity_id = "https://moved.test"
    seen = version_of((await refresh(house, ada, connection)).staged)
    published.entity_id = "https://evil.test"
    await refresh(house, ada, connection)
    hasty = replace(ada.caller, seen=frozenset({seen}))
    for act in (metadata.apply, metadata.discard):
        with pytest.raises(DomainError, match="version_mismatch"):
            await act(hasty, "acme", connection.id)
    after = await look(house, connection.organization_id, connection.id)
    assert after.idp == connection.idp


async def test_R4_metadata_nobody_could_sign_in_by_is_not_applied_while_sso_is_on(
    house: House, ada: Person, connection: Connection, published: Publisher
) -> None:
    published.signers = ["ended"]
    view = await refresh(house, ada, connection)
    assert view.staged is not None
    assert view.staged.changes[0].kind is MetadataChangeKind.NO_VALID_CERTIFICATE
    with pytest.raises(DomainError, match="sso_in_use"):
        await house.services.connection_metadata.apply(ada.caller, "acme", connection.id)
    assert (await house.services.connection_metadata.staged(ada.caller, "acme", connection.id)) == view.staged


async def test_describing_the_identity_provider_anew_settles_what_waited(
    house: House, ada: Person, connection: Connection, published: Publisher
) -> None:
    published.entity_id = "https://moved.test"
    await refresh(house, ada, connection)
    change = ConnectionChange(idp=IdpSource(metadata_url=published.url))
    view = await house.services.connections.update(ada.caller, "acme", connection.id, change)
    assert (view.staged, view.connection.idp and view.connection.idp.entity_id) == (None, "https://moved.test")


async def test_what_was_read_from_an_address_that_was_replaced_meanwhile_is_not_taken_over(
    house: House, ada: Person, connection: Connection, published: Publisher
) -> None:
    assert connection.idp is not None
    published.signers = ["second"]
    published.gate.clear()
    published.arrived.clear()
    reading = asyncio.create_task(refresh(house, ada, connection))
    await asyncio.to_thread(published.arrived.wait, 20)
    by_hand = IdpSource(
        entity_id=ISSUER,
        sso_url=connection.idp.sso_url,
        certificates=(identity_provider("first").certificate_pem,),
    )
    await house.services.connections.update(ada.caller, "acme", connection.id, ConnectionChange(idp=by_hand))
    published.gate.set()
    with pytest.raises(DomainError, match="connection_changed"):
        await reading
    assert known(await look(house, connection.organization_id, connection.id)) == {fingerprint("first")}


async def test_metadata_is_read_every_day_by_whichever_worker_comes_first(
    house: House, connection: Connection, published: Publisher, checks: ConnectionCheckService
) -> None:
    published.signers, published.asked = ["first", "second"], 0
    assert await checks.refresh_metadata() == {}
    house.clock.turn(DAY)
    counts = await asyncio.gather(checks.refresh_metadata(), checks.refresh_metadata())
    assert sorted(map(dict, counts), key=len) == [{}, {"read": 1}]
    assert published.asked == 1
    after = await look(house, connection.organization_id, connection.id)
    assert known(after) == {fingerprint("first"), fingerprint("second")}
    assert after.metadata_refreshed_at is not None
    assert len(await house.events("connection.metadata_refreshed")) == 1
    # Nothing is new the next day, so nothing is told.
    house.clock.turn(DAY)
    assert await checks.refresh_metadata() == {"read": 1}
    assert len(await house.events("connection.metadata_refreshed")) == 1


async def test_the_clock_stages_what_it_must_not_apply(
    house: House, connection: Connection, published: Publisher, checks: ConnectionCheckService
) -> None:
    published.sso_url = "https://evil.test/sso"
    house.clock.turn(DAY)
    await checks.refresh_metadata()
    assert (await look(house, connection.organization_id, connection.id)).idp == connection.idp
    [event] = await house.events("connection.metadata_staged")
    assert event.actor.kind == "system"
    assert [mail.to for mail in await house.mails() if "waits for you" in mail.subject] == ["ada@acme.test"]


async def test_metadata_that_cannot_be_read_changes_nothing_and_warns(
    house: House, ada: Person, connection: Connection, published: Publisher, checks: ConnectionCheckService
) -> None:
    published.status = 500
    house.clock.turn(DAY)
    assert await checks.refresh_metadata() == {"unreadable": 1}
    house.clock.turn(DAY / 24)
    assert await checks.refresh_metadata() == {"unreadable": 1}
    view = await house.services.connections.get(ada.caller, "acme", connection.id)
    assert view.connection.idp == connection.idp
    assert any("status 500" in warning for warning in view.warnings)
    assert len(await house.events("connection.metadata_unreadable")) == 1
    published.status = 200
    house.clock.turn(DAY / 24)
    assert await checks.refresh_metadata() == {"read": 1}
    view = await house.services.connections.get(ada.caller, "acme", connection.id)
    assert not any("could not be read" in warning for warning in view.warnings)


async def test_a_deleted_organization_is_left_alone(
    house: House, ada: Person, connection: Connection, published: Publisher, checks: ConnectionCheckService
) -> None:
    await house.services.organization_deletion.delete(ada.caller, "acme")
    published.asked = 0
    house.clock.turn(20 * DAY)
    assert (await checks.refresh_metadata(), await checks.warn_of_expiry(), published.asked) == ({}, 0, 0)


async def test_administrators_are_told_of_certificates_that_end_once_for_each_moment(
    house: House, connection: Connection, checks: ConnectionCheckService
) -> None:
    assert connection.idp is not None
    ends = connection.idp.certificates[0].not_after
    house.clock.turn(ends - 20 * DAY - house.clock.now())
    counts = await asyncio.gather(checks.warn_of_expiry(), checks.warn_of_expiry())
    assert sorted(counts) == [0, 1]
    assert await checks.warn_of_expiry() == 0
    for left in (7, 1, 0):
        house.clock.turn(ends - left * DAY - house.clock.now() + timedelta(seconds=1))
        assert (await checks.warn_of_expiry(), await checks.warn_of_expiry()) == (1, 0)
    told = [event.after["days_left"] for event in await house.events("connection.certificate_expiring")]
    assert told == [0, 1, 7, 20]
    subjects = [mail.subject for mail in await house.mails() if mail.subject.startswith(("Sign-in to", "Nobody can"))]
    assert subjects == [
        "Sign-in to Acme stops in 20 days",
        "Sign-in to Acme stops in 7 days",
        "Sign-in to Acme stops in 1 day",
        "Nobody can sign in to Acme",
    ]


async def test_nobody_is_told_of_a_connection_nobody_signs_in_through(
    house: House, ada: Person, published: Publisher, checks: ConnectionCheckService
) -> None:
    idp = await connect(house, ada)
    await house.services.connections.deactivate(ada.caller, "acme", idp.connection.id)
    house.clock.turn(10_000 * DAY)
    assert await checks.warn_of_expiry() == 0


async def test_more_than_a_batch_is_read_in_one_run(
    house: House, ada: Person, connection: Connection, published: Publisher, checks: ConnectionCheckService
) -> None:
    draft = ConnectionDraft(name="More", provider=Provider.OKTA, idp=IdpSource(metadata_url=published.url))
    for _ in range(25):
        await house.services.connections.create(ada.caller, "acme", draft)
    house.clock.turn(DAY)
    published.asked = 0
    assert await checks.refresh_metadata() == {"read": 26}
    assert published.asked == 26
