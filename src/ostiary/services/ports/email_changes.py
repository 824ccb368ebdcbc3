"""The port to changes of an account's address that wait for both mailboxes to agree."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EmailChange:
    """A change that was asked for; one per account. Each mailbox agrees with a token of its own, kept as a hash."""

    account_id: str
    email: str
    present_hash: bytes
    wanted_hash: bytes
    expires_at: datetime
    present_agreed: bool = False
    wanted_agreed: bool = False

    @property
    def is_agreed(self) -> bool:
        """Whether both have agreed."""
        return self.present_agreed and self.wanted_agreed


class EmailChangeRepository(Protocol):
    """Changes of addresses: global, as accounts are."""

    async def put(self, change: EmailChange) -> None:
        """Store a change, in the place of one asked for before."""
        ...

    async def account_of(self, secret_hash: bytes, now: datetime) -> str | None:
        """Whose living change one of the two tokens agrees to."""
        ...

    async def agree(self, account_id: str, secret_hash: bytes) -> EmailChange | None:
        """Note that the mailbox of the token agrees; answers the change as it is then."""
        ...

    async def delete(self, account_id: str) -> None:
        """Forget the account's change."""
        ...

    async def organizations_owning(self, account_id: str, names: tuple[str, ...]) -> bool:
        """Whether an organization of the account's that has SSO on has verified one of the domains."""
        ...
