"""The nine GETs of the nof1 wire format, /health and /schema.

They are plain ASGI callables inside Litestar's routing: a prepared answer needs no request object, serialiser or
response class, and costs half of what it would with them.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final, cast
from urllib.parse import parse_qsl

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from api.body import Body
from api.errors import ParameterError
from api.health import health_of
from api.latest import Latest
from api.openapi import openapi_document
from api.prepared import DEFAULT_POSITIONS, Answers
from api.responses import Request, send_body, send_error, send_json

Clock = Callable[[], int]
"""The time now in ms, UTC."""
Answer = Callable[[HTTPScope, Request, Send], Awaitable[None]]

_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def routes(latest: Latest, now_ms: Clock, *, stale_after_ms: int) -> list[ASGIRouteHandler]:
    return [
        _get("/api", _documents(latest, now_ms), is_mount=True),
        _get("/health", _health(latest, now_ms, stale_after_ms)),
        _get(["/schema", "/schema/openapi.json"], _schema()),
    ]


async def select(answers: Answers, path: str, scope: HTTPScope) -> Body | None:
    """What is at ``path`` below /api, none when nothing is. Raises ``ParameterError``."""
    match path.split("/"):
        case ["account-totals"]:
            return await answers.account_totals(whole_number(scope, "lastHourlyMarker", default=0))
        case ["positions"]:
            return await answers.positions(whole_number(scope, "limit", default=DEFAULT_POSITIONS))
        case ["analytics", *parts] if parts:
            return await answers.model_analytics("/".join(parts))
        case [name]:
            return answers.bodies.get(name)
        case _:
            return None


def whole_number(scope: HTTPScope, name: str, *, default: int) -> int:
    """A query parameter; all others are ignored, because the frontend's proxy adds some of its own.

    Raises ``ParameterError`` unless it is there once at most and has 1 to 18 digits and nothing else.
    """
    query = scope["query_string"]
    if not query:
        return default
    values = [value for key, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if key == name]
    if not values:
        return default
    if len(values) > 1:
        raise ParameterError(f"{name} was given {len(values)} times; give it once")
    if not _WHOLE_NUMBER.fullmatch(values[0]):
        raise ParameterError(f"{name} must be a whole number from 0 up, written in digits")
    return int(values[0])


def _documents(latest: Latest, now_ms: Clock) -> Answer:
    async def answer(scope: HTTPScope, request: Request, send: Send) -> None:
        answers = latest.answers
        try:
            body = await select(answers, scope["path"].strip("/"), scope)
        except ParameterError as error:
            await send_error(request, send, "INVALID_PARAMETER", str(error))
            return
        if body is None:
            await send_error(request, send, "NOT_FOUND", "there is nothing at this path")
            return
        await send_body(request, send, body, answers.generation, now_ms())

    return answer


def _health(latest: Latest, now_ms: Clock, stale_after_ms: int) -> Answer:
    async def answer(_: HTTPScope, request: Request, send: Send) -> None:
        health = health_of(latest.answers.generation, now_ms(), stale_after_ms)
        await send_json(request, send, msgspec.json.encode(health))

    return answer


def _schema() -> Answer:
    content = msgspec.json.encode(openapi_document())

    async def answer(_: HTTPScope, request: Request, send: Send) -> None:
        await send_json(request, send, content)

    return answer


def _get(path: str | list[str], answer: Answer, *, is_mount: bool = False) -> ASGIRouteHandler:
    @asgi(path, is_mount=is_mount, copy_scope=False)
    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        http = cast(HTTPScope, scope)  # the server is told to open no websockets
        request = Request(http["method"], http["headers"])
        if http["method"] in ("GET", "HEAD"):
            await answer(http, request, send)
        else:
            await send_error(request, send, "METHOD_NOT_ALLOWED", "this path answers GET and HEAD only")

    return handle
