"""Serves an ASGI app on a real socket of the loopback interface, from a thread of its own."""

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serve(make_app: Callable[[str], Any]) -> Generator[str]:
    """The base URL of the app `make_app(base_url)`, on a free port, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        make_app(base_url), log_level="warning", ws="none", proxy_headers=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name=f"serve {base_url}")
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError(f"The server on {base_url} ended before it was ready; its log says why.")
            time.sleep(0.01)
        yield base_url
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
