"""Who may do what: standings (R12, R17, R27) and the table of permissions (R1)."""

import pytest

from ostiary.domain.access import (
    PERMISSIONS,
    OrganizationView,
    Standing,
    ensure_permitted,
    operations_open_to,
    standings_in,
    standings_of_setup_link,
    standings_without_organization,
)
from ostiary.domain.account import SessionKind
from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.operation import Operation
from ostiary.domain.principal import OPERATOR, CredentialKind, Principal
from ostiary.domain.setup_link import SetupIntent

PASSWORD = Principal(CredentialKind.SESSION, "ses", "usr", "ada@acme.test", SessionKind.PASSWORD)
SSO_HERE = Principal(CredentialKind.SESSION, "ses", "usr", "ada@acme.test", SessionKind.SSO, "acme", "conn")
SSO_ELSEWHERE = Principal(CredentialKind.SESSION, "ses", "usr", "ada@acme.test", SessionKind.SSO, "bolts", "conn")
RECOVERY = Principal(CredentialKind.SESSION, "ses", "usr", "ada@acme.test", SessionKind.RECOVERY, "acme")
RECOVERY_ELSEWHERE = Principal(CredentialKind.SESSION, "ses", "usr", "ada@acme.test", SessionKind.RECOVERY, "bolts")
DIRECTORY = Principal(CredentialKind.DIRECTORY_TOKEN, "dir", organization_id="acme")


def view(
    *, member: bool = True, suspended: bool = False, administrator: bool = False, sso_required: bool = False
) -> OrganizationView:
    return OrganizationView(
        "acme",
        "http://ostiary.test/sso/acme",
        sso_required=sso_required,
        is_member=member,
        is_suspended=suspended,
        is_administrator=administrator,
    )


@pytest.mark.parametrize("principal", [PASSWORD, SSO_ELSEWHERE, RECOVERY, DIRECTORY, OPERATOR])
def test_a_stranger_may_not_even_know_that_the_organization_exists(principal: Principal) -> None:
    with pytest.raises(DomainError) as refused:
        standings_in(principal, view(member=False))
    assert (refused.value.kind, refused.value.code) == (Kind.NOT_FOUND, "organization_not_found")


@pytest.mark.parametrize(
    ("principal", "sso_required", "code"),
    [
        (PASSWORD, False, None),
        (PASSWORD, True, "sso_required"),
        (SSO_HERE, False, None),
        (SSO_HERE, True, None),
        (SSO_ELSEWHERE, False, "password_sign_in_required"),
        (SSO_ELSEWHERE, True, "sso_required"),
    ],
)
def test_R12_R27_a_session_opens_what_its_kind_opens(
    principal: Principal, sso_required: bool, code: str | None
) -> None:
    seen = view(sso_required=sso_required)
    if code is None:
        assert standings_in(principal, seen) == {Standing.SIGNED_IN, Standing.MEMBER}
        return
    with pytest.raises(DomainError) as refused:
        standings_in(principal, seen)
    assert (refused.value.kind, refused.value.code) == (Kind.FORBIDDEN, code)
    assert ("sign_in_url" in refused.value.extra) is (code == "sso_required")


@pytest.mark.parametrize("principal", [PASSWORD, SSO_HERE])
def test_R17_a_suspended_member_has_no_standing(principal: Principal) -> None:
    with pytest.raises(DomainError, match="membership_suspended"):
        standings_in(principal, view(suspended=True, administrator=True))


def test_R62_a_recovery_session_repairs_and_is_nothing_else() -> None:
    assert standings_in(RECOVERY, view(administrator=True, sso_required=True)) == {Standing.RECOVERY}
    opened = {operation for operation, standings in PERMISSIONS.items() if Standing.RECOVERY in standings}
    reading = {
        Operation.GET_SSO,
        Operation.PREVIEW_SSO_DISABLEMENT,
        Operation.LIST_CONNECTIONS,
        Operation.GET_CONNECTION,
        Operation.LIST_SIGN_INS,
        Operation.GET_SIGN_IN,
    }
    mending = {
        Operation.UPDATE_CONNECTION,
        Operation.REFRESH_CONNECTION_METADATA,
        Operation.GET_STAGED_METADATA,
        Operation.APPLY_STAGED_METADATA,
        Operation.DISCARD_STAGED_METADATA,
        Operation.ACTIVATE_CONNECTION,
        Operation.DEACTIVATE_CONNECTION,
        Operation.DISABLE_DIRECTORY,
        Operation.DISABLE_SSO,
    }
    assert opened == reading | mending | {Operation.SIGN_OUT}


