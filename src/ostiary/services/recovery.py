"""The way in for an administrator whom a broken identity provider locked out (R62)."""

from datetime import timedelta

from ostiary.domain import ids
from ostiary.domain.account import RECOVERY_SESSION_LIFETIME, Account, Session, SessionKind, checked_email
from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.errors import DomainError, unauthenticated
from ostiary.domain.membership import Member
from ostiary.domain.organization import Organization
from ostiary.domain.throttle import Attempt
from ostiary.services import mails, secrets
from ostiary.services.accounts import SignedIn
from ostiary.services.context import UNKNOWN_CLIENT, Client, Journal, Kit
from ostiary.services.ports.accounts import EmailTokenPurpose
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.world import PasswordHasher, TokenWish
from ostiary.services.throttle import Throttle

LINK_LIFETIME = timedelta(minutes=30)
# Ids of nothing: looked up where there is no such administrator, so that their absence takes the same statements.
_NOBODY = _NOWHERE = ""


class RecoveryService:
    """Recovery codes become short sessions that can only repair."""

    def __init__(self, kit: Kit, passwords: PasswordHasher, throttle: Throttle) -> None:
        self._kit = kit
        self._passwords = passwords
        self._throttle = throttle

    async def request_link(self, *, organization: str, email: str, client: Client = UNKNOWN_CLIENT) -> None:
        """Have an administrator mailed a token that stands in for the password.

        Whether there is one, is looked up afterwards by a worker: neither the answer nor its time tells.
        """
        await self._throttle.count(Attempt.REQUEST_RECOVERY_LINK, client, email.strip().lower())
        async with self._kit.uow() as uow:
            await uow.outbox.token(TokenWish(email, repairs=organization))
            await uow.commit()

    async def mail_link(self, *, organization: str, email: str) -> None:
        """Mail the token somebody asked for with `request_link`; voids those mailed before."""
        async with self._kit.uow() as uow:
            found = await self._administrator(uow, organization, email)
            if found is None:
                return
            where, account, _ = found
            token = self._kit.ids.secret(secrets.EMAIL_TOKEN)
            await uow.email_tokens.delete_of_account(account.id, EmailTokenPurpose.RECOVER)
            await uow.email_tokens.add(
                secrets.digest(token),
                account.id,
                EmailTokenPurpose.RECOVER,
                account.email,
                self._kit.clock.now() + LINK_LIFETIME,
            )
            await uow.outbox.mail(mails.recovery_link(account.email, where.name, self._kit.urls.base_url, token))
            await uow.commit()

    async def recover(
        self,
        *,
        organization: str,
        email: str,
        recovery_code: str,
        password: str | None,
        token: str | None,
        client: Client = UNKNOWN_CLIENT,
    ) -> SignedIn:
        """A recovery code with the password or a mailed token becomes a session of 15 minutes.

        Raises `recovery_refused` (401), the same for whatever is wrong, and after the same work: nobody learns that a
        password is right who has no code. A code and a token are used up only by success.
        """
        taken = await self._throttle.count(Attempt.RECOVER, client, email.strip().lower())
        async with self._kit.uow() as uow:
            found = await self._administrator(uow, organization, email)
        known = found[1].password_hash if found else None
        password_right = await self._passwords.verify(password or "", known)
        async with self._kit.uow() as uow:
            found = await self._administrator(uow, organization, email, Lock.SHARED)
            now = self._kit.clock.now()
            mailed = await uow.email_tokens.consume(secrets.digest(token or ""), EmailTokenPurpose.RECOVER, now)
            code_right = await uow.recovery_codes.consume(
                found[0].id if found else _NOWHERE, secrets.digest(recovery_code), now
            )
            if found is None or not code_right:
                raise _refused()
            where, account, member = found
            knows_password = password_right and account.password_hash == known
            if not knows_password and mailed != (account.id, account.email):
                raise _refused()
            signed_in = await open_recovery_session(self._kit, uow, where, account)
            await self._announce(uow, where, account, member, signed_in.session)
            await uow.commit()
        await self._throttle.give_back(taken)
        return signed_in

    async def _administrator(
        self, uow: UnitOfWork, organization: str, email: str, lock: Lock = Lock.NONE
    ) -> tuple[Organization, Account, Member] | None:
        """The organization with SSO on, and its active administrator of that address."""
        try:
            account = await uow.accounts.by_email(checked_email(email))
        except DomainError:
            account = None
        entrance = await uow.organizations.enter(organization, account.id if account else _NOBODY, lock)
        if account is None or entrance is None or entrance.member is None:
            return None
        if not entrance.organization.sso.enabled or not entrance.member.is_active_administrator:
            return None
        return entrance.organization, account, entrance.member

    async def _announce(
        self, uow: UnitOfWork, organization: Organization, account: Account, member: Member, session: Session
    ) -> None:
        """Audit the use, and tell every administrator."""
        actor = AuditActor(ActorKind.ACCOUNT, account.id, account.email)
        journal = Journal(self._kit, uow, organization.id, actor, None)
        await journal.write("sso.recovery_code_used", "member", member.id, after={"session_id": session.id})
        for address in await uow.members.administrator_emails(organization.id):
            await uow.outbox.mail(mails.recovery_used(address, organization.name, account.email))


async def open_recovery_session(kit: Kit, uow: UnitOfWork, organization: Organization, account: Account) -> SignedIn:
    """A session of 15 minutes that can only read and repair this organization's single sign-on (R62)."""
    now = kit.clock.now()
    session = Session(
        id=kit.ids.new(ids.SESSION),
        account_id=account.id,
        kind=SessionKind.RECOVERY,
        created_at=now,
        expires_at=now + RECOVERY_SESSION_LIFETIME,
        ends_at=now + RECOVERY_SESSION_LIFETIME,
        last_used_at=now,
        organization_id=organization.id,
    )
    secret = kit.ids.secret(secrets.SESSION)
    await uow.sessions.add(session, secrets.digest(secret))
    return SignedIn(secret, session, account)


def _refused() -> DomainError:
    return unauthenticated(
        "recovery_refused",
        "Organization, e-mail address, recovery code, and password or mailed token must all be right, and single "
        "sign-on must be on.",
    )
