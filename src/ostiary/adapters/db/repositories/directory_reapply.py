"""Everything a directory pushed, read and written in parts (R46, R47)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Boolean, Column, ColumnElement, Table, Text, func, literal, select, update
from sqlalchemy import cast as sql_cast

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.repositories.directory_rows import read_directory_user
from ostiary.adapters.db.repositories.member_rows import read_member
from ostiary.adapters.db.tables import directory_users, members
from ostiary.adapters.db.tables.base import TypeId
from ostiary.domain import ids
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.directory_reapply import Reread
from ostiary.domain.membership import Member


class DirectoryReapply(Repository):
    """Stored users of one organization's directory beside their members, many at a time."""

    async def part(
        self, organization_id: str, after: str | None, limit: int
    ) -> Sequence[tuple[DirectoryUser, Member | None]]:
        """Users after the id, in order of their ids, each with the member it is."""
        statement = (
            select(directory_users, *(column.label(f"member_{column.key}") for column in members.c))
            .outerjoin(
                members,
                (members.c.organization_id == directory_users.c.organization_id)
                & (members.c.id == directory_users.c.id),
            )
            .where(directory_users.c.organization_id == organization_id)
            .order_by(directory_users.c.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(directory_users.c.id > after)
        rows = (await self._execute(statement)).all()
        return [
            (read_directory_user(row), None if row.member_id is None else read_member(row, "member_")) for row in rows
        ]

    async def save(self, organization_id: str, rereads: Sequence[Reread]) -> None:
        """Store what was read anew of users and members, in one statement each; no document is another for that."""
        users = [each.user for each in rereads if each.user != each.user_before]
        if users:
            await self._restate(
                directory_users,
                organization_id,
                [user.id for user in users],
                {
                    "user_name": [user.user_name for user in users],
                    "external_id": [user.external_id for user in users],
                    "active": [user.active for user in users],
                    "email": [user.email for user in users],
                    "display_name": [user.display_name for user in users],
                    "role_value": [user.role_value for user in users],
                },
            )
        changed = [each.member for each in rereads if each.member is not None and each.member != each.member_before]
        if changed:
            await self._restate(
                members,
                organization_id,
                [member.id for member in changed],
                {
                    "email": [member.email for member in changed],
                    "name": [member.name for member in changed],
                    "role": [member.role.value for member in changed],
                    "role_source": [member.role_provenance.source.value for member in changed],
                    "role_by": [member.role_provenance.by for member in changed],
                    "role_at": [member.role_provenance.at for member in changed],
                    "awaiting_first_sso_sign_in": [member.awaiting_first_sso_sign_in for member in changed],
                },
            )

    async def _restate(
        self,
        table: Table,
        organization_id: str,
        row_ids: Sequence[str],
        columns: dict[str, list[Any]],
    ) -> None:
        """Set the columns of many rows, each to its own value."""
        arrays: list[ColumnElement[Any]] = [
            sql_cast(literal(list(row_ids), ARRAY(TypeId(ids.MEMBER))), ARRAY(TypeId(ids.MEMBER)))
        ]
        named: list[Column[Any]] = [Column("row_id", TypeId(ids.MEMBER))]
        for name, values in columns.items():
            kind = table.c[name].type
            plain = Text() if not isinstance(kind, Boolean) and name != "role_at" else kind
            arrays.append(sql_cast(literal(values, ARRAY(plain)), ARRAY(plain)))
            named.append(Column(f"new_{name}", plain))
        given = func.unnest(*arrays).table_valued(*named).render_derived()
        await self._execute(
            update(table)
            .where(table.c.organization_id == organization_id, table.c.id == given.c.row_id)
            .values({name: given.c[f"new_{name}"] for name in columns})
        )
