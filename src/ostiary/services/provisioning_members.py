"""What a pushed user means for the membership: joining, changing, coming back, leaving (R41-R43, R46, R61)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.directory_document import contact_of
from ostiary.domain.directory_policy import (
    Departure,
    Transition,
    decide_departure,
    decide_transition,
    is_removal,
    role_from_directory,
)
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source
from ostiary.services.provisioning import Provisioning
from ostiary.services.provisioning_breaker import breaker_holds

_OTHERS_DO_NOT_MATTER = 1
_JOINED = "member.joined"


async def settle(p: Provisioning, user: DirectoryUser, before: DirectoryUser | None, member: Member | None) -> None:
    """Make the membership what the pushed user says; `before` is None for a user the directory had not pushed yet.

    The member's row is locked already.
    """
    match decide_transition(member, active=user.active):
        case Transition.JOIN:
            await _join(p, user)
        case Transition.DEPART if member is not None:
            await depart(p, _managed(member, user), deleted=False)
        case _ if member is not None:
            await _update(p, user, before, member)
        case _:
            pass


def _managed(member: Member, user: DirectoryUser) -> Member:
    """The member with the directory's profile (R42), kept by the directory from now on (R49)."""
    return replace(member, email=contact_of(user), name=user.display_name, managed_by=ManagedBy.DIRECTORY)


def _newcomer(p: Provisioning, user: DirectoryUser) -> Member:
    """A new member, tied to no account until the person signs in (R41)."""
    given = Provenance(Source.DIRECTORY, p.directory.id, p.now)
    return Member(
        id=user.id,
        organization_id=p.organization_id,
        account_id=None,
        email=contact_of(user),
        name=user.display_name,
        role=role_from_directory(p.directory, Role.MEMBER, value=user.role_value, value_before=None),
        status=MemberStatus.ACTIVE,
        managed_by=ManagedBy.DIRECTORY,
        awaiting_first_sso_sign_in=False,
        joined_at=p.now,
        provenance=given,
        role_provenance=given,
    )


async def _join(p: Provisioning, user: DirectoryUser) -> None:
    member = _newcomer(p, user)
    await p.uow.members.add(member)
    await p.journal.write(_JOINED, "member", member.id, after=_as_joined(member, user))


async def join_each(p: Provisioning, users: Sequence[DirectoryUser]) -> None:
    """Make members of many users who have nothing to do with anybody here, as `settle` does one by one."""
    joining = [(_newcomer(p, user), user) for user in users]
    await p.uow.members.add_each([member for member, _ in joining])
    await p.journal.write_each(
        _JOINED, "member", {member.id: ({}, _as_joined(member, user)) for member, user in joining}
    )


def _as_joined(member: Member, user: DirectoryUser) -> Mapping[str, JsonValue]:
    return {"email": member.email, "role": member.role, "user_name": user.user_name}


async def _update(p: Provisioning, user: DirectoryUser, before: DirectoryUser | None, member: Member) -> None:
    changed = _managed(member, user)
    if member.managed_by is not ManagedBy.DIRECTORY:
        await p.journal.write(
            "member.taken_over",
            "member",
            member.id,
            before={"managed_by": member.managed_by},
            after={"email": member.email, "managed_by": ManagedBy.DIRECTORY},
        )
    if user.active and not member.is_active:
        changed = replace(changed, status=MemberStatus.ACTIVE)
        await p.uow.breaker.let_go(p.organization_id, member.id)
        await p.journal.write("member.reactivated", "member", member.id, after={"email": member.email})
    changed = await _with_role(p, user, before, changed)
    if changed != member:
        await p.uow.members.save(changed)


async def _with_role(p: Provisioning, user: DirectoryUser, before: DirectoryUser | None, member: Member) -> Member:
    """The member with the role the directory gives (R46); the last administrator keeps theirs (R61)."""
    said_before = None if before is None else before.role_value
    role = role_from_directory(p.directory, member.role, value=user.role_value, value_before=said_before)
    if role is member.role:
        return member
    if role is Role.MEMBER and await _other_administrators(p, member) < 1:
        if user.role_value != said_before:
            await _warn_of_last_administrator(p, member)
        return member
    await p.journal.write(
        "member.role_changed", "member", member.id, before={"role": member.role}, after={"role": role}
    )
    return replace(
        member,
        role=role,
        role_provenance=Provenance(Source.DIRECTORY, p.directory.id, p.now),
        # A demotion ends awaiting (R12).
        awaiting_first_sso_sign_in=member.awaiting_first_sso_sign_in and role is Role.ADMINISTRATOR,
    )


async def depart(p: Provisioning, member: Member, *, deleted: bool) -> None:
    """Take the person's access away: sessions, one-time codes and links of this organization end (R43).

    Once the breaker has tripped, what could not be given back is left: membership, teams, database roles, links.
    """
    others = await _other_administrators(p, member) if member.role is Role.ADMINISTRATOR else _OTHERS_DO_NOT_MATTER
    is_tripped = await breaker_holds(p, member)
    departure = decide_departure(
        p.directory, member, deleted=deleted, other_active_administrators=others, is_tripped=is_tripped
    )
    # The links of somebody held back are theirs again when it is undone; suspended, they cannot sign in by them.
    ended = await _end_access(p, member, unlink=not is_tripped)
    if departure is Departure.REMOVE:
        before = await _lost(p, member)
        await p.uow.members.remove(p.organization_id, member.id)
        await p.journal.write("member.removed", "member", member.id, before=before, after=ended)
        return
    await p.uow.members.save(replace(member, status=MemberStatus.SUSPENDED, awaiting_first_sso_sign_in=False))
    if is_tripped:
        removal = is_removal(p.directory, deleted=deleted)
        await p.uow.breaker.hold_back(p.organization_id, member.id, p.now, is_removal=removal, deleted=deleted)
    await p.journal.write(
        "member.suspended",
        "member",
        member.id,
        before={"status": member.status},
        after={"email": member.email, "status": MemberStatus.SUSPENDED, "held_back": is_tripped, **ended},
    )
    if departure is Departure.SUSPEND_LAST_ADMINISTRATOR:
        await _warn_of_last_administrator(p, member)


async def _lost(p: Provisioning, member: Member) -> Mapping[str, JsonValue]:
    """What goes with a membership: the role, the teams, and database roles, which reactivation does not give back."""
    details = await p.uow.members.details(p.organization_id, member.id)
    teams: list[JsonValue] = [name for _, name in details.teams] if details else []
    databases: list[JsonValue] = [name for _, name in details.database_administrator_of] if details else []
    return {
        "email": member.email,
        "role": member.role,
        "status": member.status,
        "teams": teams,
        "database_administrator_of": databases,
        "administers_all_databases": details is not None and details.administers_all_databases,
    }


async def _end_access(p: Provisioning, member: Member, *, unlink: bool) -> Mapping[str, JsonValue]:
    if member.account_id is None:
        return {}
    ended = await p.uow.access.end_access(p.organization_id, member.account_id)
    unlinked = await p.uow.identities.remove_links(p.organization_id, member.account_id, p.now) if unlink else 0
    return {"sessions_ended": ended["sessions"], "identities_removed": unlinked}


async def _other_administrators(p: Provisioning, member: Member) -> int:
    p.alone()
    return await p.uow.members.count_active_administrators(p.organization_id, excluding=member.id)


async def _warn_of_last_administrator(p: Provisioning, member: Member) -> None:
    await p.journal.write(
        "member.last_administrator_kept", "member", member.id, after={"email": member.email, "role": member.role}
    )
