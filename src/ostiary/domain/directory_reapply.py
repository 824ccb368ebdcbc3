"""Changed settings meet what the directory pushed before: stored users are read anew (R46, R47)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ostiary.domain.directory import Directory, DirectoryUser
from ostiary.domain.directory_document import contact_of, read_user
from ostiary.domain.directory_policy import role_from_directory
from ostiary.domain.membership import ManagedBy, Member, Provenance, Role, Source


@dataclass(frozen=True, slots=True)
class Reread:
    """A stored user and the member it is, before and after; `member` is None for somebody switched off."""

    user_before: DirectoryUser
    user: DirectoryUser
    member_before: Member | None
    member: Member | None

    @property
    def role_changed(self) -> bool:
        """Whether the member has another role now."""
        return (
            self.member is not None
            and self.member_before is not None
            and self.member.role is not self.member_before.role
        )

    @property
    def loses_administration(self) -> bool:
        """Whether an active administrator is one no more."""
        before, after = self.member_before, self.member
        return before is not None and before.is_active_administrator and after is not None and after.role is Role.MEMBER

    def keeping_the_role(self) -> "Reread":
        """The same without the change of role."""
        if self.member is None or self.member_before is None:
            return self
        was = self.member_before
        kept = replace(
            self.member,
            role=was.role,
            role_provenance=was.role_provenance,
            awaiting_first_sso_sign_in=was.awaiting_first_sso_sign_in,
        )
        return replace(self, member=kept)


@dataclass(frozen=True, slots=True)
class ReapplyEffects:
    """What a change of the settings does to those the directory pushed.

    `administrator_kept` is the id of the one whose role stays, because nobody else could administer (R61).
    """

    users: int = 0
    profiles_changed: int = 0
    roles_raised: int = 0
    roles_lowered: int = 0
    administrator_kept: str | None = None


def needs_rereading(before: Directory, after: Directory) -> bool:
    """Whether stored users may mean something else under the new settings (R46, R47)."""
    turned_on = after.manage_roles and not before.manage_roles
    reads_otherwise = (before.role_attribute, dict(before.attribute_map)) != (
        after.role_attribute,
        dict(after.attribute_map),
    )
    return after.enabled and (turned_on or reads_otherwise)


def reread(directory: Directory, user: DirectoryUser, member: Member | None, now: datetime) -> Reread:
    """What the stored document says under the directory's settings.

    A role nobody ever sent under the attribute's present name takes nothing away: only the directory's own clearing
    does (R46).
    """
    facts = read_user(user.document, directory)
    read = replace(user, email=facts.email, display_name=facts.display_name, role_value=facts.role_value)
    if member is None or member.managed_by is not ManagedBy.DIRECTORY:
        return Reread(user, read, member, member)
    changed = replace(member, email=contact_of(read), name=read.display_name)
    role = role_from_directory(directory, member.role, value=read.role_value, value_before=None)
    if role is not member.role:
        changed = replace(
            changed,
            role=role,
            role_provenance=Provenance(Source.DIRECTORY, directory.id, now),
            # A demotion ends awaiting (R12).
            awaiting_first_sso_sign_in=member.awaiting_first_sso_sign_in and role is Role.ADMINISTRATOR,
        )
    return Reread(user, read, member, changed)


def keeping_an_administrator(
    rereads: Sequence[Reread], active_administrators: int
) -> tuple[tuple[Reread, ...], str | None]:
    """The same, but that the longest member of those who would lose it stays administrator if all would (R61)."""
    losing = [each for each in rereads if each.loses_administration]
    gaining = [
        each
        for each in rereads
        if each.role_changed and each.member is not None and each.member.is_active_administrator
    ]
    if not losing or active_administrators - len(losing) + len(gaining) > 0:
        return tuple(rereads), None
    kept = min(losing, key=lambda each: each.user.id)
    return tuple(each.keeping_the_role() if each is kept else each for each in rereads), kept.user.id


def effects_of(rereads: Sequence[Reread], users: int, kept: str | None) -> ReapplyEffects:
    """The counts of it."""
    changed = [each for each in rereads if each.member is not None and each.member_before is not None]
    raised = [each for each in changed if each.role_changed and each.member and each.member.role is Role.ADMINISTRATOR]
    return ReapplyEffects(
        users=users,
        profiles_changed=sum(
            (each.member_before.email, each.member_before.name) != (each.member.email, each.member.name)
            for each in changed
            if each.member is not None and each.member_before is not None
        ),
        roles_raised=len(raised),
        roles_lowered=sum(each.role_changed for each in changed) - len(raised),
        administrator_kept=kept,
    )
