"""What every use case begins with: the caller, let in or refused, in the organization a request speaks of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ostiary.domain import ids
from ostiary.domain.access import (
    OrganizationView,
    Standing,
    ensure_permitted,
    standings_in,
    standings_of_service_account,
    standings_of_setup_link,
    standings_without_organization,
)
from ostiary.domain.audit import ActorKind, AuditActor, AuditEvent, JsonValue
from ostiary.domain.errors import DomainError, Kind, not_found, unauthenticated
from ostiary.domain.membership import Member, Source, requires_sso
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.domain.principal import CredentialKind, Principal
from ostiary.domain.setup_link import SetupLink
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork, UnitOfWorkFactory
from ostiary.services.ports.world import Clock, Ids
from ostiary.services.sent_request import SentRequest
from ostiary.services.versions import version_of


@dataclass(frozen=True, slots=True)
class Urls:
    """Our own public addresses, made from the base URL alone."""

    base_url: str

    def sign_in(self, slug: str) -> str:
        """An organization's sign-in URL (R26)."""
        return f"{self.base_url}/sso/{slug}"

    def sp_entity_id(self, connection_id: str) -> str:
        """Our entity id for one connection, which is also where its metadata is."""
        return f"{self.base_url}/saml/{connection_id}/metadata"

    def acs(self, connection_id: str) -> str:
        """The assertion consumer service of one connection."""
        return f"{self.base_url}/saml/{connection_id}/acs"

    def slo(self, connection_id: str) -> str:
        """The single logout service of one connection."""
        return f"{self.base_url}/saml/{connection_id}/slo"

    def logout(self, connection_id: str) -> str:
        """Where a browser goes to log out at the identity provider too."""
        return f"{self.base_url}/saml/{connection_id}/logout"

    def scim(self) -> str:
        """The SCIM base URL, one for all tenants."""
        return f"{self.base_url}/scim/v2"


