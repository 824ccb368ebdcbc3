"""Where what a directory pushed and what the organization has differ, though they never should (R40–R47)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ostiary.domain.directory import Directory, DirectoryUser
from ostiary.domain.directory_document import read_user
from ostiary.domain.directory_reapply import Reread


class Drift(StrEnum):
    """A kind of difference, by a name that stays."""

    USER_READ_OTHERWISE = "user_read_otherwise"
    ACCESS_KEPT = "access_kept"
    MEMBER_NOT_PUSHED = "member_not_pushed"
    ACCESS_MISSING = "access_missing"
    MEMBER_NOT_MANAGED = "member_not_managed"
    MEMBER_MISSING = "member_missing"
    PROFILE_DIFFERS = "profile_differs"
    ROLE_DIFFERS = "role_differs"
    TEAM_WITHOUT_GROUP = "team_without_group"
    TEAM_DIFFERS = "team_differs"
    PLACE_NOT_TAKEN = "place_not_taken"
    TEAM_MEMBER_MISSING = "team_member_missing"
    TEAM_MEMBER_EXTRA = "team_member_extra"
    COUNT_DIFFERS = "count_differs"


# What each means, and what reconciling does about it. Nobody is removed: who has access too much is suspended, which an
# administrator can look at and the directory can take back.
MEANINGS: Mapping[Drift, str] = {
    Drift.USER_READ_OTHERWISE: "A pushed user's stored facts are not what its document says; they are read again.",
    Drift.ACCESS_KEPT: "The directory deactivated the user, and the member has access; the member is suspended (R43).",
    Drift.MEMBER_NOT_PUSHED: "A member is the directory's, which knows no such user; the member is suspended (R43).",
    Drift.ACCESS_MISSING: "The directory's user is active, and the member suspended; the member is reactivated (R43).",
    Drift.MEMBER_NOT_MANAGED: "A pushed user's member is not the directory's; it becomes so (R49).",
    Drift.MEMBER_MISSING: "An active user is no member; they become one (R41).",
    Drift.PROFILE_DIFFERS: "A member's name or address is not the user's; it becomes so (R42).",
    Drift.ROLE_DIFFERS: "A member's role is not what the directory says; it becomes so (R46, R61).",
    Drift.TEAM_WITHOUT_GROUP: "A team belongs to no group of the directory; it is deleted (R40, R44).",
    Drift.TEAM_DIFFERS: "A team is not named or managed as its group says; it becomes so (R44).",
    Drift.PLACE_NOT_TAKEN: "A place is kept in a group for a user who is there by now; they take it (R45).",
    Drift.TEAM_MEMBER_MISSING: "A member of a group is not in its team; they are put into it (R44).",
    Drift.TEAM_MEMBER_EXTRA: "Somebody is in a team and not in its group; they are taken out of it (R44).",
    Drift.COUNT_DIFFERS: "What lists say there is in all is not what there is; it is counted again.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: of which kind, about whom (the id of a member or team), and how people know them.

    Of a count: what is counted, and what was counted and is there.
    """

    drift: Drift
    target_id: str
    label: str


def facts_again(directory: Directory, user: DirectoryUser) -> DirectoryUser:
    """The user as its document says it is."""
    facts = read_user(user.document, directory)
    return replace(
        user,
        user_name=facts.user_name,
        external_id=facts.external_id,
        email=facts.email,
        display_name=facts.display_name,
        active=user.active if facts.active is None else facts.active,
        role_value=facts.role_value,
    )


def findings_of(rereads: Sequence[Reread]) -> tuple[Finding, ...]:
    """What was amiss with the profiles and roles of members."""
    found: list[Finding] = []
    for each in rereads:
        before, after = each.member_before, each.member
        if before is None or after is None:
            continue
        if (before.email, before.name) != (after.email, after.name):
            found.append(Finding(Drift.PROFILE_DIFFERS, before.id, after.email))
        if each.role_changed:
            found.append(Finding(Drift.ROLE_DIFFERS, before.id, after.email))
    return tuple(found)
