"""Repository of the requests identity providers sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ostiary.domain.directory_request import DirectoryRequest
from ostiary.services.paging import Page, PageRequest


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests; None is any."""

    resource_type: str | None = None
    resource_id: str | None = None
    refused: bool | None = None


class DirectoryRequestRepository(Protocol):
    """The request log of directories."""

    async def add(self, request: DirectoryRequest) -> None:
        """Keep one request, in the transaction of what it did."""
        ...

    async def add_each(self, requests: Sequence[DirectoryRequest]) -> None:
        """Keep many of one organization, in the transaction of what they did."""
        ...

    async def add_all(self, requests: Sequence[DirectoryRequest]) -> None:
        """Keep many, of any organizations; those of organizations that are gone are left out."""
        ...

    async def list(self, organization_id: str, wanted: RequestFilter, page: PageRequest) -> Page[DirectoryRequest]:
        """Requests, newest first."""
        ...
