"""The service as operators run it: processes started by its command line."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.support.house import OPERATOR_TOKEN, House


@contextmanager
def running(house: House, command: str, *options: str, port: str = "--port", **environment: str) -> Generator[str]:
    """A process of the service over the house's database, and what variables it has besides; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    settings = house.settings
    given = {
        "OSTIARY_DATABASE_URL": settings.database_url,
        "OSTIARY_SECRET_KEY": settings.secret_key.get_secret_value(),
        "OSTIARY_BASE_URL": "https://ostiary.test",
        "OSTIARY_OPERATOR_TOKEN": OPERATOR_TOKEN,
        "OSTIARY_HOST": "127.0.0.1",
        "OSTIARY_SMTP_URL": "smtp://127.0.0.1:1",
    }
    ostiary = str(Path(sys.executable).with_name("ostiary"))
    process = subprocess.Popen(
        [ostiary, command, port, str(number), *options],
        env={**os.environ, **given, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{number}"
        _await(url)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _await(url: str) -> None:
    for _ in range(300):
        try:
            httpx2.get(f"{url}/healthz", trust_env=False)
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("The process did not start.")
