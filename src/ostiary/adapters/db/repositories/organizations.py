"""Organizations, and a caller's entrance into one."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, exists, insert, not_, or_, select, update

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import AnySelect, Repository, given, page_of, prefixed
from ostiary.adapters.db.repositories.member_rows import read_member
from ostiary.adapters.db.tables import members, organizations
from ostiary.domain import ids
from ostiary.domain.organization import AddOn, Organization, Plan, SsoSettings
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Entrance, Lock, OrganizationFilter


def read_organization(row: Row[Any], prefix: str = "") -> Organization:
    """The organization in a row whose organization columns carry the prefix."""
    of = prefixed(row, prefix)
    return Organization(
        id=of("id"),
        slug=of("slug"),
        name=of("name"),
        plan=Plan(of("plan")),
        created_at=of("created_at"),
        deleted_at=of("deleted_at"),
        add_ons=frozenset(AddOn(add_on) for add_on in of("add_ons")),
        directory_held_back=of("directory_held_back"),
        sso=SsoSettings(
            enabled=of("sso_enabled"),
            enabled_at=of("sso_enabled_at"),
            enabled_by=of("sso_enabled_by"),
            session_duration=timedelta(seconds=of("session_duration_seconds")),
            manage_roles=of("manage_roles_via_sso"),
            role_attribute=of("role_attribute"),
        ),
    )


def _named(reference: str) -> tuple[Column[str], dict[str, str]]:
    """The column that has the reference, an id or a slug, and the value to look for: slugs have no underscore."""
    column = organizations.c.slug if ids.decode(ids.ORGANIZATION, reference) is None else organizations.c.id
    return column, {"reference": reference if column is organizations.c.id else reference.lower()}


@cache
def _one(by: Column[str], lock: Lock, *, deleted: bool) -> Prepared:
    """One that is deleted, or one that is not."""
    is_deleted = organizations.c.deleted_at.is_not(None)
    condition = by == given(by, "reference"), is_deleted if deleted else not_(is_deleted)
    return Prepared(_locked(select(organizations).where(*condition), lock))


def _locked(statement: AnySelect, lock: Lock) -> AnySelect:
    # NO KEY UPDATE and SHARE exclude each other and leave foreign-key checks (KEY SHARE) alone.
    if lock is Lock.EXCLUSIVE:
        return statement.with_for_update(key_share=True)
    if lock is Lock.SHARED:
        return statement.with_for_update(read=True)
    return statement


# For the row's lock alone, with `Transaction.hold`.
HOLD = {
    lock: Prepared(
        _locked(select(organizations.c.id).where(organizations.c.id == given(members.c.organization_id)), lock)
    )
    for lock in (Lock.SHARED, Lock.EXCLUSIVE)
}


@cache
def _with_member(by: Column[str], *, deleted: bool) -> Prepared:
    is_deleted = organizations.c.deleted_at.is_not(None)
    its_member = members.c.organization_id == organizations.c.id
    return Prepared(
        select(organizations, *(column.label(f"member_{column.key}") for column in members.c))
        .outerjoin(members, its_member & (members.c.account_id == given(members.c.account_id)))
        .where(by == given(by, "reference"), is_deleted if deleted else not_(is_deleted))
    )


_OF_ACCOUNT = Prepared(
    select(organizations, *(column.label(f"member_{column.key}") for column in members.c))
    .join(members, members.c.organization_id == organizations.c.id)
    .where(members.c.account_id == given(members.c.account_id))
    .order_by(organizations.c.name, organizations.c.id)
)
_MEMBER = Prepared(
    select(members).where(
        members.c.organization_id == given(members.c.organization_id),
        members.c.account_id == given(members.c.account_id),
    )
)


def in_living(organization_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the organization is not deleted: for what is found by a secret alone, whosever it is."""
    living = select(organizations.c.id).where(
        organizations.c.id == organization_id, organizations.c.deleted_at.is_(None)
    )
    return exists(living)


def _sso_values(sso: SsoSettings) -> dict[str, Any]:
    return {
        "sso_enabled": sso.enabled,
        "sso_enabled_at": sso.enabled_at,
        "sso_enabled_by": sso.enabled_by,
        "session_duration_seconds": int(sso.session_duration.total_seconds()),
        "manage_roles_via_sso": sso.manage_roles,
        "role_attribute": sso.role_attribute,
    }


