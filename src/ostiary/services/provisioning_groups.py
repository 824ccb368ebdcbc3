"""Groups as a directory reads and writes them by SCIM: each is a team with the same members (R44, R45)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ostiary.domain import ids
from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import DirectoryGroup, GroupChange
from ostiary.domain.directory_document import Document, group_name
from ostiary.domain.directory_schema import unknown_in_group
from ostiary.domain.errors import invalid, not_found
from ostiary.domain.membership import ManagedBy
from ostiary.domain.scim_quirks import Quirk
from ostiary.domain.team import Team
from ostiary.services.context import Caller, Kit
from ostiary.services.directory_cursors import opened, sealed
from ostiary.services.ports.provisioning import Listing, ListQuery, Resolved, StoredGroup
from ostiary.services.provisioning import Provisioning, ensure_version, provision, tenant_of
from ostiary.services.provisioning_users import take_over


class GroupProvisioningService:
    """Groups of the calling directory's organization."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def get(self, caller: Caller, group_id: str, *, joined: bool = True) -> StoredGroup:
        """A group; its members are read only if `joined`. Raises `group_not_found`."""
        organization_id = tenant_of(caller)
        async with self._kit.uow() as uow:
            found = await uow.directory_groups.find(organization_id, group_id, joined=joined)
        if found is None:
            raise not_found("group")
        return found

    async def list(self, caller: Caller, query: ListQuery) -> Listing[StoredGroup]:
        """The pushed groups; raises `invalid_filter`, `invalid_path`, `invalid_cursor`, `expired_cursor`."""
        organization_id = tenant_of(caller)
        now, listing = self._kit.clock.now(), f"groups of {organization_id}"
        query = opened(query, listing, now)
        async with self._kit.uow() as uow:
            found = await uow.directory_groups.list(organization_id, query)
        return sealed(found, query, listing, now)

    async def create(
        self, caller: Caller, document: Document, members: GroupChange, *, joined: bool = True
    ) -> StoredGroup:
        """Push a group, which makes a team (R44). Raises `unknown_member` in a strict directory (R45)."""

        async def work(p: Provisioning) -> StoredGroup:
            p.ensure_known({}, unknown_in_group(document))
            name, external_id = group_name(document)
            group = DirectoryGroup(
                id=self._kit.ids.new(ids.TEAM),
                organization_id=p.organization_id,
                display_name=name,
                external_id=external_id,
                document=document,
                version=1,
                created_at=p.now,
                modified_at=p.now,
            )
            await p.uow.teams.add(Team(group.id, p.organization_id, name, ManagedBy.DIRECTORY, p.now, external_id))
            await p.uow.directory_groups.add(group)
            await p.journal.write("team.created", "team", group.id, after={"name": name, "external_id": external_id})
            await _apply(p, group.id, members, await _resolved(p, members))
            return await _stored(p, group, joined=joined)

        return await provision(self._kit, caller, work)

    async def change(
        self,
        caller: Caller,
        group_id: str,
        revise: Callable[[Document], Document],
        members: GroupChange,
        *,
        expected: frozenset[int] | None = None,
        joined: bool = False,
    ) -> StoredGroup:
        """Replace a group's document by what `revise` makes of it, and change its members.

        Only what changes is touched: renaming reads no member, and adding one touches one (R44). `expected` are the
        versions the caller may have seen. Raises `group_not_found`, `version_mismatch`, `unknown_member`.
        """

        async def work(p: Provisioning) -> StoredGroup:
            # Before the group is held, which all changes of it wait for. It holds nobody; adding looks again (R63).
            resolved = await _resolved(p, members)
            before = await p.uow.directory_groups.lock(p.organization_id, group_id)
            if before is None:
                raise not_found("group")
            ensure_version(before.version, expected)
            document = revise(before.document)
            p.ensure_known(unknown_in_group(before.document), unknown_in_group(document))
            name, external_id = group_name(document)
            group = replace(before, display_name=name, external_id=external_id, document=document)
            if name != before.display_name:
                await p.uow.teams.rename(p.organization_id, group_id, name)
                await p.journal.write(
                    "team.renamed", "team", group_id, before={"name": before.display_name}, after={"name": name}
                )
            moved = await _apply(p, group_id, members, resolved)
            if moved or group != before:
                group = replace(group, version=before.version + 1, modified_at=p.now)
                await p.uow.directory_groups.save(group)
            return await _stored(p, group, joined=joined)

        return await provision(self._kit, caller, work)

    async def delete(self, caller: Caller, group_id: str, *, expected: frozenset[int] | None = None) -> None:
        """Unlink the group, which deletes its team (R44). Raises `group_not_found`, `version_mismatch`."""

        async def work(p: Provisioning) -> None:
            group = await p.uow.directory_groups.lock(p.organization_id, group_id)
            if group is None:
                raise not_found("group")
            ensure_version(group.version, expected)
            # The group goes with its team.
            await p.uow.teams.delete(p.organization_id, group_id)
            await p.journal.write("team.deleted", "team", group_id, before={"name": group.display_name})

        await provision(self._kit, caller, work)


