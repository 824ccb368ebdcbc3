"""Searching a directory's users and groups together (RFC 7644 §3.4.3)."""

from ostiary.services.context import Caller, Kit
from ostiary.services.directory_cursors import opened, sealed
from ostiary.services.ports.provisioning import Listing, ListQuery, StoredGroup, StoredUser
from ostiary.services.provisioning import tenant_of


class ResourceSearchService:
    """Everything the calling directory's organization lists by SCIM."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def search(
        self, caller: Caller, query: ListQuery, *, groups_of_users: bool, members_of_groups: bool
    ) -> Listing[StoredUser | StoredGroup]:
        """Users and groups in one order; an attribute that one kind has not, has no value there.

        Raises `invalid_filter`, `invalid_path`, `invalid_cursor`, `expired_cursor`.
        """
        organization_id = tenant_of(caller)
        now, listing = self._kit.clock.now(), f"everything of {organization_id}"
        query = opened(query, listing, now)
        async with self._kit.uow() as uow:
            found = await uow.directory_resources.list(
                organization_id, query, groups_of_users=groups_of_users, members_of_groups=members_of_groups
            )
        return sealed(found, query, listing, now)
