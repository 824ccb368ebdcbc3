"""`/v1/organizations/{org}/directory`."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import SHOWS_ITS_TAG, TagDep
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.directory import (
    Directory,
    DirectoryGroup,
    DirectoryUser,
    OnDeactivate,
    UnknownAttributes,
)
from ostiary.domain.directory_breaker import MAX_MINIMUM, MAX_WINDOW, MIN_WINDOW, WHOLE, BreakerChange
from ostiary.domain.directory_policy import DirectoryEnablementEffects
from ostiary.domain.directory_token import DirectoryToken
from ostiary.domain.operation import Operation
from ostiary.services.context import Urls
from ostiary.services.directory import DirectoryChange

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}/directory", tags=["directory"])


class BreakerAnswer(Answer):
    """The breaker: once so many are taken away so fast, members are suspended instead of removed."""

    enabled: bool
    share_percent: int = Field(description="It trips at more than this share of the members …", examples=[30])
    minimum: int = Field(description="… and at least so many …", examples=[10])
    window_seconds: int = Field(description="… taken away within this time.", examples=[3600])
    tripped_at: datetime | None = Field(description="Since when members are held back; null while it has not tripped.")


class DirectoryAnswer(Answer):
    """Directory Sync of the organization."""

    id: str = Field(examples=["dir_01h455vb4pex5vsknk084sn02q"])
    enabled: bool
    enabled_at: datetime | None
    scim_base_url: str = Field(examples=["https://login.example.com/scim/v2"])
    on_deactivate: OnDeactivate
    manage_roles_via_directory: bool
    role_attribute: str
    attribute_map: dict[str, str]
    lenient_members: bool
    unknown_attributes: UnknownAttributes
    last_synced_at: datetime | None
    breaker: BreakerAnswer


class DirectoryCountsAnswer(Answer):
    """How much was pushed."""

    users: int
    active_users: int
    groups: int
    held_back: int = Field(description="Members the breaker suspended, until an administrator decides.")


class DirectoryDetailsAnswer(DirectoryAnswer):
    """Directory Sync of the organization, and how much was pushed."""

    counts: DirectoryCountsAnswer


class DirectoryUserAnswer(Answer):
    """A user as the identity provider pushed it; `id` is also the member's."""

    id: str = Field(examples=["mem_01h455vb4pex5vsknk084sn02q"])
    user_name: str
    external_id: str | None
    email: str | None
    display_name: str
    active: bool
    role_value: str | None = Field(description="What the role attribute said, whether or not it sets the role.")
    created_at: datetime
    modified_at: datetime


class DirectoryGroupAnswer(Answer):
    """A group as the identity provider pushed it; `id` is also the team's."""

    id: str = Field(examples=["team_01h455vb4pex5vsknk084sn02q"])
    display_name: str
    external_id: str | None
    created_at: datetime
    modified_at: datetime


class BreakerPatch(Request):
    """What changes of the breaker; left out stays."""

    enabled: bool | None = None
    share_percent: int | None = Field(default=None, ge=1, le=WHOLE)
    minimum: int | None = Field(default=None, ge=1, le=MAX_MINIMUM)
    window_seconds: int | None = Field(
        default=None, ge=int(MIN_WINDOW.total_seconds()), le=int(MAX_WINDOW.total_seconds())
    )


class DirectoryPatch(Request):
    """What changes; left out stays."""

    on_deactivate: OnDeactivate | None = None
    manage_roles_via_directory: bool | None = None
    role_attribute: str | None = Field(default=None, min_length=1, max_length=256)
    attribute_map: dict[str, str] | None = Field(
        default=None,
        max_length=50,
        description='The directory\'s attribute name → ours, as {"planetscale_role": "role"}.',
    )
    lenient_members: bool | None = Field(
        default=None, description="Keep unknown group members in reserve (true) or refuse the push (false)."
    )
    unknown_attributes: UnknownAttributes | None = Field(
        default=None,
        description="Store attributes that no schema declares and send them back (lenient), or refuse the user or "
        "group (strict). The role attribute and the attribute map name what is known.",
    )
    breaker: BreakerPatch | None = None


class ReapplyEffectsAnswer(Answer):
    """What a change of the settings does to those the directory pushed."""

    users: int = Field(description="How many stored users were read anew; none where nothing would be read otherwise.")
    profiles_changed: int = Field(description="Members who get another name or e-mail address.")
    roles_raised: int = Field(description="Members who become administrators.")
    roles_lowered: int = Field(description="Administrators who become members.")
    administrator_kept: str | None = Field(
        description="The member who stays administrator, because nobody else could administer the organization.",
        examples=["mem_01h455vb4pex5vsknk084sn02q"],
    )


