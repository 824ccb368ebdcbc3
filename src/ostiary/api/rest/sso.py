"""`/v1/organizations/{org}/sso`."""

from datetime import datetime

from pydantic import Field

from ostiary.api.deps import CallerDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, Request
from ostiary.api.routing import Routes
from ostiary.domain.operation import Operation
from ostiary.domain.sso_policy import DisablementEffects, EnablementEffects
from ostiary.services.sso import SsoView

router = Routes(prefix="/v1/organizations/{org}/sso", tags=["sso"])


class SsoAnswer(Answer):
    """Single sign-on of the organization."""

    enabled: bool
    enabled_at: datetime | None
    enabled_by: str | None
    session_duration_seconds: int
    manage_roles_via_sso: bool
    role_attribute: str
    sign_in_url: str = Field(examples=["https://login.example.com/sso/acme"])


class SsoChange(Request):
    """What changes; left out stays."""

    session_duration_seconds: int | None = Field(default=None, examples=[43200])
    manage_roles_via_sso: bool | None = None
    role_attribute: str | None = Field(default=None, min_length=1, max_length=512)


class AdministratorAnswer(Answer):
    """An administrator who stays; outside the allowed domains they cannot sign in with SSO."""

    member_id: str
    email: str
    in_allowed_domain: bool


class EnablementEffectsAnswer(Answer):
    """What enabling does."""

    members_removed: int
    team_memberships_removed: int
    database_administrators_revoked: int
    invitations_revoked: int
    administrators_kept: int
    credentials_kept: int
    administrators: list[AdministratorAnswer]


class EnableRequest(Request):
    """How to enable."""

    acknowledge_untested: bool = Field(
        default=False, description="Enable although nobody has completed a test sign-in through the connection."
    )


class EnabledAnswer(Answer):
    """SSO is on. The recovery codes are shown this once; keep them offline."""

    sso: SsoAnswer
    effects: EnablementEffectsAnswer
    recovery_codes: list[str]


class DisablementEffectsAnswer(Answer):
    """What disabling does."""

    directory_disabled: bool
    sessions_ended: int
    members_without_account: list[str] = Field(description="Provisioned, never signed in: they are removed.")
    dormant_member_ids: list[str] = Field(
        description="No SSO sign-in for 30 days: they would get back in by password. Suspend those who should not."
    )


class DisableRequest(Request):
    """How to disable."""

    suspend_member_ids: list[str] = Field(default_factory=list[str], max_length=10_000)


class DisabledAnswer(Answer):
    """SSO is off."""

    sso: SsoAnswer
    effects: DisablementEffectsAnswer


class RecoveryCodesAnswer(Answer):
    """Ten new recovery codes, shown this once; the old ones are void."""

    recovery_codes: list[str]


def _render(view: SsoView) -> SsoAnswer:
    settings = view.settings
    return SsoAnswer(
        enabled=settings.enabled,
        enabled_at=settings.enabled_at,
        enabled_by=settings.enabled_by,
        session_duration_seconds=int(settings.session_duration.total_seconds()),
        manage_roles_via_sso=settings.manage_roles,
        role_attribute=settings.role_attribute,
        sign_in_url=view.sign_in_url,
    )


def _render_effects(effects: EnablementEffects) -> EnablementEffectsAnswer:
    return EnablementEffectsAnswer(
        members_removed=effects.members_removed,
        team_memberships_removed=effects.team_memberships_removed,
        database_administrators_revoked=effects.database_administrators_revoked,
        invitations_revoked=effects.invitations_revoked,
        administrators_kept=effects.administrators_kept,
        credentials_kept=effects.credentials_kept,
        administrators=[
            AdministratorAnswer(member_id=item.member_id, email=item.email, in_allowed_domain=item.in_allowed_domain)
            for item in effects.administrators
        ],
    )


def _render_disablement(effects: DisablementEffects) -> DisablementEffectsAnswer:
    return DisablementEffectsAnswer(
        directory_disabled=effects.directory_disabled,
        sessions_ended=effects.sessions_ended,
        members_without_account=list(effects.members_without_account),
        dormant_member_ids=list(effects.dormant_member_ids),
    )


@router.get("", operation_id=Operation.GET_SSO, responses=tagged(401, 403, 404))
async def get_sso(org: OrgPath, caller: CallerDep, services: ServicesDep, tag: TagDep) -> SsoAnswer:
    """The settings."""
    return _render(tag(await services.sso.get(caller, org)))


@router.patch("", operation_id=Operation.UPDATE_SSO, responses=problems(401, 403, 404, 409, 412, 422))
async def update_sso(org: OrgPath, body: SsoChange, caller: CallerDep, services: ServicesDep, tag: TagDep) -> SsoAnswer:
    """Change session duration and role management."""
    changed = await services.sso.update(
        caller,
        org,
        session_duration_seconds=body.session_duration_seconds,
        manage_roles=body.manage_roles_via_sso,
        role_attribute=body.role_attribute,
    )
    return _render(tag(changed))


@router.post("/preview", operation_id=Operation.PREVIEW_SSO_ENABLEMENT, responses=problems(401, 403, 404, 409))
async def preview_sso_enablement(org: OrgPath, caller: CallerDep, services: ServicesDep) -> EnablementEffectsAnswer:
    """What enabling would do; changes nothing."""
    return _render_effects(await services.sso.preview_enablement(caller, org))


@router.post("/enable", operation_id=Operation.ENABLE_SSO, responses=problems(401, 403, 404, 409, 422))
async def enable_sso(
    org: OrgPath, caller: CallerDep, services: ServicesDep, body: EnableRequest | None = None
) -> EnabledAnswer:
    """Require SSO: members who are no administrators are removed and come back by signing in through it."""
    enabled = await services.sso.enable(caller, org, acknowledge_untested=body.acknowledge_untested if body else False)
    return EnabledAnswer(
        sso=_render(enabled.view),
        effects=_render_effects(enabled.effects),
        recovery_codes=list(enabled.recovery_codes),
    )


@router.post("/disable/preview", operation_id=Operation.PREVIEW_SSO_DISABLEMENT, responses=problems(401, 403, 404))
async def preview_sso_disablement(org: OrgPath, caller: CallerDep, services: ServicesDep) -> DisablementEffectsAnswer:
    """What disabling would do; changes nothing."""
    return _render_disablement(await services.sso.preview_disablement(caller, org))


@router.post("/disable", operation_id=Operation.DISABLE_SSO, responses=problems(401, 403, 404, 422))
async def disable_sso(
    org: OrgPath, caller: CallerDep, services: ServicesDep, body: DisableRequest | None = None
) -> DisabledAnswer:
    """Stop requiring SSO, and Directory Sync with it: passwords and invitations work again."""
    disabled = await services.sso.disable(caller, org, suspend_member_ids=body.suspend_member_ids if body else ())
    return DisabledAnswer(sso=_render(disabled.view), effects=_render_disablement(disabled.effects))


@router.post("/recovery-codes", operation_id=Operation.RENEW_RECOVERY_CODES, responses=problems(401, 403, 404))
async def renew_recovery_codes(org: OrgPath, caller: CallerDep, services: ServicesDep) -> RecoveryCodesAnswer:
    """Replace all ten recovery codes."""
    return RecoveryCodesAnswer(recovery_codes=list(await services.sso.renew_recovery_codes(caller, org)))
