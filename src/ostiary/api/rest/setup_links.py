"""`/v1/organizations/{org}/setup-links`, and `/v1/setup` for who was given one."""

from datetime import datetime

from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.access import operations_open_to, standings_of_setup_link
from ostiary.domain.operation import Operation
from ostiary.domain.setup_link import MAX_LIFETIME, MIN_LIFETIME, SetupIntent
from ostiary.services.context import Urls
from ostiary.services.setup_links import Setup, SetupLinkDraft, SetupLinkView

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}/setup-links", tags=["setup links"])
bearer_router = Routes(prefix="/v1/setup", tags=["setup links"])


class NewSetupLink(Request):
    """A new link. Without `connection_id` or `domain_id` its bearer makes one, once, and the link is for that one."""

    intent: SetupIntent
    expires_in: int = Field(
        default=int(MAX_LIFETIME.total_seconds()),
        ge=int(MIN_LIFETIME.total_seconds()),
        le=int(MAX_LIFETIME.total_seconds()),
        description="Seconds, at most seven days.",
    )
    connection_id: str | None = Field(
        default=None, max_length=64, description="With the intent `sso`: a connection that was never activated."
    )
    domain_id: str | None = Field(
        default=None, max_length=64, description="With the intent `domain`: a domain that is pending."
    )


class SetupLinkAnswer(Answer):
    """A setup link, without its secret."""

    id: str = Field(examples=["setup_01h455vb4pex5vsknk084sn02q"])
    intent: SetupIntent
    connection_id: str | None
    domain_id: str | None
    created_by: str = Field(description="The e-mail address of the administrator who made it.")
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    active: bool = Field(description="False once it has expired, or its maker has stopped being an administrator.")


class NewSetupLinkAnswer(SetupLinkAnswer):
    """A new setup link. `url` and `token` are shown this once."""

    url: str = Field(
        description="What to send to whoever sets it up: the secret is in the fragment, which no server is sent.",
        examples=["https://app.example.com/setup#ost_setup_…"],
    )
    token: str = Field(
        description="The secret alone, as a bearer token of `/v1/setup` and of what that lists.",
        examples=["ost_setup_…"],
    )


class SetupOrganization(Answer):
    """The organization to set up for."""

    id: str
    name: str
    slug: str


class SetupDomain(Answer):
    """A verified domain that may be put on the connection."""

    id: str
    name: str


class SetupAnswer(Answer):
    """What the bearer of a setup link may do, for whom, until when."""

    id: str = Field(examples=["setup_01h455vb4pex5vsknk084sn02q"])
    intent: SetupIntent
    organization: SetupOrganization
    created_by: str = Field(description="Whom to ask: the administrator who made the link.")
    expires_at: datetime
    operations: list[str] = Field(
        description="The operations (`operationId`s) that this link opens, on what it names.",
        examples=[["create_connection", "get_connection", "update_connection"]],
    )
    connection_id: str | None = Field(description="The connection to edit; null until the bearer has made it.")
    domain_id: str | None = Field(description="The domain to prove; null until the bearer has added it.")
    finished: bool = Field(description="What it names is in use by now: the link changes nothing of it any more.")
    domains: list[SetupDomain] = Field(description="With the intent `sso`: domains that may be put on the connection.")
    scim_base_url: str | None = Field(description="With the intent `directory`: where the identity provider pushes to.")


def _render(view: SetupLinkView) -> SetupLinkAnswer:
    link = view.link
    return SetupLinkAnswer(
        id=link.id,
        intent=link.intent,
        connection_id=link.connection_id,
        domain_id=link.domain_id,
        created_by=link.created_by_email,
        created_at=link.created_at,
        expires_at=link.expires_at,
        last_used_at=link.last_used_at,
        active=view.active,
    )


def _render_setup(setup: Setup, urls: Urls) -> SetupAnswer:
    link, organization = setup.link, setup.organization
    return SetupAnswer(
        id=link.id,
        intent=link.intent,
        organization=SetupOrganization(id=organization.id, name=organization.name, slug=organization.slug),
        created_by=link.created_by_email,
        expires_at=link.expires_at,
        operations=sorted(operations_open_to(standings_of_setup_link(link.intent))),
        connection_id=link.connection_id,
        domain_id=link.domain_id,
        finished=setup.finished,
        domains=[SetupDomain(id=domain.id, name=domain.name) for domain in setup.domains],
        scim_base_url=urls.scim() if link.intent is SetupIntent.DIRECTORY else None,
    )


@router.post("", status_code=201, operation_id=Operation.CREATE_SETUP_LINK, responses=problems(401, 403, 404, 409, 422))
async def create_setup_link(
    org: OrgPath, body: NewSetupLink, caller: CallerDep, services: ServicesDep
) -> NewSetupLinkAnswer:
    """Let somebody who is no member set one thing up: they activate and enable nothing, and touch nothing in use."""
    draft = SetupLinkDraft(body.intent, body.expires_in, body.connection_id, body.domain_id)
    view, secret = await services.setup_links.create(caller, org, draft)
    page = (services.frontend_url or services.urls.base_url).rstrip("/")
    return NewSetupLinkAnswer(**_render(view).model_dump(), url=f"{page}/setup#{secret}", token=secret)


@router.get("", operation_id=Operation.LIST_SETUP_LINKS, responses=problems(401, 403, 404, 422))
async def list_setup_links(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[SetupLinkAnswer]:
    """The organization's setup links, oldest first; those revoked are gone."""
    return list_of(await services.setup_links.list(caller, org, page), _render)


@router.get("/{setup_link_id}", operation_id=Operation.GET_SETUP_LINK, responses=tagged(401, 403, 404))
async def get_setup_link(
    org: OrgPath, setup_link_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> SetupLinkAnswer:
    """One setup link."""
    return _render(tag(await services.setup_links.get(caller, org, setup_link_id)))


@router.delete(
    "/{setup_link_id}",
    status_code=204,
    operation_id=Operation.REVOKE_SETUP_LINK,
    responses=problems(401, 403, 404, 412),
)
async def revoke_setup_link(org: OrgPath, setup_link_id: str, caller: CallerDep, services: ServicesDep) -> None:
    """Stop the link at once."""
    await services.setup_links.revoke(caller, org, setup_link_id)


@bearer_router.get("", operation_id=Operation.GET_SETUP, responses=problems(401, 403, 404))
async def get_setup(caller: CallerDep, services: ServicesDep) -> SetupAnswer:
    """What the setup link sent as bearer token opens: begin here."""
    return _render_setup(await services.setup_links.describe(caller), services.urls)
