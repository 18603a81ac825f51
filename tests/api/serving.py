"""A real server on loopback, in a thread of the test's own process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api.config import Settings
from api.server import Server, listen, server_config

PATHS = (
    "/api/crypto-prices",
    "/api/account-totals",
    "/api/trades",
    "/api/leaderboard",
    "/api/analytics",
    "/api/analytics/gpt-5",
    "/api/conversations",
    "/api/positions",
    "/api/since-inception-values",
)


@contextmanager
def serving(folder: Path) -> Iterator[httpx.Client]:
    """A client of a server that serves ``folder``; both are gone at the end."""
    settings = Settings(data_path=folder)
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = Server(server_config(settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=10) as client:
            wait_until(lambda: server.started or not thread.is_alive())
            assert server.started
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