class DirectoryEffectsAnswer(Answer):
    """What enabling does."""

    teams_cleared: int
    team_memberships_removed: int
    members_to_match: int = Field(description="Members the identity provider will find and may take over.")
    breaker: BreakerAnswer


class DirectoryEnabledAnswer(Answer):
    """Directory Sync is on. The token is shown this once; null where it was on already."""

    directory: DirectoryAnswer
    effects: DirectoryEffectsAnswer
    token: str | None = Field(examples=["ost_scim_…"])


class DirectoryTokenAnswer(Answer):
    """A SCIM bearer token, without its secret."""

    id: str = Field(examples=["tok_01h455vb4pex5vsknk084sn02q"])
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None = Field(description="Null: it lives until it is revoked.")


class NewDirectoryToken(Request):
    """A new token. Without `expires_at` it lives until it is revoked."""

    expires_at: AwareDatetime | None = Field(
        default=None,
        description="Administrators are told by mail 14 days before, a day before, and then.",
        examples=["2099-01-01T00:00:00Z"],
    )


class NewDirectoryTokenAnswer(DirectoryTokenAnswer):
    """A new SCIM bearer token. `secret` is shown this once."""

    secret: str = Field(examples=["ost_scim_…"])


def _render_breaker(directory: Directory) -> BreakerAnswer:
    breaker = directory.breaker
    return BreakerAnswer(
        enabled=breaker.enabled,
        share_percent=breaker.share_percent,
        minimum=breaker.minimum,
        window_seconds=int(breaker.window.total_seconds()),
        tripped_at=directory.breaker_tripped_at,
    )


def _render(directory: Directory, urls: Urls) -> DirectoryAnswer:
    return DirectoryAnswer(
        id=directory.id,
        enabled=directory.enabled,
        enabled_at=directory.enabled_at,
        scim_base_url=urls.scim(),
        on_deactivate=directory.on_deactivate,
        manage_roles_via_directory=directory.manage_roles,
        role_attribute=directory.role_attribute,
        attribute_map=dict(directory.attribute_map),
        lenient_members=directory.lenient_members,
        unknown_attributes=directory.unknown_attributes,
        last_synced_at=directory.last_synced_at,
        breaker=_render_breaker(directory),
    )


def _render_user(user: DirectoryUser) -> DirectoryUserAnswer:
    return DirectoryUserAnswer(
        id=user.id,
        user_name=user.user_name,
        external_id=user.external_id,
        email=user.email,
        display_name=user.display_name,
        active=user.active,
        role_value=user.role_value,
        created_at=user.created_at,
        modified_at=user.modified_at,
    )


def _render_group(group: DirectoryGroup) -> DirectoryGroupAnswer:
    return DirectoryGroupAnswer(
        id=group.id,
        display_name=group.display_name,
        external_id=group.external_id,
        created_at=group.created_at,
        modified_at=group.modified_at,
    )


def _render_effects(effects: DirectoryEnablementEffects, directory: Directory) -> DirectoryEffectsAnswer:
    return DirectoryEffectsAnswer(
        teams_cleared=effects.teams_cleared,
        team_memberships_removed=effects.team_memberships_removed,
        members_to_match=effects.members_to_match,
        breaker=_render_breaker(directory),
    )


def _change(body: DirectoryPatch) -> DirectoryChange:
    return DirectoryChange(
        on_deactivate=body.on_deactivate,
        manage_roles=body.manage_roles_via_directory,
        role_attribute=body.role_attribute,
        attribute_map=body.attribute_map,
        lenient_members=body.lenient_members,
        unknown_attributes=body.unknown_attributes,
        breaker=BreakerChange(**body.breaker.model_dump()) if body.breaker else None,
    )


def _render_token(token: DirectoryToken) -> DirectoryTokenAnswer:
    return DirectoryTokenAnswer(
        id=token.id, created_at=token.created_at, last_used_at=token.last_used_at, expires_at=token.expires_at
    )


@router.get("", operation_id=Operation.GET_DIRECTORY, responses={200: SHOWS_ITS_TAG, **problems(401, 403, 404)})
async def get_directory(org: OrgPath, caller: CallerDep, services: ServicesDep, tag: TagDep) -> DirectoryDetailsAnswer:
    """The settings, where the identity provider pushes to, and how much it has pushed."""
    directory = await services.directory.get(caller, org)
    tag.mark(directory.settings)
    settings = _render(directory, services.urls)
    counts = await services.directory.counts(caller, org)
    return DirectoryDetailsAnswer(
        **settings.model_dump(),
        counts=DirectoryCountsAnswer(
            users=counts.users, active_users=counts.active_users, groups=counts.groups, held_back=counts.held_back
        ),
    )


