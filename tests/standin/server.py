"""A stand-in for an OpenAI-compatible endpoint: real HTTP on loopback, answers on demand, and every way to fail."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

Body = dict[str, Any]


class Asked(Struct, frozen=True, kw_only=True):
    """One request as it came in: which one it is (from 0), its headers by small letters, and its JSON body.

    ``before`` is the request that came in before it, if any.
    """

    number: int
    before: "Asked | None"
    method: str
    path: str
    headers: dict[str, str]
    body: Body

    @property
    def text(self) -> str:
        """All that was said in it."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])


Answer = Callable[[Asked], str]
Behaviour = Callable[[Asked, asyncio.StreamWriter, Answer], Awaitable[None]]
Choice = Callable[[Asked], Behaviour]


class HangUp(Exception):
    """A behaviour that ends with the connection closed."""


class StandIn:
    """An endpoint that answers what ``answer`` says, in the way that ``choose`` picks for each request.

    ``latency_s`` is how long it thinks. ``asked`` are all requests so far; ``hung_up`` counts those whose asker was
    gone before the answer was out.
    """

    def __init__(self, choose: Choice, answer: Answer, *, latency_s: float = 0.0, port: int = 0) -> None:
        self.asked: list[Asked] = []
        self.hung_up = 0
        self.choose = choose
        self._answer = answer
        self._latency_s = latency_s
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """What a configuration calls ``base_url``."""
        assert self._server is not None, "not started"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while (asked := await self._read(reader)) is not None:
                await self._respond(asked, reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()  # the endpoint goes away; nobody waits for what is under way
        except HangUp:
            pass  # the fault that was asked for
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up += 1
        finally:
            self._open.discard(task)
            writer.close()

    async def _respond(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer, unless the asker hangs up first: then stop, as a server does that notices."""
        answering = asyncio.ensure_future(self._answered(asked, writer))
        gone = asyncio.ensure_future(_gone(reader))
        try:
            await asyncio.wait([answering, gone], return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise ConnectionResetError("the asker hung up")
            await answering
        finally:
            answering.cancel()
            gone.cancel()
            await asyncio.gather(answering, gone, return_exceptions=True)

    async def _answered(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        await self.choose(asked)(asked, writer, self._answer)
        await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        """The next request of a connection; ``None`` when there is none."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise
            return None
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(
            number=len(self.asked),
            before=self.asked[-1] if self.asked else None,
            method=method,
            path=path,
            headers=headers,
            body=json.loads(content or b"{}"),
        )
        self.asked.append(asked)
        return asked


async def _gone(reader: asyncio.StreamReader) -> None:
    """Return once the asker has closed its side; nobody says more before the answer is there."""
    more = await reader.read(1)
    assert not more, "a second request before the answer to the first"


def response(
    status: int, content: bytes, *, kind: str = "application/json", headers: dict[str, str] | None = None
) -> bytes:
    """A whole HTTP response."""
    lines = {"content-type": kind, "content-length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content


def completion(asked: Asked, content: str | None, **changes: Any) -> Body:
    """A chat completion as endpoints send it; ``changes`` replace parts of it, or of its one choice and message."""
    answer: Body = {
        "id": f"chatcmpl-{asked.number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": f"{asked.body.get('model')}-2025-01-01",
        "system_fingerprint": "fp_standin",
        "choices": [
            {
                "index": 0,
                "finish_reason": changes.pop("finish_reason", "stop"),
                "logprobs": None,
                "message": {"role": "assistant", "content": content, "refusal": None, **changes.pop("message", {})},
            }
        ],
        "usage": {
            "prompt_tokens": len(asked.text) // 4,
            "completion_tokens": len(content or "") // 4,
            "total_tokens": len(asked.text) // 4 + len(content or "") // 4,
            "prompt_tokens_details": {"cached_tokens": len(asked.text) // 8},
        },
    }
    return {**answer, **changes}
