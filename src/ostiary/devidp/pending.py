"""Sign-ins that were asked for and wait for a person to log in."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from ostiary.devidp.provider import SignInRequest

LIFETIME_SECONDS = 600.0
MAX_WAITING = 1000


class PendingSignIns:
    """Requests by a random token the login form carries; each waits ten minutes, and the oldest give way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: OrderedDict[str, tuple[float, SignInRequest]] = OrderedDict()

    def add(self, request: SignInRequest) -> str:
        """Remember the request; the token finds it again."""
        while len(self._waiting) >= MAX_WAITING:
            self._waiting.popitem(last=False)
        token = secrets.token_urlsafe(24)
        self._waiting[token] = (self._clock() + LIFETIME_SECONDS, request)
        return token

    def get(self, token: str) -> SignInRequest | None:
        """The request, or None when the token is unknown, used or too old."""
        ends_at, request = self._waiting.get(token, (0.0, None))
        return request if self._clock() < ends_at else None

    def remove(self, token: str) -> None:
        """Forget the request: it was answered."""
        self._waiting.pop(token, None)
