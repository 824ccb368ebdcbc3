"""The ASGI application for uvicorn: `uvicorn --factory ostiary.main:app`."""

from fastapi import FastAPI

from ostiary.bootstrap import make_app
from ostiary.settings import Settings


def app() -> FastAPI:
    """The application, from the environment's settings."""
    return make_app(Settings())  # pyright: ignore[reportCallIssue] -- the environment fills the fields
