"""Users and groups of one organization's directory together, as RFC 7644 §3.4.2.1 searches them at the root."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Uuid, literal, type_coerce

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.repositories.directory_groups import DirectoryGroups, group_branch
from ostiary.adapters.db.repositories.directory_pages import Branch, next_of, paged, place_of, total_of
from ostiary.adapters.db.repositories.directory_users import DirectoryUsers, user_branches
from ostiary.domain import ids
from ostiary.services.ports.provisioning import Listing, ListQuery, StoredGroup, StoredUser

_USER, _GROUP = "user", "group"


def _bare(branch: Branch, kind: str) -> Branch:
    """The branch's rows by their kinds and ids alone, the ids as the database has them."""
    rows = branch.rows.with_only_columns(type_coerce(branch.row_id, Uuid()).label("id"), literal(kind).label("kind"))
    return Branch(rows, branch.row_id, branch.source, branch.kind)


class DirectoryResources(Repository):
    """What is searched without saying of which kind."""

    async def list(
        self, organization_id: str, query: ListQuery, *, groups_of_users: bool, members_of_groups: bool
    ) -> Listing[StoredUser | StoredGroup]:
        """Users and groups in one order; raises `invalid_filter`, `invalid_path`, `invalid_cursor`."""
        kinds = [_bare(branch, _USER) for branch in user_branches(organization_id)]
        page = paged(organization_id, query, [*kinds, _bare(group_branch(organization_id), _GROUP)])
        rows: Sequence[Row[Any]] = (await self._execute(page.rows, place_of(query))).all() if query.count else ()
        total = total_of(query, rows)
        if total is None:
            total = await self._scalar(page.total)
        found: dict[str, StoredUser | StoredGroup] = {}
        if user_ids := _ids(rows[: query.count], _USER, ids.MEMBER):
            users = await DirectoryUsers(self._transaction).find_all(organization_id, user_ids, joined=groups_of_users)
            found.update((user.id, user) for user in users)
        if group_ids := _ids(rows[: query.count], _GROUP, ids.TEAM):
            groups = DirectoryGroups(self._transaction)
            pushed = await groups.find_all(organization_id, group_ids, joined=members_of_groups)
            found.update((group.id, group) for group in pushed)
        order = (ids.encode(ids.MEMBER if row.kind == _USER else ids.TEAM, row.id) for row in rows[: query.count])
        # Gone between the two statements: not on the page.
        return Listing(total, tuple(found[one] for one in order if one in found), next_of(query, rows))


def _ids(rows: Sequence[Row[Any]], kind: str, prefix: str) -> list[str]:
    return [ids.encode(prefix, row.id) for row in rows if row.kind == kind]
