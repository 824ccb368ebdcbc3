"""A directory in two dictionaries: what SCIM writes make of its users and groups (RFC 7644, R41, R44, R45)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Payload = dict[str, Any]


@dataclass
class User:
    """What a user is."""

    document: Payload
    version: int = 1

    @property
    def name(self) -> str:
        """The userName as it is compared."""
        return str(self.document["userName"]).lower()


@dataclass
class Group:
    """What a group is: its members, and the userNames places are kept for."""

    name: str
    version: int = 1
    members: set[str] = field(default_factory=set[str])
    reserved: set[str] = field(default_factory=set[str])


class Model:
    """The directory in two dictionaries; the ids are the service's."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}

    def named(self, name: str) -> str | None:
        """Who has a userName."""
        return next((one for one, user in self.users.items() if user.name == name.lower()), None)

    def put_user(self, user_id: str, document: Payload) -> None:
        """Create or change a user, who takes the places kept for the name (R45)."""
        before = self.users.get(user_id)
        if before is not None and before.document == document:
            return
        after = self.users[user_id] = User(document, 1 if before is None else before.version + 1)
        for group in self.groups.values():
            if after.name in group.reserved:
                group.reserved.discard(after.name)
                group.members.add(user_id)

    def delete_user(self, user_id: str) -> None:
        """Forget a user, and its place in every group."""
        del self.users[user_id]
        for group in self.groups.values():
            group.members.discard(user_id)

    def add(self, group: Group, values: Iterable[str]) -> None:
        """Put in who is there, and keep places for the others."""
        for value in values:
            found = value if value in self.users else self.named(value)
            if found is None:
                group.reserved.add(value.lower())
            else:
                group.members.add(found)

    def remove(self, group: Group, values: Iterable[str]) -> None:
        """Take out who is named, and let go of places kept for them."""
        for value in values:
            group.members.discard(value if value in self.users else self.named(value) or "")
            group.reserved.discard(value.lower())

    def shown_user(self, user_id: str) -> Payload:
        """A user as it is sent, apart from its meta."""
        groups = {(key, group.name) for key, group in self.groups.items() if user_id in group.members}
        return {"id": user_id, **self.users[user_id].document, "groups": groups}

    def shown_group(self, group_id: str) -> Payload:
        """A group as it is sent, apart from its meta."""
        group = self.groups[group_id]
        return {"id": group_id, "displayName": group.name, "members": set(group.members)}