@pytest.mark.parametrize(
    ("intent", "opened"),
    [
        (
            SetupIntent.SSO,
            {
                Operation.CREATE_CONNECTION,
                Operation.GET_CONNECTION,
                Operation.UPDATE_CONNECTION,
                Operation.REFRESH_CONNECTION_METADATA,
                Operation.GET_STAGED_METADATA,
                Operation.APPLY_STAGED_METADATA,
                Operation.DISCARD_STAGED_METADATA,
                Operation.TEST_CONNECTION,
            },
        ),
        (SetupIntent.DOMAIN, {Operation.ADD_DOMAIN, Operation.GET_DOMAIN, Operation.VERIFY_DOMAIN}),
        (SetupIntent.DIRECTORY, {Operation.GET_DIRECTORY, Operation.UPDATE_DIRECTORY}),
    ],
)
def test_R7_a_setup_link_opens_what_its_intent_needs_and_nothing_that_activates_or_enables(
    intent: SetupIntent, opened: set[Operation]
) -> None:
    assert operations_open_to(standings_of_setup_link(intent)) == opened | {Operation.GET_SETUP}


@pytest.mark.parametrize("intent", SetupIntent)
def test_R7_a_setup_link_has_no_standing_but_its_own(intent: SetupIntent) -> None:
    bearer = Principal(CredentialKind.SETUP_LINK, "setup", organization_id="acme", setup_intent=intent)
    assert standings_without_organization(bearer) == {Standing.ANYONE} | standings_of_setup_link(intent)
    with pytest.raises(DomainError, match="organization_not_found"):
        standings_in(bearer, view(administrator=True))


@pytest.mark.parametrize(
    ("principal", "seen"),
    [
        (RECOVERY, view()),
        (RECOVERY, view(administrator=True, suspended=True)),
        (RECOVERY_ELSEWHERE, view(administrator=True)),
    ],
)
def test_R62_a_recovery_session_is_worthless_to_whoever_is_no_administrator_here(
    principal: Principal, seen: OrganizationView
) -> None:
    with pytest.raises(DomainError, match="organization_not_found"):
        standings_in(principal, seen)


@pytest.mark.parametrize(
    ("principal", "standings"),
    [
        (None, {Standing.ANYONE}),
        (PASSWORD, {Standing.ANYONE, Standing.SIGNED_IN, Standing.PASSWORD_SESSION}),
        (SSO_HERE, {Standing.ANYONE, Standing.SIGNED_IN}),
        (RECOVERY, {Standing.ANYONE, Standing.RECOVERY}),
        (DIRECTORY, {Standing.ANYONE, Standing.DIRECTORY}),
        (OPERATOR, {Standing.ANYONE, Standing.OPERATOR}),
    ],
)
def test_a_caller_without_an_organization_is_what_the_credential_says(
    principal: Principal | None, standings: set[Standing]
) -> None:
    assert standings_without_organization(principal) == standings


def test_every_operation_stands_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Operation)
    assert all(PERMISSIONS.values())


@pytest.mark.parametrize("operation", list(Operation))
def test_nobody_passes_without_a_standing_and_the_anonymous_are_asked_to_sign_in(operation: Operation) -> None:
    with pytest.raises(DomainError) as refused:
        ensure_permitted(operation, frozenset(), PASSWORD)
    assert refused.value.kind is Kind.FORBIDDEN
    with pytest.raises(DomainError) as refused:
        ensure_permitted(operation, frozenset(), None)
    assert refused.value.kind is Kind.UNAUTHENTICATED


@pytest.mark.parametrize(
    "operation",
    [
        operation
        for operation in Operation
        if any(word in operation for word in ("_sso", "directory", "connection", "_domain", "recovery_codes"))
    ],
)
def test_R1_no_plain_member_or_database_administrator_touches_sso_or_directory_sync(operation: Operation) -> None:
    standings = frozenset({Standing.SIGNED_IN, Standing.MEMBER, Standing.DATABASE_ADMINISTRATOR})
    with pytest.raises(DomainError, match="forbidden"):
        ensure_permitted(operation, standings, SSO_HERE)


def test_R27_an_sso_session_cannot_change_the_password_or_found_an_organization() -> None:
    standings = standings_without_organization(SSO_HERE)
    for operation in (Operation.CHANGE_PASSWORD, Operation.CREATE_ORGANIZATION, Operation.ACCEPT_INVITATION):
        with pytest.raises(DomainError, match="forbidden"):
            ensure_permitted(operation, standings, SSO_HERE)
    ensure_permitted(Operation.GET_ME, standings, SSO_HERE)


def test_only_the_operator_has_the_operators_part() -> None:
    everybody_else = frozenset(Standing) - {Standing.OPERATOR}
    for operation in (Operation.SET_ENTITLEMENTS, Operation.LIST_ALL_ORGANIZATIONS):
        with pytest.raises(DomainError, match="forbidden"):
            ensure_permitted(operation, everybody_else, PASSWORD)
        ensure_permitted(operation, standings_without_organization(OPERATOR), OPERATOR)


def test_R48_a_directorys_token_provisions_and_does_nothing_else() -> None:
    here = standings_without_organization(DIRECTORY)
    ensure_permitted(Operation.PROVISION, here, DIRECTORY)
    assert operations_open_to(frozenset({Standing.DIRECTORY})) == {Operation.PROVISION}
    for other in (PASSWORD, SSO_HERE, RECOVERY, OPERATOR):
        with pytest.raises(DomainError, match="forbidden"):
            ensure_permitted(Operation.PROVISION, standings_without_organization(other), other)
