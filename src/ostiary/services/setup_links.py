"""Setup links: made, listed and revoked by administrators; and what the bearer of one may do (R7)."""

from dataclasses import dataclass

from ostiary.domain import ids
from ostiary.domain.audit import JsonValue
from ostiary.domain.connection import Connection
from ostiary.domain.directory import Directory
from ostiary.domain.domain_name import DomainStatus, EmailDomain
from ostiary.domain.errors import conflict, forbidden, invalid, not_found
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.domain.setup_link import (
    MAX_SETUP_LINKS,
    SetupIntent,
    SetupLink,
    checked_lifetime,
    ensure_connection_is_draft,
    ensure_directory_is_off,
    ensure_domain_is_pending,
    ensure_names_fit,
)
from ostiary.domain.sso_policy import ensure_entitled
from ostiary.services import secrets
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.setup_links import KnownSetupLink
from ostiary.services.ports.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class SetupLinkDraft:
    """What a new link is for. `expires_in` is in seconds."""

    intent: SetupIntent
    expires_in: int
    connection_id: str | None = None
    domain_id: str | None = None


@dataclass(frozen=True, slots=True)
class SetupLinkView:
    """A link, and whether it opens anything today."""

    link: SetupLink
    active: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """What the bearer of a link is to do: in which organization, on what; `domains` may be put on the connection."""

    organization: Organization
    link: SetupLink
    connection: Connection | None
    domain: EmailDomain | None
    directory: Directory | None
    domains: tuple[EmailDomain, ...]

    @property
    def finished(self) -> bool:
        """Whether what the link names is in use by now."""
        return (
            (self.connection is not None and not self.connection.is_draft)
            or (self.domain is not None and self.domain.status is not DomainStatus.PENDING)
            or (self.directory is not None and self.directory.enabled)
        )


class SetupLinkService:
    """The setup links of an organization."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def create(self, caller: Caller, reference: str, draft: SetupLinkDraft) -> tuple[SetupLinkView, str]:
        """Make a link; answers it and its secret, which is shown this once.

        Raises `connection_in_use`, `domain_in_use` or `directory_in_use` (409) where there is nothing left to set up.
        """
        lifetime = checked_lifetime(draft.expires_in)
        ensure_names_fit(draft.intent, draft.connection_id, draft.domain_id)
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.CREATE_SETUP_LINK, lock=Lock.EXCLUSIVE
            )
            if admitted.member is None:
                raise forbidden("forbidden", "A setup link lives as long as the administrator who makes it: sign in.")
            if await uow.setup_links.count(admitted.organization.id, now) >= MAX_SETUP_LINKS:
                raise conflict(
                    "too_many_setup_links", f"An organization has at most {MAX_SETUP_LINKS} setup links. Revoke one."
                )
            await self._ensure_to_set_up(uow, admitted, draft)
            link = SetupLink(
                id=self._kit.ids.new(ids.SETUP_LINK),
                organization_id=admitted.organization.id,
                intent=draft.intent,
                created_by=admitted.member.id,
                created_by_email=admitted.principal.email or admitted.member.email,
                created_at=now,
                expires_at=now + lifetime,
                connection_id=draft.connection_id,
                domain_id=draft.domain_id,
            )
            secret = self._kit.ids.secret(secrets.SETUP)
            await uow.setup_links.add(link, secrets.digest(secret))
            await Journal.of(self._kit, uow, admitted).write(
                "setup_link.created", "setup_link", link.id, after=_audited(link)
            )
            await uow.commit()
        return SetupLinkView(link, active=True), secret

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[SetupLinkView]:
        """The organization's links, without their secrets."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_SETUP_LINKS)
            found = await uow.setup_links.list(admitted.organization.id, page)
        return Page(tuple(self._view(known) for known in found.items), found.next_cursor)

    async def get(self, caller: Caller, reference: str, link_id: str) -> SetupLinkView:
        """One link."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_SETUP_LINK)
            return self._view(await self._existing(uow, admitted, link_id))

    async def revoke(self, caller: Caller, reference: str, link_id: str) -> None:
        """Stop the link at once."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.REVOKE_SETUP_LINK, lock=Lock.EXCLUSIVE
            )
            known = await self._existing(uow, admitted, link_id)
            caller.ensure_seen(self._view(known))
            await uow.setup_links.delete(admitted.organization.id, link_id)
            await Journal.of(self._kit, uow, admitted).write(
                "setup_link.revoked", "setup_link", link_id, before=_audited(known.link)
            )
            await uow.commit()

    async def describe(self, caller: Caller) -> Setup:
        """What the bearer may do, for whom, until when."""
        principal = caller.permitted(Operation.GET_SETUP)
        assert principal is not None
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, principal.organization_id or "", Operation.GET_SETUP)
            organization, link, now = admitted.organization, admitted.link, self._kit.clock.now()
            assert link is not None
            is_sso = link.intent is SetupIntent.SSO
            domains = await uow.domains.all(organization.id) if is_sso else ()
            return Setup(
                organization=organization,
                link=link,
                connection=await uow.connections.get(organization.id, link.connection_id)
                if link.connection_id
                else None,
                domain=await uow.domains.get(organization.id, link.domain_id) if link.domain_id else None,
                directory=await uow.directories.get(organization.id) if link.intent is SetupIntent.DIRECTORY else None,
                domains=tuple(domain for domain in domains if domain.admits(now)),
            )

    async def _ensure_to_set_up(self, uow: UnitOfWork, admitted: Admitted, draft: SetupLinkDraft) -> None:
        """Refuse a link for what is in use already, or was never there."""
        organization_id = admitted.organization.id
        if draft.connection_id is not None:
            connection = await uow.connections.get(organization_id, draft.connection_id)
            if connection is None:
                raise invalid("unknown_connection", "There is no such connection here.", pointer="/connection_id")
            ensure_connection_is_draft(connection)
        elif draft.domain_id is not None:
            domain = await uow.domains.get(organization_id, draft.domain_id)
            if domain is None:
                raise invalid("unknown_domain", "There is no such domain here.", pointer="/domain_id")
            ensure_domain_is_pending(domain)
        elif draft.intent is SetupIntent.SSO:
            ensure_entitled(admitted.organization)
        elif draft.intent is SetupIntent.DIRECTORY:
            directory = await uow.directories.get(organization_id)
            if directory is None:
                raise not_found("directory")
            ensure_directory_is_off(directory)

    async def _existing(self, uow: UnitOfWork, admitted: Admitted, link_id: str) -> KnownSetupLink:
        known = await uow.setup_links.get(admitted.organization.id, link_id)
        if known is None:
            raise not_found("setup_link")
        return known

    def _view(self, known: KnownSetupLink) -> SetupLinkView:
        return SetupLinkView(known.link, known.link.is_alive(known.creator, self._kit.clock.now()))


def _audited(link: SetupLink) -> dict[str, JsonValue]:
    return {
        "intent": link.intent,
        "connection_id": link.connection_id,
        "domain_id": link.domain_id,
        "expires_at": link.expires_at.isoformat(),
    }
