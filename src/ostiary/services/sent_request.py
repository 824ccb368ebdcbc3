"""A SCIM request on its way through the service, filled with what is found out about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory_request import MAX_ENTRIES, DirectoryRequest, text_excerpt
from ostiary.domain.scim_quirks import Quirk
from ostiary.services.turns import Turn

_RESOURCE_TYPES = {"Users": "User", "Groups": "Group"}
_COLLECTIONS = frozenset(f"/{collection}" for collection in _RESOURCE_TYPES)


@dataclass(slots=True)
class SentRequest:
    """What came, for the directory's request log. `path` begins after the base URL; `elapsed_ms` reads a stopwatch.

    `is_logged` says that it stands in the log already, because the change it asked for was committed with it.
    `turn` is held until the answer begins.
    """

    at: datetime
    method: str
    path: str
    query: str | None
    user_agent: str | None
    request_id: str | None
    elapsed_ms: Callable[[], int]
    organization_id: str | None = None
    body: JsonValue = None
    found: int | None = None
    quirks: set[Quirk] = field(default_factory=set[Quirk])
    unknown_attributes: tuple[str, ...] = ()
    is_logged: bool = False
    turn: Turn | None = None

    def end_turn(self) -> None:
        """Let the directory's next request in; a second time it does nothing."""
        if self.turn is not None:
            self.turn.end()

    def committed(self, request_id: str, organization_id: str, resource_id: str | None) -> DirectoryRequest:
        """The entry of a write that is about to be committed, with the status it is then answered with."""
        is_creation = self.method == "POST" and self.path in _COLLECTIONS
        status = 201 if is_creation else 204 if self.method == "DELETE" else 200
        if (
            self.method == "PATCH"
            and self.path.startswith("/Groups")
            and "attributes=" not in (self.query or "").lower()
        ):
            status = 204
        return self._entry(request_id, organization_id, status, resource_id=resource_id)

    def answered(
        self,
        request_id: str,
        organization_id: str,
        status: int,
        *,
        scim_type: str | None = None,
        detail: str | None = None,
    ) -> DirectoryRequest:
        """The entry of what has been answered."""
        return self._entry(request_id, organization_id, status, scim_type=scim_type, detail=detail)

    def _entry(
        self,
        request_id: str,
        organization_id: str,
        status: int,
        *,
        resource_id: str | None = None,
        scim_type: str | None = None,
        detail: str | None = None,
    ) -> DirectoryRequest:
        _, collection, *rest = [*self.path.split("/"), ""]
        resource_type = _RESOURCE_TYPES.get(collection)
        named = rest[0] if resource_type and rest and not rest[0].startswith(".") else None
        return DirectoryRequest(
            id=request_id,
            organization_id=organization_id,
            at=self.at,
            method=self.method,
            path=self.path,
            query=self.query,
            status=status,
            duration_ms=self.elapsed_ms(),
            request_id=self.request_id,
            user_agent=self.user_agent,
            scim_type=scim_type,
            detail=detail,
            resource_type=resource_type,
            resource_id=resource_id or named or None,
            found=self.found,
            body=self.body,
            unknown_attributes=tuple(map(text_excerpt, self.unknown_attributes[:MAX_ENTRIES])),
            quirks=tuple(sorted(self.quirks)),
        )
