"""The stand-in endpoint in a thread of its own, for engines that run in other processes or in loops of their own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.standin.server import Answer, Choice, StandIn


@contextmanager
def aside(choose: Choice, answer: Answer, *, latency_s: float = 0.0) -> Iterator[StandIn]:
    """A stand-in that serves until the block ends; ``choose`` and ``asked`` may be looked at and changed meanwhile."""
    started = threading.Event()
    standin = StandIn(choose, answer, latency_s=latency_s)
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with standin:
            started.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(10), "the stand-in did not start"
        yield standin
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()
