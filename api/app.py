"""The application: a data source, the newest answers from it, and the routes that give them out."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from api.config import Settings
from api.errors import ErrorCode, error_body
from api.json_source import JsonSource
from api.latest import Latest
from api.routes import routes
from api.source import DataSource

log = logging.getLogger("api.app")


def create_app(settings: Settings, source: DataSource | None = None) -> Litestar:
    """Serves ``source``, or the one that the settings name."""
    latest = Latest(JsonSource(settings.data_path) if source is None else source)

    @asynccontextmanager
    async def following(_: Litestar) -> AsyncGenerator[None, None]:
        await latest.refresh()
        async with asyncio.TaskGroup() as tasks:
            follower = tasks.create_task(latest.follow())
            follower.add_done_callback(tell_why_it_ended)
            yield
            follower.cancel()

    return Litestar(
        route_handlers=list(routes(latest, now_ms, stale_after_ms=settings.stale_after_s * 1000)),
        lifespan=[following],
        exception_handlers={Exception: as_json},
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def tell_why_it_ended(follower: asyncio.Task[None]) -> None:
    """What is served goes on being served, older and older, so somebody should know."""
    if not follower.cancelled() and (error := follower.exception()) is not None:
        log.critical("published sets are no longer followed; restart the API", exc_info=error)


def as_json(_: Request[object, object, State], error: Exception) -> Response[bytes]:
    """Says what kind of mistake it was and nothing about the inside of the process."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code: ErrorCode = "INTERNAL_ERROR"
    message = "the answer could not be made"
    if status >= 500:
        log.error("a request failed", exc_info=error)
    if status == 404:
        code, message = "NOT_FOUND", "there is nothing at this path"
    elif status == 405:
        code, message = "METHOD_NOT_ALLOWED", "this path answers GET and HEAD only"
    elif 400 <= status < 500:
        code, message = "INVALID_PARAMETER", "the request could not be understood"
    return Response(
        content=error_body(code, message),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store", "x-content-type-options": "nosniff"},
    )
