"""The ASGI application for uvicorn: `uvicorn --factory ostiary.main:app`."""

from fastapi import FastAPI

from ostiary.adapters.logging import configure_logging
from ostiary.adapters.tracing import start_tracing
from ostiary.bootstrap import make_app
from ostiary.settings import Settings


def app() -> FastAPI:
    """The application, from the environment's settings."""
    settings = Settings()  # pyright: ignore[reportCallIssue] -- the environment fills the fields
    configure_logging(level=settings.log_level, readable=settings.is_development)
    start_tracing()
    return make_app(settings)
