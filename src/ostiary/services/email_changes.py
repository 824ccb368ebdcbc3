"""Changing one's own address: both mailboxes agree, and no organization is in charge of either (R27, R34)."""

from datetime import timedelta

from ostiary.domain.account import Account, checked_email, email_domain
from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.errors import DomainError, conflict, invalid, not_found
from ostiary.domain.operation import Operation
from ostiary.domain.throttle import Attempt
from ostiary.services import mails, secrets
from ostiary.services.context import UNKNOWN_CLIENT, Caller, Client, Journal, Kit
from ostiary.services.ports.accounts import EmailTokenPurpose
from ostiary.services.ports.email_changes import EmailChange
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.throttle import Throttle

LIFETIME = timedelta(hours=24)


class EmailChangeService:
    """The address an account signs in by."""

    def __init__(self, kit: Kit, throttle: Throttle) -> None:
        self._kit = kit
        self._throttle = throttle

    async def request(self, caller: Caller, email: str) -> None:
        """Mail a token to the present and one to the wanted address; a change asked for before is void.

        Whether the wanted address has an account is told to that mailbox alone. Raises `same_email`,
        `email_managed_by_organization`.
        """
        principal = caller.account(Operation.CHANGE_EMAIL)
        wanted, account_id = checked_email(email), principal.account_id or ""
        await self._throttle.count(Attempt.CHANGE_EMAIL, caller.client, account_id)
        present_token, wanted_token = (self._kit.ids.secret(secrets.EMAIL_TOKEN) for _ in range(2))
        base_url = self._kit.urls.base_url
        async with self._kit.uow() as uow:
            account = await self._account(uow, account_id)
            if account.email == wanted:
                raise invalid("same_email", "This is your address already.", pointer="/email")
            await self._ensure_nobody_is_in_charge(uow, account, wanted)
            change = EmailChange(
                account.id,
                wanted,
                secrets.digest(present_token),
                secrets.digest(wanted_token),
                self._kit.clock.now() + LIFETIME,
            )
            await uow.email_changes.put(change)
            await uow.outbox.mail(mails.leave_address(account.email, wanted, base_url, present_token))
            if await uow.accounts.by_email(wanted) is None:
                await uow.outbox.mail(mails.take_address(wanted, account.email, base_url, wanted_token))
            else:
                await uow.outbox.mail(mails.address_is_taken(wanted))
            await uow.commit()

    async def confirm(self, token: str, client: Client = UNKNOWN_CLIENT) -> bool:
        """Agree for the mailbox a token was mailed to; answers whether that made two, and the address is changed.

        Then every session of the account ends, and what was mailed to the old address opens nothing. Raises
        `invalid_token`, `email_managed_by_organization`, `email_taken`.
        """
        digest = secrets.digest(token)
        async with self._throttle.refusals(Attempt.CONFIRM_EMAIL, client), self._kit.uow() as uow:
            account_id = await uow.email_changes.account_of(digest, self._kit.clock.now())
            account = await self._account(uow, account_id) if account_id else None
            # Both mailboxes may agree at once; whoever has the account's row now is the second.
            change = await uow.email_changes.agree(account.id, digest) if account else None
            if account is None or change is None:
                raise invalid(
                    "invalid_token",
                    "This token was used, has expired, or is not ours. Ask for the change again.",
                    pointer="/token",
                )
            if change.is_agreed:
                await self._change(uow, account, change.email)
            await uow.commit()
        return change.is_agreed

    async def _change(self, uow: UnitOfWork, account: Account, email: str) -> None:
        await self._ensure_nobody_is_in_charge(uow, account, email)
        now = self._kit.clock.now()
        await uow.accounts.set_email(account.id, email, now)
        await uow.members.readdress_manual(account.id, email)
        await uow.email_changes.delete(account.id)
        await uow.sessions.delete_of_account(account.id)
        for purpose in (EmailTokenPurpose.RESET_PASSWORD, EmailTokenPurpose.VERIFY_EMAIL):
            await uow.email_tokens.delete_of_account(account.id, purpose)
        actor = AuditActor(ActorKind.ACCOUNT, account.id, email)
        for entrance in await uow.organizations.of_account(account.id):
            if entrance.member is not None:
                await Journal(self._kit, uow, entrance.organization.id, actor, None).write(
                    "member.email_changed",
                    "member",
                    entrance.member.id,
                    before={"email": account.email},
                    after={"email": email},
                )

    async def _account(self, uow: UnitOfWork, account_id: str) -> Account:
        account = await uow.accounts.get(account_id, lock=True)
        if account is None:
            raise not_found("account")
        return account

    async def _ensure_nobody_is_in_charge(self, uow: UnitOfWork, account: Account, wanted: str) -> None:
        names = (email_domain(account.email), email_domain(wanted))
        if await uow.email_changes.organizations_owning(account.id, names):
            raise _managed()


def _managed() -> DomainError:
    return conflict(
        "email_managed_by_organization",
        "An organization of yours signs its people in through an identity provider and has verified the domain of your "
        "present or your new address. Your address is changed at that identity provider.",
    )
