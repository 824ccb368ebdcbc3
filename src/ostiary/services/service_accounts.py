"""Service accounts: made by people, for callers that are none (R1, R15, R48)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ostiary.domain import ids
from ostiary.domain.account import checked_name
from ostiary.domain.audit import JsonValue
from ostiary.domain.errors import conflict, invalid, not_found
from ostiary.domain.membership import Role
from ostiary.domain.operation import Operation
from ostiary.domain.service_account import ServiceAccount, ServiceAccountToken, ensure_lies_ahead
from ostiary.services import secrets
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork

MAX_SERVICE_ACCOUNTS = 100
MAX_TOKENS = 20


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token and its secret, shown once."""

    token: ServiceAccountToken
    secret: str


class ServiceAccountService:
    """Service accounts of an organization, and their tokens."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def create(self, caller: Caller, reference: str, *, name: str, role: Role) -> ServiceAccount:
        """Make one; raises `service_account_name_taken`, `too_many_service_accounts`."""
        checked = checked_name(name)
        async with self._kit.uow() as uow:
            # Exclusive, so that the number of them is of one moment.
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.CREATE_SERVICE_ACCOUNT, lock=Lock.EXCLUSIVE
            )
            if await uow.service_accounts.count(admitted.organization.id) >= MAX_SERVICE_ACCOUNTS:
                raise conflict(
                    "too_many_service_accounts",
                    f"An organization has at most {MAX_SERVICE_ACCOUNTS} service accounts. Delete one first.",
                )
            account = ServiceAccount(
                id=self._kit.ids.new(ids.SERVICE_ACCOUNT),
                organization_id=admitted.organization.id,
                name=checked,
                role=role,
                created_by=admitted.principal.account_id or "",
                created_by_email=admitted.principal.label,
                creator_removed=False,
                created_at=self._kit.clock.now(),
            )
            await uow.service_accounts.add(account)
            await Journal.of(self._kit, uow, admitted).write(
                "service_account.created", "service_account", account.id, after=_audited(account)
            )
            await uow.commit()
        return account

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[ServiceAccount]:
        """All of them, oldest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_SERVICE_ACCOUNTS)
            return await uow.service_accounts.list(admitted.organization.id, page)

    async def get(self, caller: Caller, reference: str, account_id: str) -> ServiceAccount:
        """One; raises `service_account_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_SERVICE_ACCOUNT)
            return await self._existing(uow, admitted, account_id)

    async def update(
        self, caller: Caller, reference: str, account_id: str, *, name: str | None, role: Role | None
    ) -> ServiceAccount:
        """Change name or role, for all its tokens at once; raises `service_account_name_taken`."""
        checked = None if name is None else checked_name(name)
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.UPDATE_SERVICE_ACCOUNT, lock=Lock.SHARED
            )
            before = await self._existing(uow, admitted, account_id, lock=True)
            caller.ensure_seen(before)
            after = replace(before, name=checked or before.name, role=role or before.role)
            if after != before:
                await uow.service_accounts.save(after)
                await Journal.of(self._kit, uow, admitted).write(
                    "service_account.updated",
                    "service_account",
                    after.id,
                    before=_audited(before),
                    after=_audited(after),
                )
            await uow.commit()
        return after

    async def delete(self, caller: Caller, reference: str, account_id: str) -> None:
        """Delete it; its tokens stop at once."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DELETE_SERVICE_ACCOUNT, lock=Lock.SHARED
            )
            account = await self._existing(uow, admitted, account_id, lock=True)
            caller.ensure_seen(account)
            revoked = await uow.service_accounts.delete(account.organization_id, account.id)
            await Journal.of(self._kit, uow, admitted).write(
                "service_account.deleted",
                "service_account",
                account.id,
                before=_audited(account),
                after={"tokens_revoked": revoked},
            )
            await uow.commit()

    async def create_token(
        self, caller: Caller, reference: str, account_id: str, *, name: str, expires_at: datetime | None
    ) -> NewToken:
        """Make a token; its secret is shown this once. Raises `expired_already`, `too_many_tokens`."""
        checked, now = checked_name(name), self._kit.clock.now()
        ensure_lies_ahead(expires_at, now)
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.CREATE_SERVICE_ACCOUNT_TOKEN, lock=Lock.SHARED
            )
            account = await self._existing(uow, admitted, account_id, lock=True)
            if await uow.service_accounts.count_tokens(account.organization_id, account.id) >= MAX_TOKENS:
                raise conflict(
                    "too_many_tokens", f"A service account has at most {MAX_TOKENS} tokens. Revoke one first."
                )
            token = ServiceAccountToken(
                id=self._kit.ids.new(ids.TOKEN),
                organization_id=account.organization_id,
                service_account_id=account.id,
                name=checked,
                created_by=admitted.principal.account_id or "",
                created_by_email=admitted.principal.label,
                creator_removed=False,
                created_at=now,
                expires_at=expires_at,
            )
            secret = self._kit.ids.secret(secrets.SERVICE_ACCOUNT)
            await uow.service_accounts.add_token(token, secrets.digest(secret))
            await Journal.of(self._kit, uow, admitted).write(
                "service_account.token_created",
                "service_account",
                account.id,
                after={
                    "token_id": token.id,
                    "name": token.name,
                    "expires_at": expires_at.isoformat() if expires_at else None,
                },
            )
            await uow.commit()
        return NewToken(token, secret)

    async def tokens_of(
        self, caller: Caller, reference: str, account_id: str, page: PageRequest
    ) -> Page[ServiceAccountToken]:
        """The tokens of one, oldest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_SERVICE_ACCOUNT_TOKENS)
            account = await self._existing(uow, admitted, account_id)
            return await uow.service_accounts.tokens(
                account.organization_id, page, account_id=account.id, creator_removed=None
            )

    async def tokens(
        self, caller: Caller, reference: str, page: PageRequest, *, creator_removed: bool | None
    ) -> Page[ServiceAccountToken]:
        """The tokens of all of them; those whose creator was removed can be asked for (R15)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_TOKENS)
            return await uow.service_accounts.tokens(
                admitted.organization.id, page, account_id=None, creator_removed=creator_removed
            )

    async def revoke(self, caller: Caller, reference: str, token_id: str) -> None:
        """Stop a token at once; raises `token_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.REVOKE_TOKEN, lock=Lock.SHARED)
            revoked = await uow.service_accounts.revoke(admitted.organization.id, [token_id])
            if not revoked:
                raise not_found("token")
            await self._tell(uow, admitted, revoked)
            await uow.commit()

    async def revoke_all(
        self, caller: Caller, reference: str, token_ids: Sequence[str] | None
    ) -> tuple[ServiceAccountToken, ...]:
        """Stop those named, or with None all whose creator was removed (R15), at once and in one transaction.

        Raises `token_not_found` pointing at an id that names no token; then none is stopped.
        """
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.REVOKE_TOKENS, lock=Lock.SHARED)
            revoked = await uow.service_accounts.revoke(admitted.organization.id, token_ids)
            stopped = {token.id for token in revoked}
            for position, token_id in enumerate(token_ids or ()):
                if token_id not in stopped:
                    raise invalid(
                        "token_not_found",
                        f"{token_id[:64]!r} is no token of this organization. Nothing was revoked.",
                        pointer=f"/ids/{position}",
                    )
            await self._tell(uow, admitted, revoked)
            await uow.commit()
        return revoked

    async def _tell(self, uow: UnitOfWork, admitted: Admitted, revoked: Sequence[ServiceAccountToken]) -> None:
        await Journal.of(self._kit, uow, admitted).write_each(
            "service_account.token_revoked",
            "token",
            {token.id: ({"service_account_id": token.service_account_id, "name": token.name}, {}) for token in revoked},
        )

    async def _existing(
        self, uow: UnitOfWork, admitted: Admitted, account_id: str, *, lock: bool = False
    ) -> ServiceAccount:
        account = await uow.service_accounts.get(admitted.organization.id, account_id, lock=lock)
        if account is None:
            raise not_found("service_account")
        return account


def _audited(account: ServiceAccount) -> dict[str, JsonValue]:
    return {"name": account.name, "role": account.role}
