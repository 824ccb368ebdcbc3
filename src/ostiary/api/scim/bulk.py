"""`/scim/v2/Bulk` (RFC 7644 §3.7): many operations in one request, each as if it were sent alone.

Each goes through the same services and stands in the request log by itself. Each has a transaction of its own, but
for users created in a row: they share one as long as all of them are new here and nothing is refused. Where that fails,
they are created one by one as if nothing had been tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import takewhile
from typing import Protocol

import structlog
from fastapi import Response

from ostiary.api.deps import Services
from ostiary.api.errors import scim_error, scim_refusal
from ostiary.api.scim import groups, rendering, users
from ostiary.api.scim.asked import Asked, ScimRoutes
from ostiary.api.scim.bulk_job import BulkJob, BulkOperation, Step, read_job, references, resolved, steps, without
from ostiary.api.scim.quirks import Payload
from ostiary.api.scim.rendering import Rendered
from ostiary.api.scim.requests import versions
from ostiary.api.scim.sent import part_of
from ostiary.domain.errors import DomainError, conflict, invalid
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import StoredGroup, StoredUser
from ostiary.services.provisioning_users import Creation

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

router = ScimRoutes()
_log = structlog.get_logger(__name__)


class _Writes(Protocol):
    """What both kinds of resources know to do with a body."""

    async def create(self, caller: Caller, services: Services, body: Payload, /) -> StoredUser | StoredGroup: ...
    async def put(
        self, caller: Caller, services: Services, one: str, body: Payload, expected: frozenset[int] | None, /
    ) -> StoredUser | StoredGroup: ...
    async def patch(
        self, caller: Caller, services: Services, one: str, body: Payload, expected: frozenset[int] | None, /
    ) -> StoredUser | StoredGroup: ...
    async def remove(
        self, caller: Caller, services: Services, one: str, expected: frozenset[int] | None, /
    ) -> None: ...


_WRITES: Mapping[str, _Writes] = {"Users": users, "Groups": groups}
# What the same request sent alone is answered with; a group's PATCH has no body, so that its size does not matter.
# How many users are created together: others wait so long for the organization, and fewer are not worth a try.
_LONGEST = 100
_WORTH_IT = 4
_STATUS = {"POST": 201, "PUT": 200, "PATCH": 200, "DELETE": 204}


@router.on("POST", "/Bulk")
async def bulk(asked: Asked) -> Response:
    """Carry out many operations."""
    job = read_job(await asked.body())
    results = await _Run(job, asked.caller, asked.services).results()
    return rendering.answer({"schemas": [BULK_RESPONSE], "Operations": results})


@dataclass(slots=True)
class _Run:
    """A job on its way: what has been made and answered so far."""

    job: BulkJob
    caller: Caller
    services: Services
    made: dict[str, str] = field(default_factory=dict[str, str])
    answers: dict[int, Rendered] = field(default_factory=dict[int, Rendered])
    errors: int = 0
    longest: int = field(default_factory=lambda: _LONGEST)

    async def results(self) -> list[Rendered]:
        """The answers of all operations that were carried out, in the order of the request."""
        incomplete: list[Step] = []
        ordered = steps(self.job.operations)
        tried = 0
        for position, step in enumerate(ordered):
            if self.job.fail_on_errors is not None and self.errors >= self.job.fail_on_errors:
                break
            if step.index in self.answers:
                continue
            if position >= tried and not incomplete:
                run = self._creations(ordered[position : position + self.longest])
                tried = position + len(run)
                if await self._create_each(run):
                    continue
            await self._carry_out(step)
            if step.deferred and str(self.job.operations[step.index].bulk_id) in self.made:
                incomplete.append(step)
            # At once, before an operation on what has been made: completing it says it anew.
            for ready in [one for one in incomplete if one.deferred <= self.made.keys()]:
                incomplete.remove(ready)
                await self._complete(ready)
        for step in incomplete:
            await self._complete(step)
        return [self.answers[index] for index in sorted(self.answers)]

    def _creations(self, following: Sequence[Step]) -> list[int]:
        """The users to create that come next, in a row, and refer to nothing else: their places."""
        places = (step.index for step in following)
        return list(takewhile(lambda index: _is_plain_creation(self.job.operations[index]), places))

    async def _create_each(self, run: Sequence[int]) -> bool:
        """Create all of them at once, or none."""
        if len(run) < _WORTH_IT:
            return False
        try:
            creations = [self._creation(self.job.operations[index]) for index in run]
            made = await self.services.users.create_each(self.caller, creations)
        except Exception as error:  # noqa: BLE001 - whatever it was, each of them meets it by itself, and is answered so
            if not isinstance(error, DomainError):
                _log.warning("bulk_run_failed", count=len(run), reason=type(error).__name__)
            made = None
        # Where some are known already, others are not: less at a time finds them.
        self.longest = max(_WORTH_IT, self.longest // 4) if made is None else min(_LONGEST, self.longest * 2)
        if made is None:
            return False
        for index, user in zip(run, made, strict=True):
            operation = self.job.operations[index]
            self.made[str(operation.bulk_id)] = user.id
            self.answers[index] = {
                **_begun(operation),
                "location": self._location(operation, user.id),
                "version": rendering.etag(user.version),
                "status": str(_STATUS["POST"]),
            }
        return True

    def _creation(self, operation: BulkOperation) -> Creation:
        with part_of(self.caller, operation.method, operation.path, operation.data) as caller:
            return Creation(users.created(operation.data), caller.sent)

    async def _carry_out(self, step: Step) -> None:
        operation = self.job.operations[step.index]
        answer = _begun(operation)
        self.answers[step.index] = answer
        with part_of(self.caller, operation.method, operation.path, operation.data) as caller:
            try:
                await self._write(caller, operation, step.deferred, answer)
            except Exception as error:  # noqa: BLE001 - the operations before are done: what went wrong is told beside them
                await self._refuse(caller, operation, answer, error)

    async def _write(
        self, caller: Caller, operation: BulkOperation, deferred: frozenset[str], answer: Rendered
    ) -> None:
        if operation.refused is not None:
            raise operation.refused
        self._ensure_made(references(operation) - deferred)
        resource_id = resolved(operation.resource_id, self.made)
        if resource_id:
            answer["location"] = self._location(operation, resource_id)
        data = resolved(without(operation.data, deferred) if deferred else operation.data, self.made)
        writes, services, expected = _WRITES[operation.collection], self.services, versions(operation.version)
        stored: StoredUser | StoredGroup | None = None
        match operation.method:
            case "POST":
                stored = await writes.create(caller, services, data)
                self.made[str(operation.bulk_id)] = stored.id
                answer["location"] = self._location(operation, stored.id)
            case "PUT":
                stored = await writes.put(caller, services, resource_id, data, expected)
            case "PATCH":
                stored = await writes.patch(caller, services, resource_id, data, expected)
            case _:
                await writes.remove(caller, services, resource_id, expected)
        answer |= {} if stored is None else {"version": rendering.etag(stored.version)}
        is_silent = operation.method == "PATCH" and operation.collection == "Groups"
        answer["status"] = str(204 if is_silent else _STATUS[operation.method])

    async def _complete(self, step: Step) -> None:
        """Say again what was made, with what it refers to, which is there by now."""
        operation, answer = self.job.operations[step.index], self.answers[step.index]
        own_id = self.made[str(operation.bulk_id)]
        try:
            self._ensure_made(step.deferred)
            data = resolved(operation.data, self.made)
            stored = await _WRITES[operation.collection].put(self.caller, self.services, own_id, data, None)
            answer["version"] = rendering.etag(stored.version)
        except Exception as error:  # noqa: BLE001 - what it made stays, and is told with what went wrong
            await self._refuse(self.caller, operation, answer, error)

    def _ensure_made(self, names: frozenset[str]) -> None:
        makers = {operation.bulk_id for operation in self.job.operations if operation.creates}
        for name in sorted(names):
            if name not in makers:
                raise invalid("invalid_value", f"No POST here has the bulkId {name[:64]!r}.")
            if name not in self.made:
                raise conflict("bulk_reference_failed", f"What bulkId {name[:64]!r} stands for could not be made.")

    def _location(self, operation: BulkOperation, resource_id: str) -> str:
        return f"{self.services.urls.scim()}/{operation.collection}/{resource_id}"

    async def _refuse(self, caller: Caller, operation: BulkOperation, answer: Rendered, error: Exception) -> None:
        self.errors += 1
        said = _said(error, operation.method)
        answer |= {"status": said["status"], "response": said}
        if caller.sent is not None:
            await self.services.request_log.note(
                caller.sent, int(said["status"]), is_read=False, scim_type=said.get("scimType"), detail=said["detail"]
            )


def _begun(operation: BulkOperation) -> Rendered:
    answer: Rendered = {"method": operation.method} if operation.method else {}
    return answer if operation.bulk_id is None else {**answer, "bulkId": operation.bulk_id}


def _is_plain_creation(operation: BulkOperation) -> bool:
    return operation.creates and operation.collection == "Users" and not references(operation)


def _said(error: Exception, method: str) -> Rendered:
    if isinstance(error, DomainError):
        return scim_refusal(error, method)
    _log.error("unexpected_error", path="/scim/v2/Bulk", exc_info=error)
    detail = "Something went wrong here, and this operation changed nothing. Send it again."
    return scim_error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail, method)
