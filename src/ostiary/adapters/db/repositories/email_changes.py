"""Changes of accounts' addresses that wait for both mailboxes to agree."""

from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.tables import domains, email_changes, members, organizations
from ostiary.domain.domain_name import DomainStatus
from ostiary.services.ports.email_changes import EmailChange

_changes = email_changes.c


class EmailChanges(Repository):
    """Changes of addresses: global, as accounts are."""

    async def put(self, change: EmailChange) -> None:
        """Store a change, in the place of one asked for before."""
        values = {
            "email": change.email,
            "present_hash": change.present_hash,
            "wanted_hash": change.wanted_hash,
            "present_agreed": change.present_agreed,
            "wanted_agreed": change.wanted_agreed,
            "expires_at": change.expires_at,
        }
        statement = insert(email_changes).values(account_id=change.account_id, **values)
        await self._execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=values))

    async def account_of(self, secret_hash: bytes, now: datetime) -> str | None:
        """Whose living change one of the two tokens agrees to."""
        either = or_(_changes.present_hash == secret_hash, _changes.wanted_hash == secret_hash)
        return await self._scalar(select(_changes.account_id).where(either, _changes.expires_at > now))

    async def agree(self, account_id: str, secret_hash: bytes) -> EmailChange | None:
        """Note that the mailbox of the token agrees; answers the change as it is then."""
        by_present, by_wanted = _changes.present_hash == secret_hash, _changes.wanted_hash == secret_hash
        row = await self._first(
            update(email_changes)
            .where(_changes.account_id == account_id, or_(by_present, by_wanted))
            .values(
                present_agreed=or_(_changes.present_agreed, by_present),
                wanted_agreed=or_(_changes.wanted_agreed, by_wanted),
            )
            .returning(email_changes)
        )
        if row is None:
            return None
        return EmailChange(
            row.account_id,
            row.email,
            row.present_hash,
            row.wanted_hash,
            row.expires_at,
            row.present_agreed,
            row.wanted_agreed,
        )

    async def delete(self, account_id: str) -> None:
        """Forget the account's change."""
        await self._execute(delete(email_changes).where(_changes.account_id == account_id))

    async def organizations_owning(self, account_id: str, names: tuple[str, ...]) -> bool:
        """Whether an organization of the account's that has SSO on has verified one of the domains."""
        row = await self._first(
            select(domains.c.id)
            .join(organizations, organizations.c.id == domains.c.organization_id)
            .join(members, members.c.organization_id == domains.c.organization_id)
            .where(
                members.c.account_id == account_id,
                organizations.c.sso_enabled,
                organizations.c.deleted_at.is_(None),
                domains.c.status != DomainStatus.PENDING,
                domains.c.name.in_(names),
            )
            .limit(1)
        )
        return row is not None