async def _stored(p: Provisioning, group: DirectoryGroup, *, joined: bool) -> StoredGroup:
    if joined:
        found = await p.uow.directory_groups.find(p.organization_id, group.id, joined=True)
        assert found is not None
        return found
    return StoredGroup(group.id, group.document, group.version, group.created_at, group.modified_at)


async def _apply(p: Provisioning, group_id: str, change: GroupChange, resolved: Resolved) -> bool:
    """Carry a change of members out; answers whether anybody came or went."""
    if not change:
        return False
    named = await _coming(p, resolved)
    coming, going = change.settled(named, await _going(p, change))
    groups = p.uow.directory_groups
    if change.replaces:
        removed = await groups.keep_only(p.organization_id, group_id, coming)
    else:
        removed = await groups.remove_members(p.organization_id, group_id, going) if going else ()
    if change.replaces or change.removed:
        # After the group's own rows: a DELETE going on has been waited for there, and is seen here (R63).
        values = change.added if change.replaces else change.removed
        left = await p.uow.breaker.leave_group(p.organization_id, group_id, values, others=change.replaces)
        removed = (*removed, *left)
        if removed:
            await groups.leave_team(p.organization_id, group_id, removed)
        await groups.release(p.organization_id, group_id, None if change.replaces else change.removed)
    added = await groups.add_members(p.organization_id, group_id, coming, p.now) if coming else ()
    if resolved.unknown:
        await groups.reserve(p.organization_id, group_id, resolved.unknown)
    if added or removed:
        who: dict[str, JsonValue] = {"added": list(added), "removed": list(removed)}
        await p.journal.write("team.members_changed", "team", group_id, after=who)
    return bool(added or removed)


async def _resolved(p: Provisioning, change: GroupChange) -> Resolved:
    """Whom the names of those who are to come in mean."""
    if not change.added:
        return Resolved()
    return await p.uow.directory_groups.resolve(p.organization_id, change.added)


async def _coming(p: Provisioning, resolved: Resolved) -> Mapping[str, str]:
    """Who is to be in the group, by the names they were given; names that nobody has yet wait for them (R45)."""
    if resolved.unknown:
        if not p.directory.lenient_members:
            raise invalid(
                "unknown_member",
                f"{resolved.unknown[0]} is no user of this directory. Provision the user first, or let the directory "
                "accept unknown members.",
            )
        # Somebody just being provisioned must not miss the place kept for them.
        p.alone()
        if p.sent is not None:
            p.sent.quirks.add(Quirk.MEMBERS_RESERVED)
    for user_id in sorted(resolved.unmanaged):
        await take_over(p, user_id)
    return {**resolved.users, **{user_id: user_id for user_id in sorted(resolved.unmanaged)}}


async def _going(p: Provisioning, change: GroupChange) -> Mapping[str, str]:
    """Who is to leave the group, by the names they were given."""
    going = {value: value for value in change.removed if ids.decode(ids.MEMBER, value) is not None}
    if len(going) == len(change.removed):
        return going
    return (await p.uow.directory_groups.resolve(p.organization_id, change.removed)).users
