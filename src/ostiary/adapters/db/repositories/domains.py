"""E-mail domains of one organization."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, given, page_of
from ostiary.adapters.db.tables import connections, directories, domains
from ostiary.adapters.db.tables.base import TypeId
from ostiary.domain import ids
from ostiary.domain.domain_name import FAILING_GRACE, DomainStatus, EmailDomain
from ostiary.services.paging import Page, PageRequest


def _domain(row: Row[Any]) -> EmailDomain:
    return EmailDomain(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        status=DomainStatus(row.status),
        txt_value=row.txt_value,
        created_at=row.created_at,
        verified_at=row.verified_at,
        failing_since=row.failing_since,
        override_until=row.override_until,
        next_check_at=row.next_check_at,
        lapsed_at=row.lapsed_at,
    )


def admitting(table: FromClause, now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """`EmailDomain.admits` as a condition on rows of the domains table or an alias of it (R3)."""
    return or_(
        (table.c.status == DomainStatus.VERIFIED) & table.c.override_until.is_(None),
        (table.c.status != DomainStatus.PENDING) & (table.c.override_until > now),
        (table.c.status == DomainStatus.FAILING)
        & table.c.override_until.is_(None)
        & (table.c.failing_since > now - FAILING_GRACE),
    )


def _one(organization_id: str, domain_id: str) -> ColumnElement[bool]:
    return (domains.c.organization_id == organization_id) & (domains.c.id == domain_id)


_ALL = Prepared(
    select(domains).where(domains.c.organization_id == given(domains.c.organization_id)).order_by(domains.c.id)
)

# A directory is made with the organization, a domain is not.
_AT_ENTRY = Prepared(
    select(domains, directories.c.enabled.label("directory_enabled"))
    .select_from(directories)
    .outerjoin(domains, domains.c.organization_id == directories.c.organization_id)
    .where(directories.c.organization_id == given(domains.c.organization_id))
    .order_by(domains.c.id)
)


class Domains(Repository):
    """E-mail domains of one organization."""

    async def add(self, domain: EmailDomain) -> None:
        """Store a new domain; raises `domain_exists`."""
        await self._execute(
            insert(domains).values(
                organization_id=domain.organization_id,
                id=domain.id,
                name=domain.name,
                status=domain.status,
                txt_value=domain.txt_value,
                created_at=domain.created_at,
            )
        )

    async def get(self, organization_id: str, domain_id: str, *, lock: bool = False) -> EmailDomain | None:
        """The domain, its row locked if asked."""
        statement = select(domains).where(_one(organization_id, domain_id))
        row = await self._first(statement.with_for_update(key_share=True) if lock else statement)
        return None if row is None else _domain(row)

    async def all(self, organization_id: str) -> tuple[EmailDomain, ...]:
        """Every domain of the organization."""
        rows = await self._execute(_ALL, {"organization_id": organization_id})
        return tuple(_domain(row) for row in rows)

    async def at_entry(self, organization_id: str) -> tuple[tuple[EmailDomain, ...], bool]:
        """Every domain of the organization, and whether its directory is enabled."""
        rows = (await self._execute(_AT_ENTRY, {"organization_id": organization_id})).all()
        found = tuple(_domain(row) for row in rows if row.id is not None)
        return found, bool(rows) and rows[0].directory_enabled

    async def list(self, organization_id: str, page: PageRequest) -> Page[EmailDomain]:
        """Domains, oldest first."""
        statement = select(domains).where(domains.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(domains.c.id > page.after)
        rows = (await self._execute(statement.order_by(domains.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _domain, lambda row: row.id)

    async def save(self, domain: EmailDomain) -> None:
        """Store the changed state of a domain."""
        await self._execute(
            update(domains)
            .where(_one(domain.organization_id, domain.id))
            .values(
                status=domain.status,
                verified_at=domain.verified_at,
                failing_since=domain.failing_since,
                override_until=domain.override_until,
                next_check_at=domain.next_check_at,
                lapsed_at=domain.lapsed_at,
            )
        )

    async def delete(self, organization_id: str, domain_id: str) -> None:
        """Delete it, and take it off every connection."""
        await self._execute(
            update(connections)
            .where(connections.c.organization_id == organization_id)
            .values(domain_ids=func.array_remove(connections.c.domain_ids, literal(domain_id, TypeId(ids.DOMAIN))))
        )
        await self._execute(delete(domains).where(_one(organization_id, domain_id)))

    async def hold_name(self, organization_id: str, name: str) -> None:  # noqa: ARG002 -- over all
        """Keep other organizations from proving the name, or support from vouching, until this transaction ends."""
        await self._execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"domain {name}", 0))))

    async def is_admitted_elsewhere(self, organization_id: str, name: str, now: datetime) -> bool:
        """Whether another organization has verified the name (R3). Looks over all of them; hold the name first."""
        found = await self._scalar(
            select(
                exists(
                    select(domains.c.id).where(
                        domains.c.name == name, domains.c.organization_id != organization_id, admitting(domains, now)
                    )
                )
            )
        )
        return bool(found)

    async def claim_due(self, now: datetime, until: datetime, *, limit: int) -> tuple[EmailDomain, ...]:
        """Domains of all organizations whose record is to be looked for; nobody else is given them `until` then."""
        due = (
            select(domains.c.organization_id, domains.c.id)
            .where(domains.c.next_check_at <= now)
            .order_by(domains.c.next_check_at)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
            .cte("due")
        )
        rows = await self._execute(
            update(domains)
            .where(tuple_(domains.c.organization_id, domains.c.id).in_(select(due.c.organization_id, due.c.id)))
            .values(next_check_at=until)
            .returning(domains)
        )
        return tuple(_domain(row) for row in rows)
