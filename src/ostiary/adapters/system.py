"""The clock and the source of ids and secrets of this machine."""

import secrets
import time
from datetime import UTC, datetime

from ostiary.domain import ids


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """This moment."""
        return datetime.now(UTC)


class SystemIds:
    """Ids that sort by the time they were made, and secrets nobody can guess."""

    def new(self, prefix: str) -> str:
        """A new TypeID under the prefix, made of a UUIDv7."""
        return ids.encode(prefix, ids.uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10)))

    def secret(self, prefix: str) -> str:
        """The prefix and 256 random bits in base64url: 43 characters."""
        return prefix + secrets.token_urlsafe(32)
