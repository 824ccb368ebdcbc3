"""Support's way to let a locked-out administrator in: a mailed link that needs no recovery code (R62)."""

from datetime import timedelta

from ostiary.domain.account import Account
from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.errors import DomainError, conflict, not_found, unauthenticated
from ostiary.domain.membership import Member
from ostiary.domain.operation import Operation
from ostiary.domain.throttle import Attempt
from ostiary.services import mails, secrets
from ostiary.services.accounts import SignedIn
from ostiary.services.context import UNKNOWN_CLIENT, Caller, Client, Journal, Kit, actor_of
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.recovery import open_recovery_session
from ostiary.services.throttle import Throttle

# Long enough for the mail to be found while support is on the telephone; a newer link voids the older one.
SUPPORT_LINK_LIFETIME = timedelta(hours=2)


class SupportRecoveryService:
    """The operator has a link mailed, and never sees it; whoever reads the administrator's mailbox redeems it."""

    def __init__(self, kit: Kit, throttle: Throttle) -> None:
        self._kit = kit
        self._throttle = throttle

    async def send(self, caller: Caller, reference: str, member_id: str, reason: str) -> None:
        """Mail an administrator a link, and tell all of them; answers no secret.

        Raises `sso_not_enabled`, `not_an_administrator` and `member_without_account` (409).
        """
        principal = caller.permitted(Operation.RECOVER_ORGANIZATION)
        assert principal is not None
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(reference, Lock.SHARED)
            if organization is None:
                raise not_found("organization")
            if not organization.sso.enabled:
                raise conflict("sso_not_enabled", "Single sign-on is off here: they sign in by password.")
            member = await uow.members.get(organization.id, member_id, lock=True)
            if member is None:
                raise not_found("member")
            account = await self._administrators_account(uow, member)
            token, expires_at = self._kit.ids.secret(secrets.RECOVERY_LINK), now + SUPPORT_LINK_LIFETIME
            await uow.recovery_links.put(organization.id, member.id, secrets.digest(token), now, expires_at)
            journal = Journal(self._kit, uow, organization.id, actor_of(principal), caller.request_id)
            await journal.write(
                "sso.recovery_link_sent",
                "member",
                member.id,
                after={"email": account.email, "reason": reason, "expires_at": expires_at.isoformat()},
            )
            # To the address the person signs in by: the one the identity provider writes may be part of the trouble.
            base_url = self._kit.urls.base_url
            await uow.outbox.mail(
                mails.support_recovery_link(account.email, organization.name, base_url, reason, token)
            )
            for address in await uow.members.administrator_emails(organization.id):
                await uow.outbox.mail(mails.support_recovery_begun(address, organization.name, account.email, reason))
            await uow.commit()

    async def redeem(self, token: str, client: Client = UNKNOWN_CLIENT) -> SignedIn:
        """The mailed link becomes a session of 15 minutes, once; raises `recovery_refused` (401)."""
        digest, now = secrets.digest(token), self._kit.clock.now()
        async with self._throttle.refusals(Attempt.RECOVER_BY_LINK, client), self._kit.uow() as uow:
            whose = await uow.recovery_links.find(digest, now)
            organization = await uow.organizations.get(whose[0], Lock.SHARED) if whose else None
            if whose is None or organization is None or not organization.sso.enabled:
                raise _refused()
            member = await uow.members.get(organization.id, whose[1], lock=True)
            if member is None or not await uow.recovery_links.consume(organization.id, member.id, digest, now):
                raise _refused()
            try:
                account = await self._administrators_account(uow, member)
            except DomainError:
                raise _refused() from None
            signed_in = await open_recovery_session(self._kit, uow, organization, account)
            actor = AuditActor(ActorKind.ACCOUNT, account.id, account.email)
            await Journal(self._kit, uow, organization.id, actor, None).write(
                "sso.recovery_link_used", "member", member.id, after={"session_id": signed_in.session.id}
            )
            for address in await uow.members.administrator_emails(organization.id):
                await uow.outbox.mail(mails.support_recovery_used(address, organization.name, account.email))
            await uow.commit()
        return signed_in

    async def _administrators_account(self, uow: UnitOfWork, member: Member) -> Account:
        if not member.is_active_administrator:
            raise conflict("not_an_administrator", "Name an active administrator of the organization.")
        account = await uow.accounts.get(member.account_id) if member.account_id else None
        if account is None:
            raise conflict(
                "member_without_account",
                "This administrator has never signed in, so there is no account to let in. Name another one.",
            )
        return account


def _refused() -> DomainError:
    return unauthenticated(
        "recovery_refused",
        "This link is unknown, used or too old, or its administrator or single sign-on is no more. Ask support for "
        "another one, or use a recovery code.",
    )
