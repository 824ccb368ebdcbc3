"""Applying changed settings of a directory to what it pushed before (R46, R47, R61)."""

from ostiary.domain.directory import Directory
from ostiary.domain.directory_reapply import (
    ReapplyEffects,
    Reread,
    effects_of,
    keeping_an_administrator,
    needs_rereading,
    reread,
)
from ostiary.services.context import Journal, Kit
from ostiary.services.ports.uow import UnitOfWork

# Held in memory at a time; documents are a few kilobytes.
PART = 1_000


async def reapply(kit: Kit, uow: UnitOfWork, journal: Journal, before: Directory, after: Directory) -> ReapplyEffects:
    """Read every stored user under the new settings, and make members what that says; under the exclusive lock.

    Only those that changed are kept in memory and written, in as many statements however many they are.
    """
    if not needs_rereading(before, after):
        return ReapplyEffects()
    organization_id, now = after.organization_id, kit.clock.now()
    changed: list[Reread] = []
    users, last = 0, None
    while part := await uow.reapply.part(organization_id, last, PART):
        users, last = users + len(part), part[-1][0].id
        read = (reread(after, user, member, now) for user, member in part)
        changed += [each for each in read if each.user != each.user_before or each.member != each.member_before]
    administrators = await uow.members.count_active_administrators(organization_id)
    settled, kept = keeping_an_administrator(changed, administrators)
    await uow.reapply.save(organization_id, settled)
    await journal.write_each(
        "member.role_changed",
        "member",
        {
            each.user.id: ({"role": each.member_before.role}, {"role": each.member.role})
            for each in settled
            if each.role_changed and each.member is not None and each.member_before is not None
        },
    )
    if kept is not None:
        await journal.write("member.last_administrator_kept", "member", kept, after={"role": "administrator"})
    return effects_of(settled, users, kept)
