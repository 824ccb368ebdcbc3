"""What a setup link may touch, how long it lives, and whose word it lives on (R7)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.connection import Connection, ConnectionStatus, Provider
from ostiary.domain.directory import Directory
from ostiary.domain.domain_name import DomainStatus, EmailDomain
from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source
from ostiary.domain.setup_link import (
    SetupIntent,
    SetupLink,
    checked_lifetime,
    ensure_edits_connection,
    ensure_edits_directory,
    ensure_may_make,
    ensure_names_fit,
    ensure_proves_domain,
    ensure_sees_connection,
    ensure_sees_domain,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GIVEN = Provenance(Source.PERSON, "usr", NOW - DAY)
ADA = Member(
    id="mem",
    organization_id="org",
    account_id="usr",
    email="ada@acme.test",
    name="Ada",
    role=Role.ADMINISTRATOR,
    status=MemberStatus.ACTIVE,
    managed_by=ManagedBy.MANUAL,
    awaiting_first_sso_sign_in=False,
    joined_at=NOW - DAY,
    provenance=GIVEN,
    role_provenance=GIVEN,
)
LINK = SetupLink("setup", "org", SetupIntent.SSO, "mem", ADA.email, NOW, NOW + 7 * DAY)
TO_CONNECTION = replace(LINK, connection_id="conn")
TO_DOMAIN = replace(LINK, intent=SetupIntent.DOMAIN, domain_id="dom")
CONNECTION = Connection("conn", "org", "IdP", Provider.OKTA, ConnectionStatus.DRAFT, NOW)
DOMAIN = EmailDomain("dom", "org", "acme.test", DomainStatus.PENDING, "value", NOW)


@pytest.mark.parametrize(
    ("creator", "alive"),
    [
        (ADA, True),
        (replace(ADA, awaiting_first_sso_sign_in=True), True),
        (None, False),
        (replace(ADA, role=Role.MEMBER), False),
        (replace(ADA, status=MemberStatus.SUSPENDED), False),
        (replace(ADA, id="another"), False),
        # Demoted, and made administrator again since.
        (replace(ADA, role_provenance=replace(GIVEN, at=NOW + timedelta(seconds=1))), False),
    ],
)
def test_R7_a_link_lives_on_the_word_of_the_administrator_who_made_it(creator: Member | None, alive: bool) -> None:
    assert LINK.is_alive(creator, NOW + DAY) is alive


def test_R7_a_link_ends_when_it_says() -> None:
    assert LINK.is_alive(ADA, LINK.expires_at - timedelta(seconds=1))
    assert not LINK.is_alive(ADA, LINK.expires_at)


@pytest.mark.parametrize("seconds", [299, 7 * 86400 + 1, 0, -5])
def test_R7_a_link_lives_seven_days_at_most(seconds: int) -> None:
    assert checked_lifetime(7 * 86400) == 7 * DAY
    assert checked_lifetime(300) == timedelta(minutes=5)
    with pytest.raises(DomainError, match="invalid_lifetime"):
        checked_lifetime(seconds)


@pytest.mark.parametrize(
    ("intent", "connection_id", "domain_id", "pointer"),
    [
        (SetupIntent.SSO, "conn", None, None),
        (SetupIntent.DOMAIN, None, "dom", None),
        (SetupIntent.DIRECTORY, None, None, None),
        (SetupIntent.DOMAIN, "conn", None, "/connection_id"),
        (SetupIntent.DIRECTORY, "conn", None, "/connection_id"),
        (SetupIntent.SSO, None, "dom", "/domain_id"),
        (SetupIntent.DIRECTORY, None, "dom", "/domain_id"),
    ],
)
def test_R7_a_link_names_what_its_intent_is_about(
    intent: SetupIntent, connection_id: str | None, domain_id: str | None, pointer: str | None
) -> None:
    if pointer is None:
        ensure_names_fit(intent, connection_id, domain_id)
        return
    with pytest.raises(DomainError) as refused:
        ensure_names_fit(intent, connection_id, domain_id)
    assert (refused.value.code, refused.value.pointer) == ("invalid_setup_link", pointer)


@pytest.mark.parametrize(
    ("status", "editable"),
    [
        (ConnectionStatus.DRAFT, True),
        (ConnectionStatus.TESTING, True),
        (ConnectionStatus.ACTIVE, False),
        (ConnectionStatus.INACTIVE, False),
    ],
)
def test_R7_a_link_edits_the_draft_it_names_and_nothing_in_use(status: ConnectionStatus, editable: bool) -> None:
    connection = replace(CONNECTION, status=status)
    ensure_sees_connection(TO_CONNECTION, connection.id)
    if editable:
        ensure_edits_connection(TO_CONNECTION, connection)
    else:
        with pytest.raises(DomainError, match="connection_in_use"):
            ensure_edits_connection(TO_CONNECTION, connection)
    # Administrators are bound by other rules.
    ensure_edits_connection(None, connection)


@pytest.mark.parametrize("link", [LINK, replace(LINK, connection_id="another"), TO_DOMAIN])
def test_R7_to_a_link_there_is_nothing_but_what_it_names(link: SetupLink) -> None:
    for attempt in (
        lambda: ensure_sees_connection(link, "conn"),
        lambda: ensure_edits_connection(link, replace(CONNECTION, status=ConnectionStatus.ACTIVE)),
        lambda: ensure_sees_domain(link, "dom-2"),
        lambda: ensure_proves_domain(link, replace(DOMAIN, id="dom-2", status=DomainStatus.VERIFIED)),
    ):
        with pytest.raises(DomainError) as refused:
            attempt()
        assert refused.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize("status", [DomainStatus.VERIFIED, DomainStatus.FAILING])
def test_R7_a_link_proves_the_pending_domain_it_names(status: DomainStatus) -> None:
    ensure_proves_domain(TO_DOMAIN, DOMAIN)
    ensure_proves_domain(None, replace(DOMAIN, status=status))
    with pytest.raises(DomainError, match="domain_in_use"):
        ensure_proves_domain(TO_DOMAIN, replace(DOMAIN, status=status))


def test_R7_a_link_edits_the_directory_until_it_is_enabled() -> None:
    directory = Directory("dir", "org", enabled=False, created_at=NOW)
    link = replace(LINK, intent=SetupIntent.DIRECTORY)
    ensure_edits_directory(link, directory)
    ensure_edits_directory(None, replace(directory, enabled=True))
    with pytest.raises(DomainError, match="directory_in_use"):
        ensure_edits_directory(link, replace(directory, enabled=True))


def test_R7_a_link_makes_one_thing_and_no_second() -> None:
    ensure_may_make(None)
    ensure_may_make(LINK)
    for link in (TO_CONNECTION, TO_DOMAIN):
        with pytest.raises(DomainError, match="setup_link_names_another"):
            ensure_may_make(link)