@dataclass(frozen=True, slots=True)
class Kit:
    """What every service is built with."""

    uow: UnitOfWorkFactory
    clock: Clock
    ids: Ids
    urls: Urls


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from; both are None where no request did."""

    address: str | None = None
    user_agent: str | None = None


UNKNOWN_CLIENT = Client()


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's caller: the principal (None: anonymous), the request's id, for the audit, and where it came from.

    `seen` are versions of what the request changes, one of which it must still have; None where the caller asks for no
    such thing. `sent` is a SCIM request, for the directory's request log.
    """

    principal: Principal | None
    request_id: str | None = None
    client: Client = UNKNOWN_CLIENT
    seen: frozenset[str] | None = None
    sent: SentRequest | None = None

    def permitted(self, operation: Operation) -> Principal | None:
        """Let the caller into an operation that names no organization; raises 401 or 403."""
        ensure_permitted(operation, standings_without_organization(self.principal), self.principal)
        return self.principal

    def account(self, operation: Operation) -> Principal:
        """As `permitted`, for operations of an account; raises 401 for callers that have none."""
        principal = self.permitted(operation)
        if principal is None or principal.account_id is None:
            raise unauthenticated("authentication_required", "Sign in first.")
        return principal

    def ensure_seen(self, resource: object) -> None:
        """Refuse to change what is no longer what the caller saw: to be asked under the lock that the change holds.

        Raises `version_mismatch` (RFC 9110 §13.1.1).
        """
        if self.seen is not None and version_of(resource) not in self.seen:
            raise DomainError(
                Kind.PRECONDITION_FAILED,
                "version_mismatch",
                "This was changed since you read it, or your If-Match names something else. Read it again, look at "
                "what is different, and send your change with the new ETag.",
            )


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller let in to one operation on one organization.

    `member` is None for those who are none; `link` is the setup link of its bearer, who may only touch what it names.
    """

    organization: Organization
    member: Member | None
    principal: Principal
    request_id: str | None
    link: SetupLink | None = None

    @property
    def source(self) -> Source:
        """What gives the roles that the caller gives."""
        return Source.SERVICE_ACCOUNT if self.principal.service_account_id else Source.PERSON

    @property
    def actor(self) -> AuditActor:
        """The caller as the audit names it."""
        return actor_of(self.principal)


def actor_of(principal: Principal) -> AuditActor:
    """The principal as the audit names it."""
    if principal.kind is CredentialKind.OPERATOR_TOKEN:
        return AuditActor(ActorKind.OPERATOR)
    if principal.service_account_id is not None:
        return AuditActor(ActorKind.SERVICE_ACCOUNT, principal.service_account_id, principal.name)
    if principal.kind is CredentialKind.DIRECTORY_TOKEN:
        return AuditActor(ActorKind.DIRECTORY, principal.id)
    if principal.kind is CredentialKind.SETUP_LINK:
        return AuditActor(ActorKind.SETUP_LINK, principal.id, principal.email)
    return AuditActor(ActorKind.ACCOUNT, principal.account_id, principal.email)


async def admit(
    uow: UnitOfWork,
    urls: Urls,
    caller: Caller,
    reference: str,
    operation: Operation,
    *,
    lock: Lock = Lock.NONE,
    database_id: str | None = None,
    deleted: bool = False,
) -> Admitted:
    """Let the caller into an operation on an organization, inside the transaction that carries it out.

    With `database_id` the operation is about that database, whose administrators have a standing of their own.
    With `deleted` only into one that is deleted, where nobody signs in by SSO and so nobody has to.

    The permission is read after the lock was had, so that a right lost a moment ago is a right lost (R63).
    Raises 401 without a credential, 404 for strangers and for a database that is not there, 403 where the standing does
    not suffice.
    """
    principal = caller.principal
    if principal is not None and principal.kind is CredentialKind.SETUP_LINK:
        return await _admit_by_link(uow, principal, caller.request_id, reference, operation, lock)
    if principal is not None and principal.kind is CredentialKind.SERVICE_ACCOUNT_TOKEN:
        return await _admit_service_account(uow, principal, caller, reference, operation, lock, database_id)
    if principal is None or principal.account_id is None:
        # Nobody to look up: the operator and directory tokens have operations of their own.
        ensure_permitted(operation, frozenset(), principal)
        raise unauthenticated("authentication_required", "Sign in first.")
    entrance = await uow.organizations.enter(reference, principal.account_id, lock, deleted=deleted)
    if entrance is None:
        raise not_found("organization")
    organization, member = entrance.organization, entrance.member
    standings = standings_in(
        principal,
        OrganizationView(
            organization_id=organization.id,
            sign_in_url=urls.sign_in(organization.slug),
            sso_required=member is not None
            and not deleted
            and requires_sso(organization.sso.enabled, member.awaiting_first_sso_sign_in),
            is_member=member is not None,
            is_suspended=member is not None and not member.is_active,
            is_administrator=member is not None and member.is_active_administrator,
            is_database_administrator=member is not None
            and database_id is not None
            and await uow.members.is_database_administrator(organization.id, member.id, database_id),
        ),
    )
    if Standing.MEMBER in standings:
        await _ensure_database(uow, organization.id, database_id)
    ensure_permitted(operation, standings, principal)
    return Admitted(organization, member, principal, caller.request_id)


async def _ensure_database(uow: UnitOfWork, organization_id: str, database_id: str | None) -> None:
    """Tell everybody who may list the databases that one is not there, rather than that it is not theirs."""
    if database_id is not None and await uow.databases.get(organization_id, database_id) is None:
        raise not_found("database")


async def _admit_by_link(
    uow: UnitOfWork, principal: Principal, request_id: str | None, reference: str, operation: Operation, lock: Lock
) -> Admitted:
    """Let the bearer of a setup link in (R7): the link and its creator are read after the lock was had (R63)."""
    organization = await uow.organizations.get(reference, lock)
    if organization is None or organization.id != principal.organization_id:
        raise not_found("organization")
    known = await uow.setup_links.get(organization.id, principal.id)
    if known is None or not known.link.is_vouched_for(known.creator):
        raise unauthenticated("invalid_token", "This setup link was revoked or has ended. Ask for another one.")
    ensure_permitted(operation, standings_of_setup_link(known.link.intent), principal)
    return Admitted(organization, None, principal, request_id, known.link)


async def _admit_service_account(
    uow: UnitOfWork,
    principal: Principal,
    caller: Caller,
    reference: str,
    operation: Operation,
    lock: Lock,
    database_id: str | None,
) -> Admitted:
    """Let a service account in by its role (R1): it and its token are read after the lock was had (R63)."""
    organization = await uow.organizations.get(reference, lock)
    if organization is None or organization.id != principal.organization_id:
        raise not_found("organization")
    account = await uow.service_accounts.by_token(organization.id, principal.id)
    if account is None:
        raise unauthenticated("invalid_token", "This token was revoked. Ask an administrator for another one.")
    await _ensure_database(uow, organization.id, database_id)
    ensure_permitted(operation, standings_of_service_account(account.role), principal)
    return Admitted(organization, None, principal, caller.request_id)


class Journal:
    """Writes audit events for one organization into one transaction (R60)."""

    def __init__(
        self, kit: Kit, uow: UnitOfWork, organization_id: str, actor: AuditActor, request_id: str | None
    ) -> None:
        self._kit = kit
        self._uow = uow
        self._organization_id = organization_id
        self._actor = actor
        self._request_id = request_id

    @classmethod
    def of(cls, kit: Kit, uow: UnitOfWork, admitted: Admitted) -> "Journal":
        """The journal of an admitted caller."""
        return cls(kit, uow, admitted.organization.id, admitted.actor, admitted.request_id)

    async def write(
        self,
        action: str,
        target_kind: str,
        target_id: str,
        *,
        before: Mapping[str, JsonValue] | None = None,
        after: Mapping[str, JsonValue] | None = None,
    ) -> AuditEvent:
        """Record one change: what it was and what it is now, never a secret. Webhooks are told after the commit."""
        event = self._event(action, target_kind, target_id, before or {}, after or {})
        await self._uow.audit.record(event, self._tell)
        return event

    async def write_each(
        self,
        action: str,
        target_kind: str,
        changes: Mapping[str, tuple[Mapping[str, JsonValue], Mapping[str, JsonValue]]],
    ) -> None:
        """Record the same change of many targets, by their ids: of each what it was and what it is now."""
        events = [
            self._event(action, target_kind, target, before, after) for target, (before, after) in changes.items()
        ]
        if events:
            await self._tell(await self._uow.audit.record_all(events))

    async def _tell(self, webhook_ids: Sequence[str]) -> None:
        if webhook_ids:
            await self._uow.outbox.webhooks(self._organization_id, webhook_ids)

    def _event(
        self,
        action: str,
        target_kind: str,
        target_id: str,
        before: Mapping[str, JsonValue],
        after: Mapping[str, JsonValue],
    ) -> AuditEvent:
        return AuditEvent(
            id=self._kit.ids.new(ids.EVENT),
            organization_id=self._organization_id,
            at=self._kit.clock.now(),
            actor=self._actor,
            action=action,
            target_kind=target_kind,
            target_id=target_id,
            before=before,
            after=after,
            request_id=self._request_id,
        )
