"""Invitations: a mailed secret that makes its addressee a member (R16, R63)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ostiary.domain import ids
from ostiary.domain.account import Account, checked_email
from ostiary.domain.audit import JsonValue
from ostiary.domain.errors import conflict, invalid, not_found
from ostiary.domain.invitation import (
    INVITATION_LIFETIME,
    Invitation,
    InvitationStatus,
    ensure_acceptable,
    ensure_invitations_are_open,
    ensure_pending,
)
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.domain.throttle import Attempt
from ostiary.services import mails, secrets
from ostiary.services.context import Caller, Journal, Kit, actor_of, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock, MemberDetails
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Accepted:
    """The membership an invitation became."""

    organization: Organization
    details: MemberDetails


class InvitationService:
    """Invitations into an organization."""

    def __init__(self, kit: Kit, throttle: Throttle) -> None:
        self._kit = kit
        self._throttle = throttle

    async def create(
        self, caller: Caller, reference: str, *, email: str, role: Role, team_ids: Sequence[str]
    ) -> Invitation:
        """Mail an invitation. Raises `invitations_disabled_by_sso` (R16), `invitation_pending`, `already_member`."""
        address = checked_email(email)
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.CREATE_INVITATION, lock=Lock.SHARED
            )
            organization = admitted.organization
            ensure_invitations_are_open(organization.sso.enabled)
            await self._ensure_teams_exist(uow, organization.id, team_ids)
            invitation = Invitation(
                id=self._kit.ids.new(ids.INVITATION),
                organization_id=organization.id,
                email=address,
                role=role,
                team_ids=tuple(dict.fromkeys(team_ids)),
                status=InvitationStatus.PENDING,
                invited_by=admitted.principal.subject or "",
                created_at=now,
                expires_at=now + INVITATION_LIFETIME,
            )
            secret = self._kit.ids.secret(secrets.INVITATION)
            await uow.invitations.expire(organization.id, address, now)
            await uow.invitations.add(invitation, secrets.digest(secret))
            # Storing it waits for an acceptance of the address's former one; only now is that member seen (R63).
            await self._ensure_no_member(uow, organization.id, address)
            await uow.outbox.mail(
                mails.invitation(organization, invitation, admitted.principal.label, self._kit.urls.base_url, secret)
            )
            teams: list[JsonValue] = list(invitation.team_ids)
            await Journal.of(self._kit, uow, admitted).write(
                "invitation.created",
                "invitation",
                invitation.id,
                after={"email": address, "role": role, "team_ids": teams},
            )
            await uow.commit()
        return invitation

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[Invitation]:
        """Invitations of every status, newest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_INVITATIONS)
            found = await uow.invitations.list(admitted.organization.id, page)
        now = self._kit.clock.now()
        return replace(found, items=tuple(invitation.at(now) for invitation in found.items))

    async def resend(self, caller: Caller, reference: str, invitation_id: str) -> Invitation:
        """Mail it again with a new secret and seven new days, also after it has expired; the old secret ends.

        Raises `invitation_not_pending`, `invitations_disabled_by_sso` (R16), `already_member`, and
        `invitation_pending` where the address of an expired one was invited anew.
        """
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.RESEND_INVITATION, lock=Lock.SHARED
            )
            organization = admitted.organization
            former = await uow.invitations.get(organization.id, invitation_id, lock=True)
            if former is None:
                raise not_found("invitation")
            ensure_invitations_are_open(organization.sso.enabled)
            now = self._kit.clock.now()
            invitation = former.renewed(now)
            secret = self._kit.ids.secret(secrets.INVITATION)
            await uow.invitations.renew(invitation, secrets.digest(secret))
            await self._ensure_no_member(uow, organization.id, invitation.email)
            await uow.outbox.mail(
                mails.invitation(organization, invitation, admitted.principal.label, self._kit.urls.base_url, secret)
            )
            await Journal.of(self._kit, uow, admitted).write(
                "invitation.resent",
                "invitation",
                invitation.id,
                before={"status": former.at(now).status, "expires_at": former.expires_at.isoformat()},
                after={
                    "status": invitation.status,
                    "expires_at": invitation.expires_at.isoformat(),
                    "email": invitation.email,
                },
            )
            await uow.commit()
        return invitation

    async def revoke(self, caller: Caller, reference: str, invitation_id: str) -> None:
        """Void a pending invitation; raises `invitation_not_pending`."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.REVOKE_INVITATION, lock=Lock.SHARED
            )
            invitation = await uow.invitations.get(admitted.organization.id, invitation_id, lock=True)
            if invitation is None:
                raise not_found("invitation")
            ensure_pending(invitation, self._kit.clock.now())
            await uow.invitations.set_status(invitation.organization_id, invitation.id, InvitationStatus.REVOKED)
            await Journal.of(self._kit, uow, admitted).write(
                "invitation.revoked",
                "invitation",
                invitation.id,
                before={"status": invitation.status},
                after={"status": InvitationStatus.REVOKED, "email": invitation.email},
            )
            await uow.commit()

    async def accept(self, caller: Caller, token: str) -> Accepted:
        """Make the caller a member; proves their address, and joins the teams that still exist.

        Raises `invalid_token`, `invitations_disabled_by_sso` (R16), `invitation_not_pending`,
        `invitation_email_mismatch`, `already_member`.
        """
        principal = caller.account(Operation.ACCEPT_INVITATION)
        unknown = invalid(
            "invalid_token",
            "This is no invitation of ours. Copy the whole token from the mail, or ask to be invited again.",
            pointer="/token",
        )
        async with self._throttle.refusals(Attempt.ACCEPT_INVITATION, caller.client), self._kit.uow() as uow:
            found = await uow.invitations.by_secret(secrets.digest(token))
            if found is None:
                raise unknown
            # Whether SSO is on, and what became of the invitation, is read once nobody can change it any more (R63).
            organization = await uow.organizations.get(found.organization_id, Lock.SHARED)
            invitation = await uow.invitations.get(found.organization_id, found.id, lock=True)
            account = await uow.accounts.get(principal.account_id or "", lock=True)
            if organization is None or invitation is None or account is None:
                raise unknown
            now = self._kit.clock.now()
            ensure_acceptable(invitation, account.email, organization.sso.enabled, now)
            await uow.accounts.mark_email_verified(account.id, now)
            await uow.invitations.set_status(organization.id, invitation.id, InvitationStatus.ACCEPTED)
            member = self._member(invitation, account)
            await uow.members.add(member)
            joined: list[JsonValue] = list(await uow.teams.join(organization.id, member.id, invitation.team_ids, now))
            journal = Journal(self._kit, uow, organization.id, actor_of(principal), caller.request_id)
            await journal.write(
                "invitation.accepted",
                "invitation",
                invitation.id,
                before={"status": invitation.status},
                after={"status": InvitationStatus.ACCEPTED, "member_id": member.id},
            )
            await journal.write(
                "member.joined",
                "member",
                member.id,
                after={"email": member.email, "role": member.role, "team_ids": joined},
            )
            details = await uow.members.details(organization.id, member.id)
            assert details is not None
            await uow.commit()
        return Accepted(organization, details)

    def _member(self, invitation: Invitation, account: Account) -> Member:
        now = self._kit.clock.now()
        given = Provenance(Source.INVITATION, invitation.id, now)
        return Member(
            id=self._kit.ids.new(ids.MEMBER),
            organization_id=invitation.organization_id,
            account_id=account.id,
            email=account.email,
            name=account.name,
            role=invitation.role,
            status=MemberStatus.ACTIVE,
            managed_by=ManagedBy.MANUAL,
            awaiting_first_sso_sign_in=False,
            joined_at=now,
            provenance=given,
            role_provenance=given,
        )

    async def _ensure_no_member(self, uow: UnitOfWork, organization_id: str, email: str) -> None:
        account = await uow.accounts.by_email(email)
        if account is not None and await uow.members.by_account(organization_id, account.id) is not None:
            raise conflict(
                "already_member",
                "The account of this address is a member of the organization already. Change the member's role or "
                "teams instead.",
            )

    async def _ensure_teams_exist(self, uow: UnitOfWork, organization_id: str, team_ids: Sequence[str]) -> None:
        existing = await uow.teams.existing(organization_id, team_ids)
        for index, team_id in enumerate(team_ids):
            if team_id not in existing:
                raise invalid(
                    "unknown_team",
                    "Name teams of this organization; GET its /teams for their ids.",
                    pointer=f"/team_ids/{index}",
                )
