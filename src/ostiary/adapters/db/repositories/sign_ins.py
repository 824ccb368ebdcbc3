"""The records of signing in: flows, replay keys, one-time codes, traces."""

from datetime import datetime
from typing import Any

from sqlalchemy import Insert, Row, exists, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, all_given, given, page_of, prefixed
from ostiary.adapters.db.repositories.subject_rows import read_subject, subject_values
from ostiary.adapters.db.tables import one_time_codes, replayed_assertions, sign_in_flows, sign_in_traces
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.sign_in import Flow, OneTimeCode, Outcome, Purpose, Spent, Step, Trace

_ONE_FLOW = (
    sign_in_flows.c.organization_id == given(sign_in_flows.c.organization_id),
    sign_in_flows.c.relay_state_hash == given(sign_in_flows.c.relay_state_hash),
)
_FLOW = Prepared(select(sign_in_flows).where(*_ONE_FLOW))
_ADD_FLOW = Prepared(insert(sign_in_flows).values(all_given(c for c in sign_in_flows.c if c.key != "consumed_at")))


def _remembered() -> Insert:
    return pg_insert(replayed_assertions).values(all_given(replayed_assertions.c)).on_conflict_do_nothing()


def _spend() -> Prepared:
    now = given(sign_in_flows.c.consumed_at, "now")
    remembered = _remembered().returning(replayed_assertions.c.assertion_hash).cte("remembered")
    consumed = (
        update(sign_in_flows)
        .where(*_ONE_FLOW, sign_in_flows.c.consumed_at.is_(None), sign_in_flows.c.expires_at > now)
        .values(consumed_at=now)
        .returning(sign_in_flows.c.relay_state_hash)
        .cte("consumed")
    )
    return Prepared(
        select(
            exists(select(remembered.c.assertion_hash)).label("assertion"),
            exists(select(consumed.c.relay_state_hash)).label("flow"),
        )
    )


_REMEMBER, _SPEND = Prepared(_remembered()), _spend()
_CODE = select(one_time_codes).where(one_time_codes.c.secret_hash == given(one_time_codes.c.secret_hash))
_READ_CODE, _LOCK_CODE = Prepared(_CODE), Prepared(_CODE.with_for_update())
_ADD_CODE = Prepared(insert(one_time_codes).values(all_given(c for c in one_time_codes.c if c.key != "session_id")))
_USE_CODE = Prepared(
    update(one_time_codes)
    .where(
        one_time_codes.c.organization_id == given(one_time_codes.c.organization_id),
        one_time_codes.c.secret_hash == given(one_time_codes.c.secret_hash),
    )
    .values(session_id=given(one_time_codes.c.session_id, "its_session_id"))
)
_ONE_TRACE = (
    sign_in_traces.c.organization_id == given(sign_in_traces.c.organization_id),
    sign_in_traces.c.id == given(sign_in_traces.c.id),
)
_TRACE = Prepared(select(sign_in_traces).where(*_ONE_TRACE))
_ADD_TRACE = Prepared(insert(sign_in_traces).values(all_given(sign_in_traces.c)))
_CONCLUDED = ("outcome", "code", "hint", "email", "account_id", "finished_at")
_FINISH_TRACE = Prepared(
    update(sign_in_traces)
    # What was concluded stays: a replay gets a trace of its own.
    .where(*_ONE_TRACE, sign_in_traces.c.outcome == Outcome.PENDING)
    .values(
        **{name: given(sign_in_traces.c[name], f"its_{name}") for name in _CONCLUDED},
        steps=sign_in_traces.c.steps.op("||", return_type=JSONB)(given(sign_in_traces.c.steps)),
    )
)


def read_flow(row: Row[Any], prefix: str = "") -> Flow:
    """The flow in a row."""
    of = prefixed(row, prefix)
    return Flow(
        organization_id=of("organization_id"),
        connection_id=of("connection_id"),
        request_id=of("request_id"),
        purpose=Purpose(of("purpose")),
        trace_id=of("trace_id"),
        created_at=of("created_at"),
        expires_at=of("expires_at"),
        redirect_uri=of("redirect_uri"),
        state=of("state"),
        code_challenge=of("code_challenge"),
        browser_hash=of("browser_hash"),
    )


