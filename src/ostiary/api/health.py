"""Liveness and readiness."""

from typing import Protocol

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from ostiary.api.routing import Routes

router = Routes(tags=["health"])


class Readiness(Protocol):
    """Says what is not ready."""

    async def problems(self) -> list[str]:
        """Why this process should get no traffic; empty when it should."""
        ...


@router.get("/healthz", operation_id="healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", operation_id="readyz", include_in_schema=False)
async def readyz(request: Request) -> Response:
    """200 when the database answers and is migrated, else 503 with the reasons."""
    readiness: Readiness = request.app.state.readiness
    problems = await readiness.problems()
    body = {"status": "unready", "problems": problems} if problems else {"status": "ready"}
    return JSONResponse(body, status_code=503 if problems else 200)
