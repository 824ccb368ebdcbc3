"""`/v1/organizations/{org}/connections`."""

from datetime import datetime, timedelta

from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request
from ostiary.api.routing import Routes
from ostiary.domain.connection import (
    DEFAULT_CLOCK_SKEW,
    MAX_CLOCK_SKEW,
    AttributeMapping,
    Binding,
    ConnectionStatus,
    IdentityProvider,
    NameIdFormat,
    Provider,
)
from ostiary.domain.operation import Operation
from ostiary.domain.provider_setup import SignedPart
from ostiary.services.connection_book import ConnectionView
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionChange, ConnectionDraft
from ostiary.services.context import Urls

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}/connections", tags=["connections"])

_ALLOW_SHA1 = "Accept signatures with SHA-1, which can be forged: only until the identity provider signs with SHA-256."
_ALLOW_AES_CBC = "Accept what is encrypted with AES-CBC, where a verified signature covers it."
_CLOCK_SKEW = "How far the identity provider's clock may be from ours."
_DEFAULT_SKEW, _MAX_SKEW = (int(skew.total_seconds()) for skew in (DEFAULT_CLOCK_SKEW, MAX_CLOCK_SKEW))


class IdpRequest(Request):
    """The identity provider: `metadata_url`, or `metadata_xml`, or issuer, SSO URL and certificates by hand."""

    metadata_url: str | None = Field(default=None, max_length=2048, examples=["https://idp.acme.test/metadata"])
    metadata_xml: str | None = Field(default=None, max_length=1_000_000)
    entity_id: str | None = Field(default=None, max_length=1024, examples=["https://idp.acme.test/metadata"])
    sso_url: str | None = Field(default=None, max_length=2048, examples=["https://idp.acme.test/sso"])
    slo_url: str | None = Field(default=None, max_length=2048, examples=["https://idp.acme.test/slo"])
    sso_binding: Binding | None = Field(default=None, description="How sign-ins reach `sso_url`; redirect if left out.")
    slo_binding: Binding | None = Field(default=None, description="How logouts reach `slo_url`; redirect if left out.")
    certificates: list[str] = Field(
        default_factory=list[str], max_length=10, description="PEM, PEM without headers, or one line of base64."
    )

    def to_source(self) -> IdpSource:
        """What the service takes."""
        return IdpSource(
            metadata_url=self.metadata_url,
            metadata_xml=self.metadata_xml,
            entity_id=self.entity_id,
            sso_url=self.sso_url,
            slo_url=self.slo_url,
            sso_binding=self.sso_binding,
            slo_binding=self.slo_binding,
            certificates=tuple(self.certificates),
        )


class AttributeMappingBody(Request):
    """Names of the assertion's attributes; null leaves it to the well-known names."""

    id: str | None = Field(default=None, max_length=512)
    email: str | None = Field(default=None, max_length=512, examples=["email"])
    first_name: str | None = Field(default=None, max_length=512, examples=["firstName"])
    last_name: str | None = Field(default=None, max_length=512, examples=["lastName"])

    def to_mapping(self) -> AttributeMapping:
        """What the service takes."""
        return AttributeMapping(self.id or None, self.email or None, self.first_name or None, self.last_name or None)


class NewConnection(Request):
    """A new connection; without `idp` it is a draft whose `sp` values can be given to the identity provider."""

    name: str = Field(examples=["Acme Okta"])
    provider: Provider = Provider.GENERIC_SAML
    domain_ids: list[str] = Field(default_factory=list[str], max_length=100)
    idp: IdpRequest | None = None
    attribute_mapping: AttributeMappingBody = Field(default_factory=AttributeMappingBody)
    name_id_format: NameIdFormat | None = None
    allow_idp_initiated: bool = False
    sign_requests: bool = True
    want_assertions_encrypted: bool = False
    allow_sha1: bool = Field(default=False, description=_ALLOW_SHA1)
    allow_aes_cbc: bool = Field(default=False, description=_ALLOW_AES_CBC)
    clock_skew_seconds: int = Field(default=_DEFAULT_SKEW, ge=0, le=_MAX_SKEW, description=_CLOCK_SKEW)


class ConnectionPatch(Request):
    """What changes; left out stays."""

    name: str | None = None
    domain_ids: list[str] | None = Field(default=None, max_length=100)
    idp: IdpRequest | None = None
    attribute_mapping: AttributeMappingBody | None = None
    name_id_format: NameIdFormat | None = None
    allow_idp_initiated: bool | None = None
    sign_requests: bool | None = None
    want_assertions_encrypted: bool | None = None
    allow_sha1: bool | None = Field(default=None, description=_ALLOW_SHA1)
    allow_aes_cbc: bool | None = Field(default=None, description=_ALLOW_AES_CBC)
    clock_skew_seconds: int | None = Field(default=None, ge=0, le=_MAX_SKEW, description=_CLOCK_SKEW)


class CertificateAnswer(Answer):
    """A signing certificate of the identity provider."""

    fingerprint_sha256: str
    not_before: datetime
    not_after: datetime


