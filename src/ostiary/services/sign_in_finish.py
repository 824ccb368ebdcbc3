"""From a one-time code to a session: exchanged by a client, or finished in the browser (R63)."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from ostiary.domain import ids
from ostiary.domain.account import Account, Session, SessionKind
from ostiary.domain.errors import DomainError, forbidden, invalid
from ostiary.domain.throttle import Attempt
from ostiary.services import secrets
from ostiary.services.accounts import SignedIn
from ostiary.services.context import UNKNOWN_CLIENT, Client, Kit
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.sign_in import OneTimeCode
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A sign-in that began at the identity provider: the person says whether this account is meant."""

    email: str
    organization_name: str


def _refused() -> DomainError:
    return invalid(
        "invalid_code",
        "This code was used, has expired (60 seconds), or is not yours. Start the sign-in again.",
        pointer="/code",
    )


class FinishService:
    """Makes SSO sessions."""

    def __init__(self, kit: Kit, throttle: Throttle) -> None:
        self._kit = kit
        self._throttle = throttle

    async def exchange(self, code: str, code_verifier: str, client: Client = UNKNOWN_CLIENT) -> SignedIn:
        """Code and PKCE verifier become a session (RFC 7636); a second use revokes it. Raises `invalid_code`."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()

        def proven(found: OneTimeCode) -> bool:
            return found.code_challenge is not None and hmac.compare_digest(found.code_challenge, challenge)

        async with self._throttle.refusals(Attempt.EXCHANGE_CODE, client), self._kit.uow() as uow:
            found = await self._held(uow, code)
            if not proven(found):
                raise _refused()
            return await self._become_session(uow, found, code)

    async def finish(self, code: str, browser_secret: str | None, *, confirmed: bool) -> SignedIn | Confirmation:
        """The browser's own code becomes a session where its flow cookie comes along (login CSRF).

        Where the identity provider began there is no flow cookie: the person confirms first.
        """
        async with self._kit.uow() as uow:
            found = await self._held(uow, code)
            if found.code_challenge is not None:
                raise _refused()
            if found.browser_hash is None and not confirmed:
                return await self._confirmation(uow, found)
            if found.browser_hash is not None and not hmac.compare_digest(
                found.browser_hash, secrets.digest(browser_secret or "")
            ):
                raise forbidden(
                    "sign_in_not_yours",
                    "This sign-in was begun in another browser, or cookies are blocked. Start it again here.",
                )
            return await self._become_session(uow, found, code)

    async def _held(self, uow: UnitOfWork, code: str) -> OneTimeCode:
        """The code, with organization, member and code held, in the order everybody takes them."""
        digest = secrets.digest(code)
        seen = await uow.codes.get(digest)
        if seen is None:
            raise _refused()
        await uow.organizations.get(seen.organization_id, Lock.SHARED)
        await uow.members.by_account(seen.organization_id, seen.account_id, lock=True)
        held = await uow.codes.get(digest, lock=True)
        if held is None:
            raise _refused()
        return held

    async def _confirmation(self, uow: UnitOfWork, found: OneTimeCode) -> Confirmation:
        account = await uow.accounts.get(found.account_id)
        organization = await uow.organizations.get(found.organization_id)
        if account is None or organization is None or found.session_id or self._kit.clock.now() >= found.expires_at:
            raise _refused()
        return Confirmation(account.email, organization.name)

    async def _become_session(self, uow: UnitOfWork, found: OneTimeCode, code: str) -> SignedIn:
        now = self._kit.clock.now()
        if found.session_id is not None:
            # Used twice: one of the two is not the rightful one, so neither keeps a session (RFC 6749 §4.1.2).
            await uow.sessions.delete(found.account_id, found.session_id)
            await uow.commit()
            raise _refused()
        if now >= found.expires_at:
            raise _refused()
        account = await self._still_welcome(uow, found)
        session = Session(
            id=self._kit.ids.new(ids.SESSION),
            account_id=account.id,
            kind=SessionKind.SSO,
            created_at=now,
            expires_at=found.session_expires_at,
            ends_at=found.session_expires_at,
            last_used_at=now,
            organization_id=found.organization_id,
            connection_id=found.connection_id,
            session_index=found.session_index,
            subject=found.subject,
        )
        token = self._kit.ids.secret(secrets.SESSION)
        await uow.sessions.add(session, secrets.digest(token))
        await uow.codes.mark_used(found.organization_id, secrets.digest(code), session.id)
        await uow.commit()
        return SignedIn(token, session, account)

    async def _still_welcome(self, uow: UnitOfWork, found: OneTimeCode) -> Account:
        """Connection, SSO and member as they are now, the member's row held against a deprovisioning (R63)."""
        organization = await uow.organizations.get(found.organization_id)
        connection = await uow.connections.get(found.organization_id, found.connection_id)
        member = await uow.members.by_account(found.organization_id, found.account_id, lock=True)
        account = await uow.accounts.get(found.account_id)
        welcome = (
            organization is not None
            and organization.sso.enabled
            and connection is not None
            and connection.carries_sso(self._kit.clock.now())
            and member is not None
            and member.is_active
        )
        if not welcome or account is None:
            raise _refused()
        return account
