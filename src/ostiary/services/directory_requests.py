"""The log of what identity providers sent and were answered: written beside their requests, read by administrators."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime

import structlog

from ostiary.domain import ids
from ostiary.domain.directory_request import DirectoryRequest
from ostiary.domain.operation import Operation
from ostiary.services.context import Caller, Kit, admit
from ostiary.services.metrics import REQUEST_LOG_DROPPED
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.directory_requests import RequestFilter
from ostiary.services.sent_request import SentRequest

# How long reads wait to be written together, and how many wait at most: of one directory, and of all.
FLUSH_SECONDS = 2.0
FLUSH_AT = 200
MAX_WAITING_OF_ONE = 500
MAX_WAITING = 5_000
_log = structlog.get_logger(__name__)


class RequestLog:
    """Writes the log. A write that succeeded is in it by its own transaction (see `provision`).

    A refused write is written at once by `note`; reads wait in a bounded buffer and are written together, so a crash
    can lose those of two seconds. A request is never answered otherwise because the log could not be written.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._waiting: list[DirectoryRequest] = []
        self._waiting_of: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._full = asyncio.Event()

    def now(self) -> datetime:
        """The time that entries carry."""
        return self._kit.clock.now()

    async def note(
        self,
        sent: SentRequest,
        status: int,
        *,
        is_read: bool,
        scim_type: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Log what was answered, unless nobody knows whose it was."""
        if sent.organization_id is None:
            return
        entry_id = self._kit.ids.new(ids.DIRECTORY_REQUEST)
        entry = sent.answered(entry_id, sent.organization_id, status, scim_type=scim_type, detail=detail)
        if is_read:
            self._keep_for_later(entry)
        else:
            await self._write([entry])

    async def flush(self) -> None:
        """Write the reads that wait."""
        waiting, self._waiting = self._waiting, []
        self._waiting_of.clear()
        self._full.clear()
        if waiting:
            await self._write([self._with_missed(entry) for entry in waiting])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Write what waits every two seconds, sooner when it is much, and at the end of the block."""
        task = asyncio.create_task(self._flush_for_ever())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.flush()

    async def _flush_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._full.wait()
            # To its end, also when the process is told to stop meanwhile.
            await asyncio.shield(self.flush())

    def _keep_for_later(self, entry: DirectoryRequest) -> None:
        whose = entry.organization_id
        if len(self._waiting) >= MAX_WAITING or self._waiting_of[whose] >= MAX_WAITING_OF_ONE:
            self._missed[whose] += 1
            REQUEST_LOG_DROPPED.inc()
            return
        self._waiting.append(entry)
        self._waiting_of[whose] += 1
        if len(self._waiting) >= FLUSH_AT:
            self._full.set()

    def _with_missed(self, entry: DirectoryRequest) -> DirectoryRequest:
        missed = self._missed.pop(entry.organization_id, 0)
        return replace(entry, missed_before=missed) if missed else entry

    async def _write(self, entries: list[DirectoryRequest]) -> None:
        try:
            async with self._kit.uow() as uow:
                await uow.directory_requests.add_all(entries)
                await uow.commit()
        except Exception as error:  # noqa: BLE001 -- whatever kept the log from being written, the requests were answered
            for entry in entries:
                self._missed[entry.organization_id] += 1 + entry.missed_before
            REQUEST_LOG_DROPPED.inc(len(entries))
            _log.warning("directory_requests_not_logged", count=len(entries), reason=type(error).__name__)


class DirectoryRequestService:
    """The request log of an organization's directory."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def list(
        self, caller: Caller, reference: str, wanted: RequestFilter, page: PageRequest
    ) -> Page[DirectoryRequest]:
        """What the identity provider sent lately, newest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DIRECTORY_REQUESTS)
            return await uow.directory_requests.list(admitted.organization.id, wanted, page)