@router.get("/users", operation_id=Operation.LIST_DIRECTORY_USERS, responses=problems(401, 403, 404, 422))
async def list_directory_users(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[DirectoryUserAnswer]:
    """The users the identity provider pushed, oldest first."""
    return list_of(await services.directory.users(caller, org, page), _render_user)


@router.get("/groups", operation_id=Operation.LIST_DIRECTORY_GROUPS, responses=problems(401, 403, 404, 422))
async def list_directory_groups(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[DirectoryGroupAnswer]:
    """The groups the identity provider pushed, oldest first."""
    return list_of(await services.directory.groups(caller, org, page), _render_group)


@router.patch("", operation_id=Operation.UPDATE_DIRECTORY, responses=problems(401, 403, 404, 409, 412, 422))
async def update_directory(
    org: OrgPath, body: DirectoryPatch, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> DirectoryAnswer:
    """Change the settings; roles and the attribute map are applied to what was pushed before."""
    directory = await services.directory.update(caller, org, _change(body))
    tag.mark(directory.settings)
    return _render(directory, services.urls)


@router.post(
    "/settings/preview",
    operation_id=Operation.PREVIEW_DIRECTORY_UPDATE,
    responses=problems(401, 403, 404, 409, 422),
)
async def preview_directory_update(
    org: OrgPath, body: DirectoryPatch, caller: CallerDep, services: ServicesDep
) -> ReapplyEffectsAnswer:
    """What a change of the settings would do to those the directory pushed; changes nothing."""
    effects = await services.directory.preview_update(caller, org, _change(body))
    return ReapplyEffectsAnswer(
        users=effects.users,
        profiles_changed=effects.profiles_changed,
        roles_raised=effects.roles_raised,
        roles_lowered=effects.roles_lowered,
        administrator_kept=effects.administrator_kept,
    )


@router.post("/preview", operation_id=Operation.PREVIEW_DIRECTORY_ENABLEMENT, responses=problems(401, 403, 404, 409))
async def preview_directory_enablement(
    org: OrgPath, caller: CallerDep, services: ServicesDep
) -> DirectoryEffectsAnswer:
    """What enabling would do; changes nothing."""
    effects = await services.directory.preview_enablement(caller, org)
    return _render_effects(effects, await services.directory.get(caller, org))


@router.post("/enable", operation_id=Operation.ENABLE_DIRECTORY, responses=problems(401, 403, 404, 409))
async def enable_directory(org: OrgPath, caller: CallerDep, services: ServicesDep) -> DirectoryEnabledAnswer:
    """Make the directory the source of truth: all teams are cleared, every team maps to a group from then on."""
    enabled = await services.directory.enable(caller, org)
    return DirectoryEnabledAnswer(
        directory=_render(enabled.directory, services.urls),
        effects=_render_effects(enabled.effects, enabled.directory),
        token=enabled.token,
    )


@router.post("/disable", operation_id=Operation.DISABLE_DIRECTORY, responses=problems(401, 403, 404))
async def disable_directory(org: OrgPath, caller: CallerDep, services: ServicesDep) -> DirectoryAnswer:
    """Stop syncing: members and teams stay and are managed by hand; the tokens stop at once."""
    return _render(await services.directory.disable(caller, org), services.urls)


@router.post(
    "/tokens",
    status_code=201,
    operation_id=Operation.CREATE_DIRECTORY_TOKEN,
    responses=problems(401, 403, 404, 409, 422),
)
async def create_directory_token(
    org: OrgPath, caller: CallerDep, services: ServicesDep, body: NewDirectoryToken | None = None
) -> NewDirectoryTokenAnswer:
    """A second token, so that the first can be replaced without a gap."""
    expires_at = body.expires_at if body else None
    token, secret = await services.directory.create_token(caller, org, expires_at=expires_at)
    return NewDirectoryTokenAnswer(**dict(_render_token(token)), secret=secret)


@router.get("/tokens", operation_id=Operation.LIST_DIRECTORY_TOKENS, responses=problems(401, 403, 404))
async def list_directory_tokens(org: OrgPath, caller: CallerDep, services: ServicesDep) -> ListOf[DirectoryTokenAnswer]:
    """The tokens that are not revoked, without their secrets; one that has expired opens nothing any more."""
    return ListOf(data=[_render_token(token) for token in await services.directory.tokens(caller, org)])


@router.delete(
    "/tokens/{token_id}",
    status_code=204,
    operation_id=Operation.REVOKE_DIRECTORY_TOKEN,
    responses=problems(401, 403, 404),
)
async def revoke_directory_token(org: OrgPath, token_id: str, caller: CallerDep, services: ServicesDep) -> None:
    """Stop one token at once."""
    await services.directory.revoke_token(caller, org, token_id)
