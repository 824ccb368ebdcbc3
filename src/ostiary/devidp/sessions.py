"""Who is signed in where through this identity provider, so that they can be logged out again."""

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class IdpSession:
    """One sign-in that was answered, as the service provider knows it."""

    sp_entity_id: str
    name_id: str
    name_id_format: str
    session_index: str
    email: str


class IdpSessions:
    """Sessions by a random token; nothing ends them but a logout, a restart, or a thousand newer ones."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, IdpSession] = OrderedDict()

    def __iter__(self) -> Iterator[tuple[str, IdpSession]]:
        """Token and session, oldest first."""
        return iter(list(self._sessions.items()))

    def add(self, session: IdpSession) -> None:
        """Somebody signed in."""
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.popitem(last=False)
        self._sessions[secrets.token_urlsafe(12)] = session

    def take(self, token: str) -> IdpSession | None:
        """End the session; None when there is none."""
        return self._sessions.pop(token, None)

    def end(self, sp_entity_id: str, name_id: str, session_indexes: list[str]) -> int:
        """End a person's sessions at a service provider, all where no index is named; answers how many there were."""
        ended = [
            token
            for token, session in self._sessions.items()
            if (session.sp_entity_id, session.name_id) == (sp_entity_id, name_id)
            and (not session_indexes or session.session_index in session_indexes)
        ]
        for token in ended:
            del self._sessions[token]
        return len(ended)
