"""A sign-in attempt as it is shown: by the org-management API, and at the end of a test sign-in."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ostiary.services.ports.sign_in import Outcome, Purpose, Trace


class SignInStep(BaseModel):
    """One check and its verdict."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["audience"])
    passed: bool
    detail: str
    at: datetime


class SignInAnswer(BaseModel):
    """One attempt. `code` is why it was refused, `hint` how to mend it."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["trace_01h455vb4pex5vsknk084sn02q"])
    connection_id: str
    purpose: Purpose
    outcome: Outcome
    code: str | None
    hint: str | None
    email: str | None
    started_at: datetime
    finished_at: datetime | None
    steps: list[SignInStep]


def render_trace(trace: Trace) -> SignInAnswer:
    """One attempt."""
    return SignInAnswer(
        id=trace.id,
        connection_id=trace.connection_id,
        purpose=trace.purpose,
        outcome=trace.outcome,
        code=trace.code,
        hint=trace.hint,
        email=trace.email,
        started_at=trace.started_at,
        finished_at=trace.finished_at,
        steps=[SignInStep(name=step.name, passed=step.passed, detail=step.detail, at=step.at) for step in trace.steps],
    )
