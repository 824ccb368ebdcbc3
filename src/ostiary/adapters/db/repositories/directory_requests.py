"""The request log of directories."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, all_given, page_of
from ostiary.adapters.db.tables import directory_requests, organizations
from ostiary.domain.directory_request import DirectoryRequest
from ostiary.domain.scim_quirks import Quirk
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.directory_requests import RequestFilter

_FIRST_ERROR = 400
_ADD = Prepared(insert(directory_requests).values(all_given(directory_requests.c)))


def _values(request: DirectoryRequest) -> dict[str, Any]:
    return {
        "organization_id": request.organization_id,
        "id": request.id,
        "at": request.at,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "status": request.status,
        "duration_ms": request.duration_ms,
        "request_id": request.request_id,
        "user_agent": request.user_agent,
        "scim_type": request.scim_type,
        "detail": request.detail,
        "resource_type": request.resource_type,
        "resource_id": request.resource_id,
        "found": request.found,
        "body": request.body,
        "quirks": list(request.quirks),
        "unknown_attributes": list(request.unknown_attributes),
        "missed_before": request.missed_before,
    }


def _request(row: Row[Any]) -> DirectoryRequest:
    return DirectoryRequest(
        id=row.id,
        organization_id=row.organization_id,
        at=row.at,
        method=row.method,
        path=row.path,
        query=row.query,
        status=row.status,
        duration_ms=row.duration_ms,
        request_id=row.request_id,
        user_agent=row.user_agent,
        scim_type=row.scim_type,
        detail=row.detail,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        found=row.found,
        body=row.body,
        quirks=tuple(Quirk(name) for name in row.quirks),
        unknown_attributes=tuple(row.unknown_attributes),
        missed_before=row.missed_before,
    )


class DirectoryRequests(Repository):
    """Requests by the time they came, which their ids say."""

    async def add(self, request: DirectoryRequest) -> None:
        """Keep one request, in the transaction of what it did."""
        await self._defer(_ADD, _values(request))

    async def add_each(self, requests: Sequence[DirectoryRequest]) -> None:
        """Keep many of one organization, in the transaction of what they did."""
        await self._execute_many(_ADD, [_values(request) for request in requests])

    async def add_all(self, requests: Sequence[DirectoryRequest]) -> None:
        """Keep many, of any organizations; those of organizations that are gone are left out."""
        rows = await self._execute(
            select(organizations.c.id)
            .where(organizations.c.id.in_({request.organization_id for request in requests}))
            .with_for_update(read=True, key_share=True)
        )
        there = {row.id for row in rows}
        values = [_values(request) for request in requests if request.organization_id in there]
        if values:
            await self._execute(insert(directory_requests), values)

    async def list(self, organization_id: str, wanted: RequestFilter, page: PageRequest) -> Page[DirectoryRequest]:
        """Requests, newest first."""
        table = directory_requests.c
        statement = select(directory_requests).where(table.organization_id == organization_id)
        if wanted.resource_type is not None:
            statement = statement.where(table.resource_type == wanted.resource_type)
        if wanted.resource_id is not None:
            statement = statement.where(table.resource_id == wanted.resource_id)
        if wanted.refused is not None:
            is_refused = table.status >= _FIRST_ERROR
            statement = statement.where(is_refused if wanted.refused else ~is_refused)
        if page.after is not None:
            statement = statement.where(table.id < page.after)
        rows = (await self._execute(statement.order_by(table.id.desc()).limit(page.limit + 1))).all()
        return page_of(rows, page, _request, lambda row: row.id)
