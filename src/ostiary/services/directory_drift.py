"""Holding a directory and its organization together: finding where they differ, and mending it (R40–R47)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ostiary.domain.audit import ActorKind, AuditActor, JsonValue
from ostiary.domain.directory import Directory, DirectoryUser
from ostiary.domain.directory_document import contact_of
from ostiary.domain.directory_drift import Drift, Finding, facts_again, findings_of
from ostiary.domain.directory_policy import role_from_directory
from ostiary.domain.directory_reapply import Reread, keeping_an_administrator, reread
from ostiary.domain.errors import DomainError, conflict, not_found
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source
from ostiary.services.context import Journal, Kit
from ostiary.services.directory_reapply import PART
from ostiary.services.ports.directory_drift import MendedMember
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork


@dataclass(slots=True)
class _Mending:
    """One run: under the organization's exclusive lock, so nobody writes meanwhile, or in a snapshot."""

    kit: Kit
    uow: UnitOfWork
    directory: Directory
    journal: Journal
    found: list[Finding] = field(default_factory=list[Finding])

    @property
    def organization_id(self) -> str:
        """The tenant."""
        return self.directory.organization_id


class DirectoryDriftService:
    """For operators: checks and mends what the domain's rules should never let happen."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def check(self, reference: str) -> tuple[Finding, ...]:
        """What differs: the same path as `reconcile`, given back without a change.

        While all is in order it reads one moment's state and locks nothing, however long it takes. At the first
        difference, or where it meets somebody's change, it begins again under the lock, to tell all of them.
        Raises `organization_not_found`, `directory_not_enabled`.
        """
        try:
            if not await self._run(reference, commit=False, lock=Lock.NONE):
                return ()
        except DomainError:
            # Refused again below, or a race lost.
            pass
        return await self._run(reference, commit=False, lock=Lock.EXCLUSIVE)

    async def reconcile(self, reference: str) -> tuple[Finding, ...]:
        """Make the organization what the directory pushed says, and tell what was done about what."""
        return await self._run(reference, commit=True, lock=Lock.EXCLUSIVE)

    async def _run(self, reference: str, *, commit: bool, lock: Lock) -> tuple[Finding, ...]:
        """Mend what differs; without a lock only up to the first difference, whose rows are let go at once."""
        async with self._kit.uow() as uow:
            if lock is Lock.NONE:
                await uow.snapshot()
            organization = await uow.organizations.get(reference, lock)
            directory = None if organization is None else await uow.directories.get(organization.id)
            if organization is None or directory is None:
                raise not_found("organization")
            if not directory.enabled:
                raise conflict("directory_not_enabled", "Directory Sync is off, so there is nothing to compare with.")
            journal = Journal(self._kit, uow, organization.id, AuditActor(ActorKind.OPERATOR), None)
            mending = _Mending(self._kit, uow, directory, journal)
            for mend in (_mend_facts, _mend_access, _mend_profiles, _mend_teams, _mend_counts):
                await mend(mending)
                if mending.found and lock is Lock.NONE:
                    break
            if mending.found and commit:
                await journal.write("directory.reconciled", "directory", directory.id, after=_counts(mending.found))
                await uow.commit()
        return tuple(mending.found)


async def _mend_facts(m: _Mending) -> None:
    """What the stored documents say comes first: all else is compared with it."""
    last: str | None = None
    while part := await m.uow.reapply.part(m.organization_id, last, PART):
        last = part[-1][0].id
        again = (Reread(user, facts_again(m.directory, user), None, None) for user, _ in part)
        wrong = [each for each in again if each.user != each.user_before]
        await m.uow.reapply.save(m.organization_id, wrong)
        m.found += [Finding(Drift.USER_READ_OTHERWISE, each.user.id, each.user.user_name) for each in wrong]


async def _mend_access(m: _Mending) -> None:
    now, drift = m.kit.clock.now(), m.uow.drift
    suspended = await drift.suspend(m.organization_id, now)
    for who in suspended:
        kind = Drift.ACCESS_KEPT if who.is_pushed else Drift.MEMBER_NOT_PUSHED
        m.found.append(Finding(kind, who.id, who.email))
    await _tell_of_status(m, "member.suspended", suspended, MemberStatus.ACTIVE)
    reactivated = await drift.reactivate(m.organization_id)
    m.found += [Finding(Drift.ACCESS_MISSING, who.id, who.email) for who in reactivated]
    await _tell_of_status(m, "member.reactivated", reactivated, MemberStatus.SUSPENDED)
    managed = await drift.manage(m.organization_id)
    m.found += [Finding(Drift.MEMBER_NOT_MANAGED, who.id, who.email) for who in managed]
    await m.journal.write_each(
        "member.taken_over",
        "member",
        {who.id: ({}, {"email": who.email, "managed_by": ManagedBy.DIRECTORY}) for who in managed},
    )
    await _warn_without_administrator(m, suspended)
    joining = [_member_of(m, user) for user in await drift.without_membership(m.organization_id)]
    if joining:
        await drift.add_members(joining)
    m.found += [Finding(Drift.MEMBER_MISSING, who.id, who.email) for who in joining]
    await m.journal.write_each(
        "member.joined", "member", {who.id: ({}, {"email": who.email, "role": who.role}) for who in joining}
    )


async def _warn_without_administrator(m: _Mending, suspended: Sequence[MendedMember]) -> None:
    """Suspended administrators keep the role, and an event warns where there is no other (R61)."""
    administrators = [who for who in suspended if who.role is Role.ADMINISTRATOR]
    if administrators and not await m.uow.members.count_active_administrators(m.organization_id):
        await m.journal.write_each(
            "member.last_administrator_kept",
            "member",
            {who.id: ({}, {"email": who.email, "role": who.role}) for who in administrators},
        )


async def _tell_of_status(m: _Mending, action: str, who: Sequence[MendedMember], before: MemberStatus) -> None:
    await m.journal.write_each(
        action,
        "member",
        {each.id: ({"status": before}, {"email": each.email, "status": each.status}) for each in who},
    )


def _member_of(m: _Mending, user: DirectoryUser) -> Member:
    now = m.kit.clock.now()
    given = Provenance(Source.DIRECTORY, m.directory.id, now)
    return Member(
        id=user.id,
        organization_id=m.organization_id,
        account_id=None,
        email=contact_of(user),
        name=user.display_name,
        role=role_from_directory(m.directory, Role.MEMBER, value=user.role_value, value_before=None),
        status=MemberStatus.ACTIVE,
        managed_by=ManagedBy.DIRECTORY,
        awaiting_first_sso_sign_in=False,
        joined_at=now,
        provenance=given,
        role_provenance=given,
    )


async def _mend_profiles(m: _Mending) -> None:
    changed: list[Reread] = []
    last: str | None = None
    while part := await m.uow.reapply.part(m.organization_id, last, PART):
        last = part[-1][0].id
        read = (reread(m.directory, user, member, m.kit.clock.now()) for user, member in part)
        changed += [each for each in read if each.member != each.member_before]
    administrators = await m.uow.members.count_active_administrators(m.organization_id)
    # The last administrator keeps the role whatever the directory says (R61): no drift.
    settled = [
        each for each in keeping_an_administrator(changed, administrators)[0] if each.member != each.member_before
    ]
    await m.uow.reapply.save(m.organization_id, settled)
    m.found += findings_of(settled)
    await m.journal.write_each(
        "member.role_changed",
        "member",
        {
            each.user.id: ({"role": each.member_before.role}, {"role": each.member.role})
            for each in settled
            if each.role_changed and each.member is not None and each.member_before is not None
        },
    )


async def _mend_teams(m: _Mending) -> None:
    now, drift = m.kit.clock.now(), m.uow.drift
    stray = await drift.delete_stray_teams(m.organization_id)
    m.found += [Finding(Drift.TEAM_WITHOUT_GROUP, team.id, team.name) for team in stray]
    await m.journal.write_each("team.deleted", "team", {team.id: ({"name": team.name}, {}) for team in stray})
    renamed = await drift.restate_teams(m.organization_id)
    m.found += [Finding(Drift.TEAM_DIFFERS, team.id, team.name_after) for team in renamed]
    await m.journal.write_each(
        "team.renamed", "team", {team.id: ({"name": team.name}, {"name": team.name_after}) for team in renamed}
    )
    for group_id, values in (await drift.reservations(m.organization_id)).items():
        there = (await m.uow.directory_groups.resolve(m.organization_id, values)).users
        if there:
            added = await m.uow.directory_groups.add_members(m.organization_id, group_id, [*there.values()], now)
            await m.uow.directory_groups.release(m.organization_id, group_id, [*there])
            m.found += [Finding(Drift.PLACE_NOT_TAKEN, group_id, value) for value in there]
            await _tell_of_teams(m, "added", ((group_id, member_id) for member_id in added))
    filled = await drift.fill_teams(m.organization_id, now)
    m.found += [Finding(Drift.TEAM_MEMBER_MISSING, team_id, member_id) for team_id, member_id in filled]
    await _tell_of_teams(m, "added", filled)
    cleared = await drift.clear_teams(m.organization_id)
    m.found += [Finding(Drift.TEAM_MEMBER_EXTRA, team_id, member_id) for team_id, member_id in cleared]
    await _tell_of_teams(m, "removed", cleared)


async def _mend_counts(m: _Mending) -> None:
    """Last, when everybody is whose they should be."""
    for count in await m.uow.drift.recount(m.organization_id):
        m.found.append(Finding(Drift.COUNT_DIFFERS, count.kind, f"{count.there}, and {count.said} were counted"))


async def _tell_of_teams(m: _Mending, what: str, pairs: Iterable[tuple[str, str]]) -> None:
    by_team: dict[str, list[JsonValue]] = {}
    for team_id, member_id in pairs:
        by_team.setdefault(team_id, []).append(member_id)
    told: dict[str, tuple[Mapping[str, JsonValue], Mapping[str, JsonValue]]] = {
        team_id: ({}, {"added": [], "removed": [], what: who}) for team_id, who in by_team.items()
    }
    await m.journal.write_each("team.members_changed", "team", told)


def _counts(found: Sequence[Finding]) -> dict[str, JsonValue]:
    kinds = [finding.drift for finding in found]
    return {kind: kinds.count(kind) for kind in Drift if kind in kinds}
