"""Users as a directory reads and writes them by SCIM (R41-R43, R46, R47, R49)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ostiary.domain import ids
from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import Directory, DirectoryUser
from ostiary.domain.directory_document import Document, read_user
from ostiary.domain.directory_schema import unknown_in_user
from ostiary.domain.errors import not_found
from ostiary.domain.membership import ManagedBy, Member
from ostiary.services.context import Caller, Kit
from ostiary.services.directory_cursors import opened, sealed
from ostiary.services.ports.provisioning import Listing, ListQuery, Named, StoredUser
from ostiary.services.provisioning import Provisioning, ensure_version, provision, tenant_of
from ostiary.services.provisioning_members import depart, join_each, settle
from ostiary.services.sent_request import SentRequest


@dataclass(frozen=True, slots=True)
class Creation:
    """A user to be provisioned together with others, and what of the request log is its own."""

    document: Document
    sent: SentRequest | None


class UserProvisioningService:
    """Users of the calling directory's organization."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def directory(self, caller: Caller) -> Directory:
        """The calling directory and its settings."""
        organization_id = tenant_of(caller)
        async with self._kit.uow() as uow:
            found = await uow.directories.get(organization_id)
        if found is None:
            raise not_found("directory")
        return found

    async def get(self, caller: Caller, user_id: str, *, joined: bool = True) -> StoredUser:
        """A user, or a member the directory does not manage yet (R49); raises `user_not_found`."""
        organization_id = tenant_of(caller)
        async with self._kit.uow() as uow:
            found = await uow.directory_users.find(organization_id, user_id, joined=joined)
        if found is None:
            raise not_found("user")
        return found

    async def list(self, caller: Caller, query: ListQuery) -> Listing[StoredUser]:
        """All members, the directory's own and the others (R49).

        Raises `invalid_filter`, `invalid_path`, `invalid_cursor`, `expired_cursor`.
        """
        organization_id = tenant_of(caller)
        now, listing = self._kit.clock.now(), f"users of {organization_id}"
        query = opened(query, listing, now)
        async with self._kit.uow() as uow:
            found = await uow.directory_users.list(organization_id, query)
        return sealed(found, query, listing, now)

    async def create(self, caller: Caller, document: Document) -> StoredUser:
        """Provision a user, or take over the unmanaged member with its userName or e-mail (R41, R49).

        Raises `user_name_taken`.
        """

        async def work(p: Provisioning) -> StoredUser:
            newcomer = self._created(p, document)
            if newcomer.active and await p.uow.directory_users.are_unheard_of(p.organization_id, [newcomer]):
                await p.uow.directory_users.add(newcomer)
                await settle(p, newcomer, None, None)
                return _as_stored(newcomer)
            member = await p.uow.directory_users.match_member(p.organization_id, newcomer.user_name, newcomer.email)
            if member is not None and await p.uow.directory_users.lock(p.organization_id, member.id) is not None:
                # Waiting for the member's row, somebody else has taken it over (R63).
                member = None
            user = newcomer if member is None else replace(newcomer, id=member.id)
            await p.uow.directory_users.add(user)
            if member is None and not user.active:
                await p.journal.write("directory_user.created", "member", user.id, after={"user_name": user.user_name})
            return await _stored(p, user, None, member)

        return await provision(self._kit, caller, work)

    async def create_each(self, caller: Caller, creations: Sequence[Creation]) -> tuple[StoredUser, ...] | None:
        """Provision many active users at once who are new in every respect, each as `create` would; all or none.

        Answers None where somebody is known here already, or may be: then they come one by one. Raises what `create`
        does.
        """

        async def work(p: Provisioning) -> tuple[StoredUser, ...] | None:
            users = [self._created(replace(p, sent=creation.sent), creation.document) for creation in creations]
            names = {user.user_name.lower() for user in users}
            is_plain = len(names) == len(users) and all(user.active for user in users)
            if not is_plain or not await p.uow.directory_users.are_unheard_of(p.organization_id, users):
                return None
            # In one order, so that two who push the same people do not wait for each other.
            await p.uow.directory_users.add_each(sorted(users, key=lambda user: user.user_name.lower()))
            await join_each(p, users)
            await p.uow.directory_requests.add_each(
                [
                    creation.sent.committed(self._kit.ids.new(ids.DIRECTORY_REQUEST), p.organization_id, user.id)
                    for creation, user in zip(creations, users, strict=True)
                    if creation.sent is not None
                ]
            )
            return tuple(_as_stored(user) for user in users)

        made = await provision(self._kit, replace(caller, sent=None), work)
        if made is not None:
            for creation in creations:
                if creation.sent is not None:
                    creation.sent.is_logged = True
        return made

    def _created(self, p: Provisioning, document: Document) -> DirectoryUser:
        p.ensure_known({}, unknown_in_user(document, p.directory))
        return _revised(p, _blank(p, self._kit.ids.new(ids.MEMBER)), {"active": True, **document})

    async def change(
        self,
        caller: Caller,
        user_id: str,
        revise: Callable[[Document], Document],
        *,
        expected: frozenset[int] | None = None,
    ) -> StoredUser:
        """Replace a user's document by what `revise` makes of it, and apply what it now says (R42, R43, R46).

        `expected` are the versions the caller may have seen. Raises `user_not_found`, `version_mismatch`,
        `user_name_taken`.
        """

        async def work(p: Provisioning) -> StoredUser:
            before, member, groups = await _locked(p, user_id)
            ensure_version(before.version, expected)
            document = revise(before.document)
            p.ensure_known(unknown_in_user(before.document, p.directory), unknown_in_user(document, p.directory))
            user = _revised(p, before, document)
            if not before.version:
                await p.uow.directory_users.add(user)
                return await _stored(p, user, None, member)
            if replace(user, version=before.version, modified_at=before.modified_at) == before:
                # Nothing new in it, but what the directory may decide can have changed since.
                return await _stored(p, before, before, member, groups)
            await p.uow.directory_users.save(user)
            await p.journal.write(
                "directory_user.updated", "member", user.id, before=_audited(before, user), after=_audited(user, before)
            )
            return await _stored(p, user, before, member, groups)

        return await provision(self._kit, caller, work)

    async def delete(self, caller: Caller, user_id: str, *, expected: frozenset[int] | None = None) -> None:
        """Forget the user and remove the member; the last administrator is only suspended (R43, R61).

        Raises `user_not_found`, `version_mismatch`.
        """

        async def work(p: Provisioning) -> None:
            user, member, _ = await _locked(p, user_id)
            ensure_version(user.version, expected)
            if member is not None:
                await depart(p, replace(member, managed_by=ManagedBy.DIRECTORY), deleted=True)
            await p.uow.directory_users.delete(p.organization_id, user_id)
            await p.journal.write(
                "directory_user.deleted", "member", user_id, before={"user_name": user.user_name, "email": user.email}
            )

        await provision(self._kit, caller, work)


