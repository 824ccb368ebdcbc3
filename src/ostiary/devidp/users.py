"""The people of the development identity provider. Anyone may sign in: an address that is not listed is made up."""

import re
import uuid
from dataclasses import dataclass

PASSWORD = "password"
"""Everybody's password; this is a stage prop, reachable from this machine only."""

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "users.development-idp.ostiary")


@dataclass(frozen=True, slots=True)
class User:
    """Who signed in. `id` never changes for an e-mail address; `role` is sent when it is set."""

    email: str
    first_name: str
    last_name: str
    role: str | None = None

    @property
    def id(self) -> str:
        """The identifier the identity provider calls this person by, the same after every restart."""
        return str(uuid.uuid5(_NAMESPACE, self.email))

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of an assertion about this person."""
        known = {"email": self.email, "firstName": self.first_name, "lastName": self.last_name, "id": self.id}
        return known | ({"role": self.role} if self.role else {})


LISTED = (
    User("ada@acme.test", "Ada", "Lovelace"),
    User("bo@acme.test", "Bo", "Diddley"),
    User("cy@acme.test", "Cy", "Twombly"),
)


_NAMES = {user.email: (user.first_name, user.last_name) for user in LISTED}


def find(email: str, role: str = "") -> User | None:
    """The person with that address, with the role for this sign-in; None when it is no e-mail address."""
    address = email.strip().lower()
    if not EMAIL.fullmatch(address):
        return None
    first, last = _NAMES.get(address) or _made_up_name(address)
    return User(address, first, last, role.strip() or None)


def _made_up_name(address: str) -> tuple[str, str]:
    """`dee.dee@acme.test` is called Dee Dee; with one word the domain lends the family name."""
    local, domain = address.split("@", 1)
    words = [word for word in re.split(r"[^a-z0-9]+", local) if word] or ["someone"]
    return words[0].capitalize(), " ".join(words[1:] or [domain.split(".")[0]]).title()