class Organizations(Repository):
    """Organizations by id or slug."""

    async def add(self, organization: Organization) -> None:
        """Store a new organization; raises `slug_taken`."""
        await self._execute(
            insert(organizations).values(
                id=organization.id,
                slug=organization.slug,
                name=organization.name,
                plan=organization.plan,
                add_ons=sorted(organization.add_ons),
                directory_held_back=organization.directory_held_back,
                created_at=organization.created_at,
                **_sso_values(organization.sso),
            )
        )

    async def get(self, reference: str, lock: Lock = Lock.NONE, *, deleted: bool = False) -> Organization | None:
        """The organization by id or slug, if it is not deleted; with `deleted`, if it is."""
        by, wanted = _named(reference)
        row = await self._first(_one(by, lock, deleted=deleted), wanted)
        return None if row is None else read_organization(row)

    async def enter(
        self, reference: str, account_id: str, lock: Lock = Lock.NONE, *, deleted: bool = False
    ) -> Entrance | None:
        """As `get`, with the account's membership in it, after the lock was had."""
        if lock is not Lock.NONE:
            # A statement sees the rows as they were when it began, so the membership is read after the lock was had.
            organization = await self.get(reference, lock, deleted=deleted)
            if organization is None:
                return None
            row = await self._first(_MEMBER, {"organization_id": organization.id, "account_id": account_id})
            return Entrance(organization, None if row is None else read_member(row))
        by, wanted = _named(reference)
        row = await self._first(_with_member(by, deleted=deleted), {**wanted, "account_id": account_id})
        return None if row is None else _entrance(row)

    async def of_account(self, account_id: str) -> tuple[Entrance, ...]:
        """The organizations the account is a member of, deleted ones too, by name."""
        rows = await self._execute(_OF_ACCOUNT, {"account_id": account_id})
        return tuple(_entrance(row) for row in rows)

    async def rename(self, organization_id: str, *, name: str, slug: str) -> None:
        """Change name and slug; raises `slug_taken`."""
        await self._execute(
            update(organizations).where(organizations.c.id == organization_id).values(name=name, slug=slug)
        )

    async def set_deleted(self, organization_id: str, at: datetime | None) -> None:
        """Delete it, or with None give it back."""
        await self._execute(update(organizations).where(organizations.c.id == organization_id).values(deleted_at=at))

    async def set_entitlements(
        self, organization_id: str, plan: Plan, add_ons: frozenset[AddOn], directory_held_back: bool
    ) -> None:
        """Set what the organization may use (R2)."""
        await self._execute(
            update(organizations)
            .where(organizations.c.id == organization_id)
            .values(plan=plan, add_ons=sorted(add_ons), directory_held_back=directory_held_back)
        )

    async def set_sso(self, organization_id: str, sso: SsoSettings) -> None:
        """Replace the SSO settings."""
        await self._execute(
            update(organizations).where(organizations.c.id == organization_id).values(**_sso_values(sso))
        )

    async def list_all(self, matching: OrganizationFilter, page: PageRequest) -> Page[Organization]:
        """Organizations of everybody, oldest first: the operator's view."""
        statement = (
            select(organizations).where(*_conditions(matching)).order_by(organizations.c.id).limit(page.limit + 1)
        )
        if page.after is not None:
            statement = statement.where(organizations.c.id > page.after)
        rows = (await self._execute(statement)).all()
        return page_of(rows, page, read_organization, lambda row: row.id)


def _conditions(matching: OrganizationFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if matching.q is not None:
        wanted = [
            organizations.c.name.icontains(matching.q, autoescape=True),
            organizations.c.slug.icontains(matching.q, autoescape=True),
            organizations.c.id == matching.q,
        ]
        conditions.append(or_(*wanted))
    if matching.plan is not None:
        conditions.append(organizations.c.plan == matching.plan)
    if matching.deleted is not None:
        deleted = organizations.c.deleted_at
        conditions.append(deleted.is_not(None) if matching.deleted else deleted.is_(None))
    if matching.sso_enabled is not None:
        conditions.append(organizations.c.sso_enabled.is_(matching.sso_enabled))
    return conditions


def _entrance(row: Row[Any]) -> Entrance:
    return Entrance(read_organization(row), None if row.member_id is None else read_member(row, "member_"))
