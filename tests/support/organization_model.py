"""What an organization should be after some steps, written from the rules alone: no code of the service is asked."""

from dataclasses import dataclass, field

LAST = "last_administrator"
MANAGED = "directory_managed"


@dataclass
class Expected:
    """One member as it should be."""

    role: str = "member"
    status: str = "active"
    managed_by: str = "manual"
    awaiting: bool = False
    has_account: bool = True
    teams: set[str] = field(default_factory=set[str])
    administers_database: bool = False

    @property
    def administers(self) -> bool:
        """Whether they can administer the organization now."""
        return self.role == "administrator" and self.status == "active"


@dataclass
class Model:
    """The organization. Every method is a step: it answers the code of its refusal, or None and the change is made."""

    founder: str
    members: dict[str, Expected] = field(default_factory=dict[str, Expected])
    teams: dict[str, str] = field(default_factory=dict[str, str])
    invited: set[str] = field(default_factory=set[str])
    credentials: int = 0
    sso: bool = False
    directory: bool = False
    # What the directory pushed: whether each user is active.
    users: dict[str, bool] = field(default_factory=dict[str, bool])

    def __post_init__(self) -> None:
        """The founder administers (R61 begins here)."""
        self.members[self.founder] = Expected(role="administrator")

    def administrators(self) -> list[str]:
        """Who could act now."""
        return sorted(who for who, member in self.members.items() if member.administers)

    def _is_last(self, who: str) -> bool:
        return self.administrators() == [who]

    def invite(self, who: str) -> str | None:
        """R16."""
        if self.sso:
            return "invitations_disabled_by_sso"
        if who in self.members:
            return "already_member"
        if who in self.invited:
            return "invitation_pending"
        self.invited.add(who)
        return None

    def accept(self, who: str, role: str) -> None:
        """The invited person joins."""
        self.invited.discard(who)
        self.members[who] = Expected(role=role)

    def set_role(self, who: str, role: str) -> str | None:
        """R61; a demoted administrator no longer awaits (R12)."""
        member = self.members[who]
        if role == "member" and self._is_last(who):
            return LAST
        if role == "member":
            member.awaiting = False
        member.role = role
        return None

    def remove(self, who: str) -> str | None:
        """R13, R14, R49, R61."""
        member = self.members[who]
        if member.managed_by == "directory" and member.status == "active":
            return MANAGED
        if self._is_last(who):
            return LAST
        del self.members[who]
        return None

    def suspend(self, who: str) -> str | None:
        """R43, R61."""
        member = self.members[who]
        if member.managed_by == "directory":
            return MANAGED
        if self._is_last(who):
            return LAST
        member.status = "suspended"
        member.awaiting = False
        return None

    def reactivate(self, who: str) -> str | None:
        """R43."""
        member = self.members[who]
        if member.managed_by == "directory":
            return MANAGED
        member.status = "active"
        return None

    def require_sso(self, who: str, actor: str) -> str | None:
        """R12."""
        if not self.sso:
            return "sso_not_enabled"
        if who == actor:
            return "own_membership"
        self.members[who].awaiting = False
        return None

    def create_team(self, name: str) -> str | None:
        """R40."""
        if self.directory:
            return MANAGED
        if name in self.teams:
            return "team_name_taken"
        self.teams[name] = "manual"
        return None

    def join_team(self, name: str, who: str) -> str | None:
        """R40."""
        if self.directory:
            return MANAGED
        self.members[who].teams.add(name)
        return None

    def enable_sso(self) -> dict[str, int] | None:
        """R10–R16; the second time changes nothing (R18). Answers the effects of the first."""
        if self.sso:
            return None
        gone = {who: member for who, member in self.members.items() if member.role == "member"}
        kept = [member for member in self.members.values() if member.role == "administrator"]
        effects = {
            "members_removed": len(gone),
            "team_memberships_removed": sum(len(member.teams) for member in gone.values()),
            "database_administrators_revoked": sum(member.administers_database for member in gone.values()),
            "invitations_revoked": len(self.invited),
            "administrators_kept": len(kept),
            "credentials_kept": self.credentials,
        }
        for who in gone:
            del self.members[who]
        for member in kept:
            member.awaiting = member.status == "active"
        self.invited.clear()
        self.sso = True
        return effects

    def disable_sso(self) -> None:
        """R55, R56: everybody without an account goes."""
        self.disable_directory()
        self.sso = False
        self.members = {who: member for who, member in self.members.items() if member.has_account}
        for member in self.members.values():
            member.awaiting = False

    def sign_in(self, who: str) -> str | None:
        """R20, R22, and the end of awaiting (R12)."""
        if not self.sso:
            return "sso_not_enabled"
        member = self.members.get(who)
        if self.directory and self.users.get(who) is False:
            return "user_deactivated"
        if member is None and self.directory:
            return "user_not_provisioned"
        if member is None:
            member = self.members[who] = Expected(managed_by="sso")
        if member.status == "suspended":
            return "membership_suspended"
        member.awaiting = False
        member.has_account = True
        return None

    def enable_directory(self) -> str | None:
        """R5, R40: all teams are cleared."""
        if not self.sso:
            return "sso_not_enabled"
        if not self.directory:
            self.teams.clear()
            for member in self.members.values():
                member.teams.clear()
        self.directory = True
        return None

    def disable_directory(self) -> None:
        """R55: members and teams stay, kept by hand."""
        if not self.directory:
            return
        self.directory = False
        self.users.clear()
        for name in self.teams:
            self.teams[name] = "manual"
        for member in self.members.values():
            if member.managed_by == "directory":
                member.managed_by = "manual"

    def provision(self, who: str) -> str | None:
        """R41, R49: a new member, or one from before taken over."""
        if who in self.users:
            return "user_name_taken"
        self.users[who] = True
        member = self.members.setdefault(who, Expected(has_account=False))
        member.managed_by = "directory"
        member.status = "active"
        return None

    def set_active(self, who: str, active: bool) -> str | None:
        """R43, R61."""
        if who not in self.users:
            return "user_not_found"
        self.users[who] = active
        if not active:
            self._depart(who)
        elif who in self.members:
            self.members[who].status = "active"
        else:
            self.members[who] = Expected(managed_by="directory", has_account=False)
        return None

    def deprovision(self, who: str) -> str | None:
        """R43, R61."""
        if who not in self.users:
            return "user_not_found"
        self._depart(who)
        del self.users[who]
        return None

    def _depart(self, who: str) -> None:
        member = self.members.get(who)
        if member is None:
            return
        if member.role == "administrator" and not [other for other in self.administrators() if other != who]:
            member.status = "suspended"
            member.awaiting = False
        elif member.status == "active":
            del self.members[who]
