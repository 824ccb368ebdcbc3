"""The directory of one organization: settings, tokens, and what switching it on and off does."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Row, Table, Text, Update, and_, cast, delete, func, insert, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, given, page_of
from ostiary.adapters.db.repositories.directory_pages import Kind, counted
from ostiary.adapters.db.repositories.directory_rows import read_directory_group, read_directory_user
from ostiary.adapters.db.repositories.organizations import HOLD, in_living, read_organization
from ostiary.adapters.db.tables import (
    directories,
    directory_departures,
    directory_groups,
    directory_held_members,
    directory_tokens,
    directory_users,
    members,
    organizations,
    team_members,
    teams,
)
from ostiary.domain.directory import (
    Directory,
    DirectoryCounts,
    DirectoryGroup,
    DirectoryUser,
    OnDeactivate,
    UnknownAttributes,
)
from ostiary.domain.directory_breaker import Breaker
from ostiary.domain.directory_policy import DirectoryEnablementEffects
from ostiary.domain.directory_token import DirectoryToken
from ostiary.domain.membership import ManagedBy
from ostiary.domain.organization import Organization
from ostiary.domain.principal import CredentialKind, Principal
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock

T = TypeVar("T")


def _directory(row: Row[Any]) -> Directory:
    return Directory(
        id=row.id,
        organization_id=row.organization_id,
        enabled=row.enabled,
        created_at=row.created_at,
        on_deactivate=OnDeactivate(row.on_deactivate),
        manage_roles=row.manage_roles,
        role_attribute=row.role_attribute,
        attribute_map=row.attribute_map,
        lenient_members=row.lenient_members,
        unknown_attributes=UnknownAttributes(row.unknown_attributes),
        enabled_at=row.enabled_at,
        last_synced_at=row.last_synced_at,
        breaker=Breaker(
            enabled=row.breaker_enabled,
            share_percent=row.breaker_share_percent,
            minimum=row.breaker_minimum,
            window=timedelta(seconds=row.breaker_window_seconds),
        ),
        breaker_tripped_at=row.breaker_tripped_at,
    )


def _token(row: Row[Any]) -> DirectoryToken:
    return DirectoryToken(
        id=row.id,
        organization_id=row.organization_id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
        warn_at=row.warn_at,
    )


_ORGANIZATION_ID = given(directories.c.organization_id)
_OF_ORGANIZATION = select(directories).where(directories.c.organization_id == _ORGANIZATION_ID)
_READ, _LOCK = Prepared(_OF_ORGANIZATION), Prepared(_OF_ORGANIZATION.with_for_update(key_share=True))
_ENTERED = Prepared(
    select(directories, *(column.label(f"its_{column.key}") for column in organizations.c))
    .join(organizations, organizations.c.id == directories.c.organization_id)
    .where(directories.c.organization_id == _ORGANIZATION_ID, organizations.c.deleted_at.is_(None))
)
_BY_SECRET = Prepared(
    select(directory_tokens, directories.c.id.label("directory_id"))
    .join(directory_tokens, directory_tokens.c.organization_id == directories.c.organization_id)
    .where(
        directory_tokens.c.secret_hash == given(directory_tokens.c.secret_hash),
        directories.c.enabled,
        in_living(directories.c.organization_id),
    )
)


class Directories(Repository):
    """The directory of one organization, and its tokens."""

    async def get(self, organization_id: str, *, lock: bool = False) -> Directory | None:
        """The directory, its row locked if asked; made with the organization."""
        row = await self._first(_LOCK if lock else _READ, {"organization_id": organization_id})
        return None if row is None else _directory(row)

    async def enter(self, organization_id: str, lock: Lock) -> tuple[Organization, Directory] | None:
        """The organization, if it is not deleted, locked, and its directory as it is under the lock."""
        named = {"organization_id": organization_id}
        # A statement sees the rows as they were when it began, so both are read after the lock was had.
        await self._transaction.hold(HOLD[lock], named)
        row = await self._first(_ENTERED, named)
        return None if row is None else (read_organization(row, "its_"), _directory(row))

    async def put(self, directory: Directory) -> None:
        """Store the directory's settings, new or changed."""
        values = {
            "enabled": directory.enabled,
            "on_deactivate": directory.on_deactivate,
            "manage_roles": directory.manage_roles,
            "role_attribute": directory.role_attribute,
            "attribute_map": dict(directory.attribute_map),
            "lenient_members": directory.lenient_members,
            "unknown_attributes": directory.unknown_attributes,
            "enabled_at": directory.enabled_at,
            "breaker_enabled": directory.breaker.enabled,
            "breaker_share_percent": directory.breaker.share_percent,
            "breaker_minimum": directory.breaker.minimum,
            "breaker_window_seconds": int(directory.breaker.window.total_seconds()),
        }
        statement = pg_insert(directories).values(
            organization_id=directory.organization_id, id=directory.id, created_at=directory.created_at, **values
        )
        await self._execute(
            statement.on_conflict_do_update(index_elements=[directories.c.organization_id], set_=values)
        )

    async def note_sync(self, organization_id: str, at: datetime) -> None:
        """Remember when the directory last wrote."""
        await self._execute(
            update(directories)
            .where(
                directories.c.organization_id == organization_id,
                or_(directories.c.last_synced_at.is_(None), directories.c.last_synced_at < at),
            )
            .values(last_synced_at=at)
        )

    async def counts(self, organization_id: str) -> DirectoryCounts:
        """How much was pushed. Of users only those are counted here who are not active, who have an index."""
        inactive = and_(directory_users.c.organization_id == organization_id, not_(directory_users.c.active))
        held_back = directory_held_members.c.organization_id == organization_id
        row = await self._first(
            select(
                counted(organization_id, [Kind.USER]).scalar_subquery().label("users"),
                select(func.count()).where(inactive).scalar_subquery().label("inactive"),
                counted(organization_id, [Kind.GROUP]).scalar_subquery().label("groups"),
                select(func.count()).where(held_back).scalar_subquery().label("held_back"),
            )
        )
        assert row is not None
        return DirectoryCounts(row.users, row.users - row.inactive, row.groups, row.held_back)

    async def users(self, organization_id: str, page: PageRequest) -> Page[DirectoryUser]:
        """The users pushed, oldest first."""
        return await self._page(directory_users, organization_id, page, read_directory_user)

    async def groups(self, organization_id: str, page: PageRequest) -> Page[DirectoryGroup]:
        """The groups pushed, oldest first."""
        return await self._page(directory_groups, organization_id, page, read_directory_group)

    async def _page(
        self, table: Table, organization_id: str, page: PageRequest, read: Callable[[Row[Any]], T]
    ) -> Page[T]:
        statement = select(table).where(table.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(table.c.id > page.after)
        rows = (await self._execute(statement.order_by(table.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, read, lambda row: row.id)

    async def enablement_effects(self, organization_id: str) -> DirectoryEnablementEffects:
        """What enabling would do now (R40)."""
        row = await self._first(
            select(
                *(
                    select(func.count())
                    .select_from(table)
                    .where(table.c.organization_id == organization_id)
                    .scalar_subquery()
                    .label(label)
                    for table, label in ((teams, "teams"), (team_members, "team_members"), (members, "members"))
                )
            )
        )
        assert row is not None
        return DirectoryEnablementEffects(row.teams, row.team_members, row.members)

    async def clear_teams(self, organization_id: str) -> None:
        """Delete every team; its memberships go with it (R40)."""
        await self._execute(delete(teams).where(teams.c.organization_id == organization_id))

    async def release(self, organization_id: str) -> None:
        """Make members and teams manually managed, forget what was pushed, and close the breaker (R55)."""
        await self._execute(_with_names_of_their_own(organization_id))
        for table in (members, teams):
            await self._execute(
                update(table)
                .where(table.c.organization_id == organization_id, table.c.managed_by == ManagedBy.DIRECTORY)
                .values(managed_by=ManagedBy.MANUAL)
            )
        for table in (directory_groups, directory_users, directory_held_members, directory_departures):
            await self._execute(delete(table).where(table.c.organization_id == organization_id))
        await self._execute(
            update(directories).where(directories.c.organization_id == organization_id).values(breaker_tripped_at=None)
        )

    async def add_token(self, token: DirectoryToken, secret_hash: bytes) -> None:
        """Store a new token."""
        await self._execute(
            insert(directory_tokens).values(
                organization_id=token.organization_id,
                id=token.id,
                secret_hash=secret_hash,
                created_at=token.created_at,
                expires_at=token.expires_at,
                warn_at=token.warn_at,
            )
        )

    async def tokens(self, organization_id: str) -> tuple[DirectoryToken, ...]:
        """The tokens that are not revoked, oldest first."""
        rows = await self._execute(
            select(directory_tokens)
            .where(directory_tokens.c.organization_id == organization_id, directory_tokens.c.revoked_at.is_(None))
            .order_by(directory_tokens.c.id)
        )
        return tuple(_token(row) for row in rows)

    async def tokens_to_warn_of(self, now: datetime, *, limit: int) -> tuple[DirectoryToken, ...]:
        """Tokens of any directory that is on, whose end somebody is to be told of by now."""
        rows = await self._execute(
            select(directory_tokens)
            .join(directories, directories.c.organization_id == directory_tokens.c.organization_id)
            .where(
                directory_tokens.c.warn_at <= now,
                directory_tokens.c.revoked_at.is_(None),
                directories.c.enabled,
                in_living(directories.c.organization_id),
            )
            .order_by(directory_tokens.c.warn_at)
            .limit(limit)
        )
        return tuple(_token(row) for row in rows)

    async def settle_warning(self, token: DirectoryToken, following: datetime | None) -> bool:
        """Put the next warning of a token off to the time; False when that was done meanwhile, or it was revoked."""
        result = await self._execute(
            update(directory_tokens)
            .where(
                directory_tokens.c.organization_id == token.organization_id,
                directory_tokens.c.id == token.id,
                directory_tokens.c.warn_at == token.warn_at,
                directory_tokens.c.revoked_at.is_(None),
            )
            .values(warn_at=following)
        )
        return result.rowcount > 0

    async def revoke_token(self, organization_id: str, token_id: str, at: datetime) -> bool:
        """Stop one token; False when there is none."""
        result = await self._execute(
            update(directory_tokens)
            .where(
                directory_tokens.c.organization_id == organization_id,
                directory_tokens.c.id == token_id,
                directory_tokens.c.revoked_at.is_(None),
            )
            .values(revoked_at=at)
        )
        return result.rowcount > 0

    async def revoke_all_tokens(self, organization_id: str, at: datetime) -> None:
        """Stop every token (R55)."""
        await self._execute(
            update(directory_tokens)
            .where(directory_tokens.c.organization_id == organization_id, directory_tokens.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    async def principal(self, secret_hash: bytes) -> tuple[Principal, DirectoryToken] | None:
        """The directory behind a token, living or not, if it is on: global (the secret says whose it is)."""
        row = await self._first(_BY_SECRET, {"secret_hash": secret_hash})
        if row is None:
            return None
        token = _token(row)
        principal = Principal(
            CredentialKind.DIRECTORY_TOKEN, id=row.directory_id, organization_id=token.organization_id
        )
        return principal, token

    async def note_use(self, secret_hash: bytes, now: datetime) -> None:
        """Remember that the token was used."""
        await self._execute(
            update(directory_tokens).where(directory_tokens.c.secret_hash == secret_hash).values(last_used_at=now)
        )


def _with_names_of_their_own(organization_id: str) -> Update:
    """Two groups may carry one name, two teams made by hand may not: the later ones get the end of their id."""
    nth = func.row_number().over(partition_by=func.lower(teams.c.name), order_by=teams.c.id)
    namesakes = select(teams.c.id, nth.label("nth")).where(teams.c.organization_id == organization_id).subquery()
    return (
        update(teams)
        .where(teams.c.organization_id == organization_id, teams.c.id == namesakes.c.id, namesakes.c.nth > 1)
        .values(name=teams.c.name + " " + func.right(cast(teams.c.id, Text), 6))
    )