class Flows(Repository):
    """Flows by the hash of their relay state, and replay keys."""

    async def add(self, flow: Flow, relay_state_hash: bytes) -> None:
        """Store a new flow."""
        values = {
            "organization_id": flow.organization_id,
            "relay_state_hash": relay_state_hash,
            "connection_id": flow.connection_id,
            "request_id": flow.request_id,
            "purpose": flow.purpose,
            "trace_id": flow.trace_id,
            "redirect_uri": flow.redirect_uri,
            "state": flow.state,
            "code_challenge": flow.code_challenge,
            "browser_hash": flow.browser_hash,
            "created_at": flow.created_at,
            "expires_at": flow.expires_at,
        }
        await self._execute(_ADD_FLOW, values)

    async def get(self, organization_id: str, relay_state_hash: bytes) -> Flow | None:
        """The flow, used or not, living or not: the trace wants to know which."""
        row = await self._first(_FLOW, {"organization_id": organization_id, "relay_state_hash": relay_state_hash})
        return None if row is None else read_flow(row)

    async def spend(
        self,
        organization_id: str,
        connection_id: str,
        assertion_hash: bytes,
        keep_until: datetime,
        relay_state_hash: bytes | None,
        now: datetime,
    ) -> Spent:
        """Use an assertion up, as `remember_assertion` does, and with it the living flow that asked for it."""
        values = {
            "organization_id": organization_id,
            "connection_id": connection_id,
            "assertion_hash": assertion_hash,
            "keep_until": keep_until,
            "relay_state_hash": relay_state_hash,
            "now": now,
        }
        row = await self._first(_SPEND, values)
        assert row is not None
        return Spent(row.assertion, row.flow)

    async def remember_assertion(
        self, organization_id: str, connection_id: str, assertion_hash: bytes, keep_until: datetime
    ) -> bool:
        """Store the replay key; False when this assertion was used before, also a moment ago (R63)."""
        values = {
            "organization_id": organization_id,
            "connection_id": connection_id,
            "assertion_hash": assertion_hash,
            "keep_until": keep_until,
        }
        result = await self._execute(_REMEMBER, values)
        return result.rowcount > 0


class Codes(Repository):
    """One-time codes by the hash of their secret."""

    async def add(self, code: OneTimeCode, secret_hash: bytes) -> None:
        """Store a new code."""
        values = {
            "organization_id": code.organization_id,
            "secret_hash": secret_hash,
            "account_id": code.account_id,
            "connection_id": code.connection_id,
            "code_challenge": code.code_challenge,
            "browser_hash": code.browser_hash,
            "session_index": code.session_index,
            "subject": subject_values(code.subject),
            "session_expires_at": code.session_expires_at,
            "expires_at": code.expires_at,
        }
        await self._defer(_ADD_CODE, values)

    async def get(self, secret_hash: bytes, *, lock: bool = False) -> OneTimeCode | None:
        """The code; global, because the secret says whose it is."""
        row = await self._first(_LOCK_CODE if lock else _READ_CODE, {"secret_hash": secret_hash})
        if row is None:
            return None
        return OneTimeCode(
            organization_id=row.organization_id,
            account_id=row.account_id,
            connection_id=row.connection_id,
            code_challenge=row.code_challenge,
            browser_hash=row.browser_hash,
            session_index=row.session_index,
            subject=read_subject(row.subject),
            session_expires_at=row.session_expires_at,
            expires_at=row.expires_at,
            session_id=row.session_id,
        )

    async def mark_used(self, organization_id: str, secret_hash: bytes, session_id: str) -> None:
        """Remember which session the code became."""
        named = {"organization_id": organization_id, "secret_hash": secret_hash, "its_session_id": session_id}
        await self._execute(_USE_CODE, named)


def read_trace(row: Row[Any], prefix: str = "") -> Trace:
    """The trace in a row."""
    of = prefixed(row, prefix)
    return Trace(
        id=of("id"),
        organization_id=of("organization_id"),
        connection_id=of("connection_id"),
        purpose=Purpose(of("purpose")),
        outcome=Outcome(of("outcome")),
        started_at=of("started_at"),
        finished_at=of("finished_at"),
        code=of("code"),
        hint=of("hint"),
        email=of("email"),
        account_id=of("account_id"),
        steps=tuple(
            Step(step["name"], step["passed"], step["detail"], datetime.fromisoformat(step["at"]))
            for step in of("steps")
        ),
    )


def _step_values(trace: Trace) -> list[dict[str, Any]]:
    return [
        {"name": step.name, "passed": step.passed, "detail": step.detail, "at": step.at.isoformat()}
        for step in trace.steps
    ]


class Traces(Repository):
    """Traces of one organization's sign-in attempts."""

    async def add(self, trace: Trace) -> None:
        """Store a new trace."""
        values = {
            "organization_id": trace.organization_id,
            "id": trace.id,
            "connection_id": trace.connection_id,
            "purpose": trace.purpose,
            "outcome": trace.outcome,
            "code": trace.code,
            "hint": trace.hint,
            "email": trace.email,
            "account_id": trace.account_id,
            "steps": _step_values(trace),
            "started_at": trace.started_at,
            "finished_at": trace.finished_at,
        }
        await self._defer(_ADD_TRACE, values)

    async def finish(self, trace: Trace) -> None:
        """Store the outcome and append the steps of a trace begun before."""
        named = {"organization_id": trace.organization_id, "id": trace.id, "steps": _step_values(trace)}
        await self._defer(_FINISH_TRACE, {**named, **{f"its_{name}": getattr(trace, name) for name in _CONCLUDED}})

    async def get(self, organization_id: str, trace_id: str) -> Trace | None:
        """The trace."""
        row = await self._first(_TRACE, {"organization_id": organization_id, "id": trace_id})
        return None if row is None else read_trace(row)

    async def list(self, organization_id: str, page: PageRequest) -> Page[Trace]:
        """Traces, newest first."""
        statement = select(sign_in_traces).where(sign_in_traces.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(sign_in_traces.c.id < page.after)
        rows = (await self._execute(statement.order_by(sign_in_traces.c.id.desc()).limit(page.limit + 1))).all()
        return page_of(rows, page, read_trace, lambda row: row.id)