class IdpAnswer(Answer):
    """The identity provider as we know it."""

    entity_id: str
    sso_url: str
    sso_binding: Binding
    slo_url: str | None = Field(description="Where sign-outs go on to; null: it has no single logout.")
    slo_binding: Binding
    slo_response_url: str | None = Field(description="Where answers to its logouts go, if not to `slo_url`.")
    metadata_url: str | None
    certificates: list[CertificateAnswer]


class SpAnswer(Answer):
    """Our side: what the identity provider is told."""

    entity_id: str
    acs_url: str
    slo_url: str
    metadata_url: str
    certificate: str = Field(description="Of the key our requests are signed with, as PEM.")
    next_certificate: str | None = Field(
        description="Of the key that follows while it is being rotated: the identity provider must trust both."
    )


class AttributeMappingAnswer(Answer):
    """Names of the assertion's attributes; null leaves it to the well-known names."""

    id: str | None
    email: str | None
    first_name: str | None
    last_name: str | None


class SetupField(Answer):
    """A field of the identity provider's form, by its label there, and what to fill in."""

    label: str = Field(examples=["Single sign-on URL"])
    value: str


class SetupAttribute(Answer):
    """An attribute to send: its name in the assertion, and where the identity provider keeps the value."""

    name: str = Field(examples=["email"])
    source: str = Field(examples=["user.email"])


class SetupAnswer(Answer):
    """What to do at the identity provider, in the words of the product `provider` names."""

    fields: list[SetupField]
    name_id_format: NameIdFormat
    attributes: list[SetupAttribute]
    signs: SignedPart = Field(
        description="What the product signs by default; assertion, response and both are accepted."
    )
    notes: list[str]


class ConnectionAnswer(Answer):
    """A SAML connection."""

    id: str = Field(examples=["conn_01h455vb4pex5vsknk084sn02q"])
    name: str
    provider: Provider
    status: ConnectionStatus
    domain_ids: list[str]
    sp: SpAnswer
    setup: SetupAnswer
    idp: IdpAnswer | None
    attribute_mapping: AttributeMappingAnswer
    name_id_format: NameIdFormat | None
    allow_idp_initiated: bool
    sign_requests: bool
    want_assertions_encrypted: bool
    allow_sha1: bool = Field(description=_ALLOW_SHA1)
    allow_aes_cbc: bool = Field(description=_ALLOW_AES_CBC)
    clock_skew_seconds: int = Field(description=_CLOCK_SKEW)
    tested: bool = Field(description="A test sign-in passed since issuer, SSO URL or certificates last changed.")
    metadata_refreshed_at: datetime | None
    staged_metadata_found_at: datetime | None = Field(
        description="Since when metadata waits that is not taken over by itself: see `staged-metadata`."
    )
    warnings: list[str]
    created_at: datetime


class TestStarted(Answer):
    """A test sign-in to open in a browser."""

    sign_in_url: str


def render_idp(idp: IdentityProvider, metadata_url: str | None) -> IdpAnswer:
    """An identity provider, as answers show it."""
    return IdpAnswer(
        entity_id=idp.entity_id,
        sso_url=idp.sso_url,
        sso_binding=idp.sso_binding,
        slo_url=idp.slo_url,
        slo_binding=idp.slo_binding,
        slo_response_url=idp.slo_response_url,
        metadata_url=metadata_url,
        certificates=[
            CertificateAnswer(
                fingerprint_sha256=item.fingerprint_sha256, not_before=item.not_before, not_after=item.not_after
            )
            for item in idp.certificates
        ],
    )


def render_connection(view: ConnectionView, urls: Urls) -> ConnectionAnswer:
    """A connection, as answers show it."""
    connection, mapping = view.connection, view.connection.attribute_mapping
    return ConnectionAnswer(
        id=connection.id,
        name=connection.name,
        provider=connection.provider,
        status=connection.status,
        domain_ids=list(connection.domain_ids),
        sp=SpAnswer(
            entity_id=urls.sp_entity_id(connection.id),
            acs_url=urls.acs(connection.id),
            slo_url=urls.slo(connection.id),
            metadata_url=urls.sp_entity_id(connection.id),
            certificate=view.sp_certificate_pem,
            next_certificate=view.next_sp_certificate_pem,
        ),
        setup=SetupAnswer(
            fields=[SetupField(label=item.label, value=item.value) for item in view.setup.fields],
            name_id_format=view.setup.name_id_format,
            attributes=[SetupAttribute(name=item.name, source=item.source) for item in view.setup.attributes],
            signs=view.setup.signs,
            notes=list(view.setup.notes),
        ),
        idp=render_idp(connection.idp, connection.metadata_url) if connection.idp else None,
        attribute_mapping=AttributeMappingAnswer(
            id=mapping.id, email=mapping.email, first_name=mapping.first_name, last_name=mapping.last_name
        ),
        name_id_format=connection.name_id_format,
        allow_idp_initiated=connection.allow_idp_initiated,
        sign_requests=connection.sign_requests,
        want_assertions_encrypted=connection.want_assertions_encrypted,
        allow_sha1=connection.allow_sha1,
        allow_aes_cbc=connection.allow_aes_cbc,
        clock_skew_seconds=int(connection.clock_skew.total_seconds()),
        tested=connection.is_tested(),
        metadata_refreshed_at=connection.metadata_refreshed_at,
        staged_metadata_found_at=view.staged.staged.found_at if view.staged else None,
        warnings=list(view.warnings),
        created_at=connection.created_at,
    )


