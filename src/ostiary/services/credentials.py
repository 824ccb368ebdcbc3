"""Database credentials: they belong to the organization and outlive their creator's membership (R15)."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.domain import ids
from ostiary.domain.account import checked_name
from ostiary.domain.database import Credential
from ostiary.domain.errors import DomainError, invalid, not_found
from ostiary.domain.operation import Operation
from ostiary.domain.throttle import Attempt
from ostiary.services import secrets
from ostiary.services.context import UNKNOWN_CLIENT, Caller, Client, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.databases import CredentialFilter
from ostiary.services.ports.organizations import Lock
from ostiary.services.throttle import Throttle

# Compared against where there is no such user name, so that its absence takes as long as a wrong secret.
_NOBODY = secrets.digest("")


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A new credential and its secret, shown once."""

    credential: Credential
    secret: str


class CredentialService:
    """Database credentials of an organization."""

    def __init__(self, kit: Kit, throttle: Throttle) -> None:
        self._kit = kit
        self._throttle = throttle

    async def create(self, caller: Caller, reference: str, database_id: str, name: str) -> NewCredential:
        """Make a credential; for the database's administrators and the organization's."""
        checked = checked_name(name)
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow,
                self._kit.urls,
                caller,
                reference,
                Operation.CREATE_CREDENTIAL,
                lock=Lock.SHARED,
                database_id=database_id,
            )
            credential_id = self._kit.ids.new(ids.CREDENTIAL)
            credential = Credential(
                id=credential_id,
                organization_id=admitted.organization.id,
                database_id=database_id,
                name=checked,
                # Unique everywhere, and 31 characters: MySQL takes 32, PostgreSQL 63.
                username=credential_id,
                created_by=admitted.principal.subject,
                created_by_email=admitted.principal.label,
                creator_removed=False,
                created_at=self._kit.clock.now(),
            )
            secret = self._kit.ids.secret(secrets.CREDENTIAL)
            await uow.credentials.add(credential, secrets.digest(secret))
            await Journal.of(self._kit, uow, admitted).write(
                "credential.created",
                "credential",
                credential.id,
                after={"name": credential.name, "database_id": database_id},
            )
            await uow.commit()
        return NewCredential(credential, secret)

    async def of_database(
        self, caller: Caller, reference: str, database_id: str, page: PageRequest
    ) -> Page[Credential]:
        """The living credentials of one database; for its administrators and the organization's."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.LIST_CREDENTIALS, database_id=database_id
            )
            return await uow.credentials.list(admitted.organization.id, CredentialFilter(database_id), page)

    async def of_organization(
        self, caller: Caller, reference: str, matching: CredentialFilter, page: PageRequest
    ) -> Page[Credential]:
        """The living credentials of all databases; those whose creator was removed can be asked for (R15)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_ORGANIZATION_CREDENTIALS)
            return await uow.credentials.list(admitted.organization.id, matching, page)

    async def revoke(self, caller: Caller, reference: str, credential_id: str) -> None:
        """Stop a credential at once; for its database's administrators and the organization's."""
        async with self._kit.uow() as uow:
            # Which database it opens decides who may, so it is looked up first; nothing is told before admission.
            organization = await uow.organizations.get(reference)
            credential = await uow.credentials.get(organization.id, credential_id) if organization else None
            if credential is None:
                # Whoever belongs here hears that it is not there; a 403 would say that it might be.
                await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DATABASES)
                raise not_found("credential")
            try:
                admitted = await admit(
                    uow,
                    self._kit.urls,
                    caller,
                    reference,
                    Operation.REVOKE_CREDENTIAL,
                    lock=Lock.SHARED,
                    database_id=credential.database_id,
                )
            except DomainError as refused:
                if refused.code == "database_not_found":
                    # Deleted a moment ago, and the credential with it (R63).
                    raise not_found("credential") from refused
                raise
            if not await uow.credentials.revoke(admitted.organization.id, credential.id, self._kit.clock.now()):
                raise not_found("credential")
            await Journal.of(self._kit, uow, admitted).write(
                "credential.revoked",
                "credential",
                credential.id,
                before={"name": credential.name, "database_id": credential.database_id},
            )
            await uow.commit()

    async def revoke_all(
        self, caller: Caller, reference: str, credential_ids: Sequence[str] | None
    ) -> tuple[Credential, ...]:
        """Stop those named, or with None all whose creator was removed (R15), at once and in one transaction.

        Raises `credential_not_found` pointing at an id that names no living credential; then none is stopped.
        """
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.REVOKE_CREDENTIALS, lock=Lock.SHARED
            )
            revoked = await uow.credentials.revoke_all(admitted.organization.id, credential_ids, self._kit.clock.now())
            stopped = {credential.id for credential in revoked}
            for position, credential_id in enumerate(credential_ids or ()):
                if credential_id not in stopped:
                    raise invalid(
                        "credential_not_found",
                        f"{credential_id[:64]!r} is no living credential of this organization. Nothing was revoked.",
                        pointer=f"/ids/{position}",
                    )
            await Journal.of(self._kit, uow, admitted).write_each(
                "credential.revoked",
                "credential",
                {
                    credential.id: ({"name": credential.name, "database_id": credential.database_id}, {})
                    for credential in revoked
                },
            )
            await uow.commit()
        return revoked

    async def verify(self, *, username: str, secret: str, client: Client = UNKNOWN_CLIENT) -> Credential | None:
        """The living credential of user name and secret; None, in the same time, for anything else.

        Raises `too_many_attempts` where too much of that was asked. The right secret passes always: nobody guesses it,
        and one client asks for everybody's.
        """
        async with self._kit.uow() as uow:
            stored = await uow.credentials.by_username(username)
        right = hmac.compare_digest(stored.secret_hash if stored else _NOBODY, secrets.digest(secret))
        if stored is None or not right or stored.credential.revoked_at is not None:
            await self._throttle.count(Attempt.VERIFY_CREDENTIAL, client, username)
            return None
        return stored.credential
