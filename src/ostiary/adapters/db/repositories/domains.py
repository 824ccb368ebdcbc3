"""E-mail domains of one organization."""

from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, literal, select, update

from ostiary.adapters.db.repositories.base import Repository, page_of
from ostiary.adapters.db.tables import connections, domains
from ostiary.adapters.db.tables.base import TypeId
from ostiary.domain import ids
from ostiary.domain.domain_name import DomainStatus, EmailDomain
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
    )


def _one(organization_id: str, domain_id: str) -> ColumnElement[bool]:
    return (domains.c.organization_id == organization_id) & (domains.c.id == domain_id)


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

    async def get(self, organization_id: str, domain_id: str) -> EmailDomain | None:
        """The domain."""
        row = await self._first(select(domains).where(_one(organization_id, domain_id)))
        return None if row is None else _domain(row)

    async def all(self, organization_id: str) -> tuple[EmailDomain, ...]:
        """Every domain of the organization."""
        rows = await self._execute(
            select(domains).where(domains.c.organization_id == organization_id).order_by(domains.c.id)
        )
        return tuple(_domain(row) for row in rows)

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