async def take_over(p: Provisioning, user_id: str) -> None:
    """Make an unmanaged member the directory's, as it is, because the directory wrote about it (R49)."""
    before, member, _ = await _locked(p, user_id)
    if not before.version:
        user = _revised(p, before, before.document)
        await p.uow.directory_users.add(user)
        await settle(p, user, None, member)


async def _locked(p: Provisioning, user_id: str) -> tuple[DirectoryUser, Member | None, tuple[Named, ...] | None]:
    """The user and the member, both rows locked, and the user's groups if they were read on the way.

    An unmanaged member appears with version 0.
    """
    both = await p.uow.directory_users.lock_with_member(p.organization_id, user_id)
    if both is not None:
        return both
    user = await p.uow.directory_users.lock(p.organization_id, user_id)
    member = await p.uow.members.get(p.organization_id, user_id, lock=True)
    if user is None and member is not None:
        # Waiting for the member's row, somebody else may have taken it over.
        user = await p.uow.directory_users.lock(p.organization_id, user_id)
    if user is not None:
        return user, member, None
    stored = await p.uow.directory_users.find(p.organization_id, user_id, joined=False)
    if stored is None:
        raise not_found("user")
    blank = replace(_blank(p, user_id), document=stored.document, created_at=stored.created_at)
    return replace(blank, active=member is not None and member.is_active), member, None


def _blank(p: Provisioning, user_id: str) -> DirectoryUser:
    return DirectoryUser(
        id=user_id,
        organization_id=p.organization_id,
        user_name="",
        external_id=None,
        email=None,
        display_name="",
        active=False,
        role_value=None,
        document={},
        version=0,
        created_at=p.now,
        modified_at=p.now,
    )


def _revised(p: Provisioning, before: DirectoryUser, document: Document) -> DirectoryUser:
    """The user a document describes; one that is silent about `active` gives and takes no access."""
    facts = read_user(document, p.directory)
    return replace(
        before,
        user_name=facts.user_name,
        external_id=facts.external_id,
        email=facts.email,
        display_name=facts.display_name,
        active=before.active if facts.active is None else facts.active,
        role_value=facts.role_value,
        document=document,
        version=before.version + 1,
        modified_at=p.now,
    )


async def _stored(
    p: Provisioning,
    user: DirectoryUser,
    before: DirectoryUser | None,
    member: Member | None,
    groups: tuple[Named, ...] | None = None,
) -> StoredUser:
    """Apply a stored user to the membership and the groups, and answer it as it is sent back.

    `groups` are the user's before, where they were read.
    """
    renamed = before is None or (before.user_name, before.external_id) != (user.user_name, user.external_id)
    claimed = await p.uow.directory_groups.claim(p.organization_id, user) if renamed else ()
    await settle(p, user, before, member)
    if claimed or (before is not None and member is None and user.active):
        await p.uow.directory_groups.join_teams(p.organization_id, user.id, p.now)
    if before is None and not claimed:
        return _as_stored(user)
    if groups is not None and not claimed:
        return replace(_as_stored(user), groups=groups)
    found = await p.uow.directory_users.find(p.organization_id, user.id, joined=True)
    assert found is not None
    return found


def _as_stored(user: DirectoryUser) -> StoredUser:
    return StoredUser(user.id, user.document, user.version, user.created_at, user.modified_at)


def _audited(user: DirectoryUser, other: DirectoryUser) -> dict[str, JsonValue]:
    """What the user was or is, of that in which it differs from the other."""
    facts: dict[str, JsonValue] = {
        name: getattr(user, name)
        for name in ("user_name", "external_id", "email", "display_name", "active", "role_value")
        if getattr(user, name) != getattr(other, name)
    }
    attributes: list[JsonValue] = [
        name
        for name in sorted({*user.document, *other.document})
        if user.document.get(name) != other.document.get(name)
    ]
    return {**facts, "attributes": attributes}
