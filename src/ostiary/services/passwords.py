"""Passwords: changing one's own, and setting a new one by mail."""

from collections.abc import Container
from datetime import timedelta

from ostiary.domain.account import Account, checked_email, checked_password
from ostiary.domain.errors import DomainError, forbidden, invalid, not_found, unauthenticated
from ostiary.domain.operation import Operation
from ostiary.domain.throttle import Attempt
from ostiary.services import mails, secrets
from ostiary.services.accounts import SignedIn
from ostiary.services.context import UNKNOWN_CLIENT, Caller, Client, Kit
from ostiary.services.ports.accounts import EmailTokenPurpose
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.world import PasswordHasher, TokenWish
from ostiary.services.throttle import Throttle

RESET_LIFETIME = timedelta(minutes=30)


class PasswordService:
    """A person's password. No connection is held while one is hashed."""

    def __init__(self, kit: Kit, hasher: PasswordHasher, common: Container[str], throttle: Throttle) -> None:
        self._kit = kit
        self._hasher = hasher
        self._common = common
        self._throttle = throttle

    async def change(self, caller: Caller, *, current: str, new: str) -> SignedIn:
        """Replace the password and end the account's other sessions; raises `invalid_credentials`.

        The session that asks gets another secret, so that who had copied the one before is out too.
        """
        principal = caller.account(Operation.CHANGE_PASSWORD)
        account_id = principal.account_id or ""
        taken = await self._throttle.count(Attempt.CHANGE_PASSWORD, caller.client, account_id)
        async with self._kit.uow() as uow:
            seen = await _existing(uow, account_id)
        wrong = forbidden("invalid_credentials", "The current password is wrong.")
        if not await self._hasher.verify(current, seen.password_hash):
            raise wrong
        await self._throttle.give_back(taken)
        password_hash = await self._hasher.hash(checked_password(new, seen.email, self._common, pointer="/new"))
        async with self._kit.uow() as uow:
            account = await _existing(uow, account_id, lock=True)
            if account.password_hash != seen.password_hash:
                raise wrong
            await uow.accounts.set_password(account.id, password_hash)
            await uow.sessions.delete_of_account(account.id, keep=principal.id)
            token = self._kit.ids.secret(secrets.SESSION)
            session = await uow.sessions.rotate(principal.id, secrets.digest(token))
            if session is None:
                raise unauthenticated("invalid_token", "This session was just ended. Sign in again.")
            await uow.commit()
        return SignedIn(token, session, account)

    async def request_reset(self, email: str, client: Client = UNKNOWN_CLIENT) -> None:
        """Have a reset token mailed, if there is such an account.

        Whether there is, is looked up afterwards by a worker: neither the answer nor its time tells.
        """
        address = checked_email(email)
        await self._throttle.count(Attempt.REQUEST_PASSWORD_RESET, client, address)
        async with self._kit.uow() as uow:
            await uow.outbox.token(TokenWish(address))
            await uow.commit()

    async def mail_reset(self, address: str) -> None:
        """Mail the token somebody asked for with `request_reset`; voids those mailed before."""
        async with self._kit.uow() as uow:
            account = await uow.accounts.by_email(address)
            if account is None:
                return
            token = self._kit.ids.secret(secrets.EMAIL_TOKEN)
            await uow.email_tokens.delete_of_account(account.id, EmailTokenPurpose.RESET_PASSWORD)
            await uow.email_tokens.add(
                secrets.digest(token),
                account.id,
                EmailTokenPurpose.RESET_PASSWORD,
                account.email,
                self._kit.clock.now() + RESET_LIFETIME,
            )
            await uow.outbox.mail(mails.reset_password(account.email, self._kit.urls.base_url, token))
            await uow.commit()

    async def confirm_reset(self, token: str, password: str, client: Client = UNKNOWN_CLIENT) -> None:
        """Set the password, prove the address, end every session; makes no session (R12). Raises `invalid_token`."""
        digest, purpose = secrets.digest(token), EmailTokenPurpose.RESET_PASSWORD
        async with self._throttle.refusals(Attempt.CONFIRM_PASSWORD_RESET, client):
            async with self._kit.uow() as uow:
                seen = await uow.email_tokens.holder(digest, purpose, self._kit.clock.now())
            if seen is None:
                raise _invalid_token()
            # A password that will not do leaves the token as it is, for a better one.
            password_hash = await self._hasher.hash(checked_password(password, seen[1], self._common))
            async with self._kit.uow() as uow:
                used = await uow.email_tokens.consume(digest, purpose, self._kit.clock.now())
                account = await uow.accounts.get(used[0], lock=True) if used else None
                # A token proves the address it was mailed to, not one the account changed to since.
                if used is None or account is None or account.email != used[1]:
                    raise _invalid_token()
                await uow.accounts.set_password(account.id, password_hash)
                await uow.accounts.mark_email_verified(account.id, self._kit.clock.now())
                await uow.sessions.delete_of_account(account.id)
                await uow.commit()
        await self._throttle.welcome(account.email, client)


async def _existing(uow: UnitOfWork, account_id: str, *, lock: bool = False) -> Account:
    account = await uow.accounts.get(account_id, lock=lock)
    if account is None:
        raise not_found("account")
    return account


def _invalid_token() -> DomainError:
    return invalid(
        "invalid_token", "This token was used, has expired, or is not ours. Ask for a new one.", pointer="/token"
    )
