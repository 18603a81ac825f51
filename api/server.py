"""One process that serves: uvicorn over uvloop and httptools, and how it stops."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.config import Settings

STOP_SECONDS = 3


class Server(uvicorn.Server):
    """Stops on SIGTERM and SIGINT, at once when asked again, and leaves the exit code to its caller.

    With a ``parent`` (a process id) it also stops when that process is not its parent any more, however that one ended.
    """

    def __init__(self, config: uvicorn.Config, parent: int | None = None) -> None:
        super().__init__(config)
        self._parent = parent

    async def on_tick(self, counter: int) -> bool:
        if self._parent is not None and os.getppid() != self._parent:
            self.should_exit = True
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
            yield
            return
        # Set explicitly: a shell starts background jobs with SIGINT ignored. Uvicorn's own version raises the signal
        # again at the end, so that a stop which was asked for would look like a crash.
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Bound already, so that the address can be told before the first request. Raises ``OSError``."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048)


def server_config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # A client could otherwise claim another address for itself.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def serve(settings: Settings, listener: socket.socket, parent: int | None = None) -> None:
    """Until a signal says stop, or the parent has ended; open connections get ``STOP_SECONDS`` to finish."""
    Server(server_config(settings), parent).run(sockets=[listener])
