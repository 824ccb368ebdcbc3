"""When SSO can be enabled, and what keeps it usable (R2, R3, R4, R56)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.connection import (
    Certificate,
    Connection,
    ConnectionStatus,
    IdentityProvider,
    Provider,
    ensure_can_activate,
    identity_provider_tenant,
)
from ostiary.domain.domain_name import DomainStatus, EmailDomain
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import Role
from ostiary.domain.organization import AddOn, Organization, Plan, SsoSettings
from ostiary.domain.sso_policy import (
    ROLES_KEPT,
    ROLES_REMOVED,
    allowed_domains,
    ensure_entitled,
    ensure_ready,
    ensure_sso_stays_usable,
    sign_in_domains,
    sign_in_footing,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)

ACME = Organization("org", "acme", "Acme", Plan.ENTERPRISE, NOW)
DOMAIN = EmailDomain("dom", "org", "acme.test", DomainStatus.VERIFIED, "value", NOW, verified_at=NOW)
IDP = IdentityProvider("https://idp/", "https://idp/sso", (Certificate("fp", NOW - DAY, NOW + 90 * DAY, "MII"),))
CONNECTION = Connection(
    "conn", "org", "IdP", Provider.OKTA, ConnectionStatus.ACTIVE, NOW, idp=IDP, domain_ids=("dom",), tested_at=NOW
)


def ready(connection: Connection = CONNECTION, domain: EmailDomain = DOMAIN, *, acknowledge: bool = False) -> None:
    ensure_ready(ACME, (connection,), (domain,), NOW, acknowledge_untested=acknowledge)


def test_R4_a_tested_active_connection_with_a_verified_domain_is_ready() -> None:
    ready()


@pytest.mark.parametrize("status", [ConnectionStatus.DRAFT, ConnectionStatus.TESTING, ConnectionStatus.INACTIVE])
def test_R4_a_connection_that_is_not_active_does_not_carry_sso(status: ConnectionStatus) -> None:
    with pytest.raises(DomainError, match="sso_not_ready"):
        ready(replace(CONNECTION, status=status))


def test_R4_an_expired_certificate_does_not_carry_sso() -> None:
    expired = replace(IDP, certificates=(Certificate("fp", NOW - 9 * DAY, NOW, "MII"),))
    with pytest.raises(DomainError, match="sso_not_ready"):
        ready(replace(CONNECTION, idp=expired))
    with pytest.raises(DomainError, match="connection_incomplete"):
        ensure_can_activate(replace(CONNECTION, idp=expired), NOW)


def test_R4_a_domain_must_be_on_the_connection() -> None:
    with pytest.raises(DomainError, match="sso_not_ready"):
        ready(replace(CONNECTION, domain_ids=()))


def test_R4_a_test_from_before_the_last_change_does_not_count() -> None:
    stale = replace(CONNECTION, idp_changed_at=NOW, tested_at=NOW - DAY)
    with pytest.raises(DomainError, match="connection_untested"):
        ready(stale)
    ready(stale, acknowledge=True)


def test_R10_R11_every_role_is_either_removed_or_kept_and_administrators_alone_are_kept() -> None:
    assert set(Role) == ROLES_REMOVED | ROLES_KEPT
    assert not ROLES_REMOVED & ROLES_KEPT
    assert {Role.ADMINISTRATOR} == ROLES_KEPT


@pytest.mark.parametrize(
    ("plan", "add_ons", "entitled"),
    [
        (Plan.ENTERPRISE, (), True),
        (Plan.SCALER_PRO, (AddOn.SSO,), True),
        (Plan.SCALER_PRO, (), False),
        (Plan.HOBBY, (AddOn.SSO,), False),
    ],
)
def test_R2_the_plan_decides(plan: Plan, add_ons: tuple[AddOn, ...], entitled: bool) -> None:
    organization = replace(ACME, plan=plan, add_ons=frozenset(add_ons))
    if entitled:
        ensure_entitled(organization)
    else:
        with pytest.raises(DomainError, match="sso_not_entitled"):
            ensure_entitled(organization)


def test_R3_a_failing_domain_admits_for_seven_days_and_an_override_for_its_time() -> None:
    failing = replace(DOMAIN, status=DomainStatus.FAILING, failing_since=NOW)
    assert failing.admits(NOW + 6 * DAY)
    assert not failing.admits(NOW + 7 * DAY)
    overridden = replace(DOMAIN, override_until=NOW + 30 * DAY)
    assert overridden.admits(NOW + 29 * DAY)
    assert not overridden.admits(NOW + 30 * DAY)
    assert not replace(DOMAIN, status=DomainStatus.PENDING).admits(NOW)


def test_R3_a_domain_covers_no_subdomains() -> None:
    assert allowed_domains((CONNECTION,), (DOMAIN,), NOW) == {"acme.test"}


def test_R4_what_would_lock_everybody_out_is_refused_only_while_sso_is_on() -> None:
    enabled = replace(ACME, sso=SsoSettings(enabled=True))
    whole, nothing = sign_in_footing((CONNECTION,), (DOMAIN,), NOW), frozenset[str]()
    ensure_sso_stays_usable(ACME, before=whole, after=nothing)
    ensure_sso_stays_usable(enabled, before=whole, after=whole)
    for connections, domains in (((CONNECTION,), ()), ((), (DOMAIN,))):
        with pytest.raises(DomainError, match="sso_in_use"):
            ensure_sso_stays_usable(enabled, before=whole, after=sign_in_footing(connections, domains, NOW))


def test_R4_the_last_active_connection_stays_though_its_certificate_has_run_out_and_may_be_edited() -> None:
    enabled = replace(ACME, sso=SsoSettings(enabled=True))
    expired = replace(CONNECTION, idp=replace(IDP, certificates=(Certificate("fp", NOW - 2 * DAY, NOW - DAY, "MII"),)))
    broken = sign_in_footing((expired,), (DOMAIN,), NOW)
    ensure_sso_stays_usable(enabled, before=broken, after=broken)
    with pytest.raises(DomainError, match="last active connection"):
        ensure_sso_stays_usable(enabled, before=broken, after=frozenset())


def test_R3_R4_a_lapsed_domain_still_carries_the_members_but_no_enabling() -> None:
    lapsed = replace(DOMAIN, status=DomainStatus.FAILING, failing_since=NOW - 8 * DAY)
    assert sign_in_domains(CONNECTION, (lapsed,)) == {"acme.test"}
    assert sign_in_footing((CONNECTION,), (lapsed,), NOW) == sign_in_footing((CONNECTION,), (DOMAIN,), NOW)
    assert allowed_domains((CONNECTION,), (lapsed,), NOW) == frozenset()
    assert sign_in_domains(CONNECTION, (replace(DOMAIN, status=DomainStatus.PENDING),)) == frozenset()


@pytest.mark.parametrize(
    ("provider", "entity_id", "sso_url", "tenant"),
    [
        (Provider.OKTA, "http://www.okta.com/exk1", "https://acme.okta.com/app/x/exk1/sso/saml", "okta:acme.okta.com"),
        (
            Provider.ONELOGIN,
            "https://app.onelogin.com/1",
            "https://acme.onelogin.com/trust/1",
            "onelogin:acme.onelogin.com",
        ),
        (
            Provider.ENTRA,
            "https://sts.windows.net/9A1B2C3D-0000-4000-8000-1234567890AB/",
            "https://login.microsoftonline.com/x/saml2",
            "entra:9a1b2c3d-0000-4000-8000-1234567890ab",
        ),
        (
            Provider.GOOGLE,
            "https://accounts.google.com/o/saml2?idpid=C01",
            "https://accounts.google.com/o/saml2/idp?idpid=C01",
            "google:C01",
        ),
        (Provider.KEYCLOAK, "https://kc/realms/acme", "https://kc/realms/acme/protocol/saml", "https://kc/realms/acme"),
    ],
)
def test_R30_the_tenant_of_an_identity_provider(provider: Provider, entity_id: str, sso_url: str, tenant: str) -> None:
    assert identity_provider_tenant(provider, IdentityProvider(entity_id, sso_url, ())) == tenant
