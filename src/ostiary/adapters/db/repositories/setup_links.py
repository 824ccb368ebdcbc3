"""Setup links of one organization, with who made them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, update

from ostiary.adapters.db.repositories.base import AnySelect, Repository, page_of
from ostiary.adapters.db.repositories.member_rows import read_member
from ostiary.adapters.db.repositories.organizations import in_living
from ostiary.adapters.db.tables import members, setup_links
from ostiary.domain.setup_link import SetupIntent, SetupLink
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.setup_links import KnownSetupLink

_USE_NOTED_EVERY = timedelta(minutes=1)


def _known(row: Row[Any]) -> KnownSetupLink:
    link = SetupLink(
        id=row.id,
        organization_id=row.organization_id,
        intent=SetupIntent(row.intent),
        created_by=row.created_by,
        created_by_email=row.created_by_email,
        created_at=row.created_at,
        expires_at=row.expires_at,
        connection_id=row.connection_id,
        domain_id=row.domain_id,
        last_used_at=row.last_used_at,
    )
    return KnownSetupLink(link, None if row.member_id is None else read_member(row, "member_"))


def _with_creators() -> AnySelect:
    return select(setup_links, *(column.label(f"member_{column.key}") for column in members.c)).outerjoin(
        members,
        (members.c.organization_id == setup_links.c.organization_id) & (members.c.id == setup_links.c.created_by),
    )


def _one(organization_id: str, link_id: str) -> ColumnElement[bool]:
    return (setup_links.c.organization_id == organization_id) & (setup_links.c.id == link_id)


class SetupLinks(Repository):
    """Setup links of one organization (R7)."""

    async def add(self, link: SetupLink, secret_hash: bytes) -> None:
        """Store a new link."""
        await self._execute(
            insert(setup_links).values(
                organization_id=link.organization_id,
                id=link.id,
                intent=link.intent,
                connection_id=link.connection_id,
                domain_id=link.domain_id,
                secret_hash=secret_hash,
                created_by=link.created_by,
                created_by_email=link.created_by_email,
                created_at=link.created_at,
                expires_at=link.expires_at,
            )
        )

    async def get(self, organization_id: str, link_id: str) -> KnownSetupLink | None:
        """The link."""
        row = await self._first(_with_creators().where(_one(organization_id, link_id)))
        return None if row is None else _known(row)

    async def by_secret(self, secret_hash: bytes) -> KnownSetupLink | None:
        """The link of any organization: the secret says whose it is."""
        row = await self._first(
            _with_creators().where(setup_links.c.secret_hash == secret_hash, in_living(setup_links.c.organization_id))
        )
        return None if row is None else _known(row)

    async def list(self, organization_id: str, page: PageRequest) -> Page[KnownSetupLink]:
        """Links, oldest first."""
        statement = _with_creators().where(setup_links.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(setup_links.c.id > page.after)
        rows = (await self._execute(statement.order_by(setup_links.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _known, lambda row: row.id)

    async def count(self, organization_id: str, now: datetime) -> int:
        """How many have not expired."""
        return await self._scalar(
            select(func.count())
            .select_from(setup_links)
            .where(setup_links.c.organization_id == organization_id, setup_links.c.expires_at > now)
        )

    async def name(self, link: SetupLink) -> None:
        """Store what the link names."""
        await self._execute(
            update(setup_links)
            .where(_one(link.organization_id, link.id))
            .values(connection_id=link.connection_id, domain_id=link.domain_id)
        )

    async def delete(self, organization_id: str, link_id: str) -> bool:
        """Revoke it; False when there is none."""
        return (await self._execute(delete(setup_links).where(_one(organization_id, link_id)))).rowcount > 0

    async def note_use(self, organization_id: str, link_id: str, now: datetime) -> bool:
        """Remember that the link was used, at most once a minute; answers whether it wrote."""
        result = await self._execute(
            update(setup_links)
            .where(
                _one(organization_id, link_id),
                or_(setup_links.c.last_used_at.is_(None), setup_links.c.last_used_at <= now - _USE_NOTED_EVERY),
            )
            .values(last_used_at=now)
        )
        return result.rowcount > 0