@router.post("", status_code=201, operation_id=Operation.CREATE_CONNECTION, responses=problems(401, 403, 404, 409, 422))
async def create_connection(
    org: OrgPath, body: NewConnection, caller: CallerDep, services: ServicesDep
) -> ConnectionAnswer:
    """Make a connection. Its `sp` values go to the identity provider, its `idp` values come from there."""
    draft = ConnectionDraft(
        name=body.name,
        provider=body.provider,
        domain_ids=tuple(body.domain_ids),
        idp=body.idp.to_source() if body.idp else None,
        attribute_mapping=body.attribute_mapping.to_mapping(),
        name_id_format=body.name_id_format,
        allow_idp_initiated=body.allow_idp_initiated,
        sign_requests=body.sign_requests,
        want_assertions_encrypted=body.want_assertions_encrypted,
        allow_sha1=body.allow_sha1,
        allow_aes_cbc=body.allow_aes_cbc,
        clock_skew=timedelta(seconds=body.clock_skew_seconds),
    )
    return render_connection(await services.connections.create(caller, org, draft), services.urls)


@router.get("", operation_id=Operation.LIST_CONNECTIONS, responses=problems(401, 403, 404, 422))
async def list_connections(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[ConnectionAnswer]:
    """The organization's connections."""
    found = await services.connections.list(caller, org, page)
    return ListOf(data=[render_connection(view, services.urls) for view in found.items], next_cursor=found.next_cursor)


@router.get("/{connection_id}", operation_id=Operation.GET_CONNECTION, responses=tagged(401, 403, 404))
async def get_connection(
    org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> ConnectionAnswer:
    """One connection."""
    return render_connection(tag(await services.connections.get(caller, org, connection_id)), services.urls)


@router.patch(
    "/{connection_id}", operation_id=Operation.UPDATE_CONNECTION, responses=problems(401, 403, 404, 409, 412, 422)
)
async def update_connection(
    org: OrgPath, connection_id: str, body: ConnectionPatch, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> ConnectionAnswer:
    """Change a connection; 409 `sso_in_use` where nobody could sign in afterwards."""
    change = ConnectionChange(
        name=body.name,
        domain_ids=None if body.domain_ids is None else tuple(body.domain_ids),
        idp=body.idp.to_source() if body.idp else None,
        attribute_mapping=body.attribute_mapping.to_mapping() if body.attribute_mapping else None,
        name_id_format=body.name_id_format,
        allow_idp_initiated=body.allow_idp_initiated,
        sign_requests=body.sign_requests,
        want_assertions_encrypted=body.want_assertions_encrypted,
        allow_sha1=body.allow_sha1,
        allow_aes_cbc=body.allow_aes_cbc,
        clock_skew=None if body.clock_skew_seconds is None else timedelta(seconds=body.clock_skew_seconds),
    )
    return render_connection(tag(await services.connections.update(caller, org, connection_id, change)), services.urls)


@router.delete(
    "/{connection_id}",
    status_code=204,
    operation_id=Operation.DELETE_CONNECTION,
    responses=problems(401, 403, 404, 409, 412),
)
async def delete_connection(org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep) -> None:
    """Delete a connection with its identities and sessions."""
    await services.connections.delete(caller, org, connection_id)


@router.post("/{connection_id}/test", operation_id=Operation.TEST_CONNECTION, responses=problems(401, 403, 404, 409))
async def test_connection(org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep) -> TestStarted:
    """Begin a full sign-in that changes nothing and answers with its trace: open `sign_in_url` in a browser."""
    return TestStarted(sign_in_url=await services.sign_in_start.start_test(caller, org, connection_id))


@router.post(
    "/{connection_id}/activate", operation_id=Operation.ACTIVATE_CONNECTION, responses=problems(401, 403, 404, 409, 412)
)
async def activate_connection(
    org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> ConnectionAnswer:
    """Let people sign in through it; 409 `connection_incomplete` names what is missing."""
    return render_connection(tag(await services.connections.activate(caller, org, connection_id)), services.urls)


@router.post(
    "/{connection_id}/deactivate",
    operation_id=Operation.DEACTIVATE_CONNECTION,
    responses=problems(401, 403, 404, 409, 412),
)
async def deactivate_connection(
    org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> ConnectionAnswer:
    """Switch it off; 409 `sso_in_use` for the last one while SSO is on."""
    return render_connection(tag(await services.connections.deactivate(caller, org, connection_id)), services.urls)
