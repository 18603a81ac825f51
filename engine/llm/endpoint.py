"""An OpenAI-compatible endpoint: one call out, its answer bounded, its failures named. All that knows the library."""

import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from engine.executor.parse import LONGEST_REPLY
from engine.llm.client import LOOPBACK, SHORTEST_SECRET
from engine.llm.completion import complaint_in
from engine.llm.retry import CallFailed, asked_pause_ms, refused

LONGEST_BODY = 4 * LONGEST_REPLY  # bytes: a reply with its letters escaped, and what is said beside it
CONNECT_S = 10.0
KEPT_CONNECTIONS = 64


class Endpoint:
    """A place where models are asked, with the connections that are open to it."""

    def __init__(self, base_url: str, reveal_key: Callable[[], str]) -> None:
        self._reveal_key = reveal_key
        timeout = httpx2.Timeout(None, connect=CONNECT_S)  # who asks has a deadline for the whole call
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=reveal_key() or "none",  # the library insists on one; what is none does not leave
            http_client=httpx2.AsyncClient(
                timeout=timeout,
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS),
                follow_redirects=False,
                trust_env=urlsplit(base_url).hostname not in LOOPBACK,
                headers={"Accept-Encoding": "identity"},
                event_hooks={"request": [] if reveal_key() else [_without_key], "response": [_bound]},
            ),
            max_retries=0,
            timeout=timeout,
        )
        self._client.organization = self._client.project = None  # what the environment says is another program's

    async def post(self, body: Mapping[str, Any]) -> bytes:
        """The body of the answer to a chat completion's request, cut off where it gets too long.

        Raises ``CallFailed``. Cancelling it closes the connection.
        """
        try:
            response = await self._client.post("/chat/completions", cast_to=httpx2.Response, body=dict(body))
        except openai.APIStatusError as error:
            raise self._status(error) from error
        except openai.APIConnectionError as error:
            raise self._connection(error) from error
        except (openai.OpenAIError, TypeError, ValueError) as error:  # nothing left: what is no JSON, or no header
            raise CallFailed(self._clean(f"the request could not be made: {error}"), status=400) from error
        return self._without_key(response.content)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _status(self, error: Any) -> CallFailed:
        retry_after = asked_pause_ms(error.response.headers.get("retry-after", ""), time.time_ns() // 1_000_000)
        return refused(error.status_code, complaint_in(self._without_key(error.response.content)), retry_after)

    def _connection(self, error: Any) -> CallFailed:
        """A connection that was never there cost nothing; what one that broke has cost, nobody knows."""
        cause = error.__cause__
        if isinstance(cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):  # its text may show the key
            return CallFailed(f"the request could not be made ({type(cause).__name__})", status=400)
        unconnected = isinstance(
            cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError
        )
        what = "no connection" if unconnected else "the answer did not arrive whole"
        why = self._clean(f"{type(cause).__name__}: {cause}" if cause is not None else str(error))
        return CallFailed(f"{what} ({why})", again=unconnected)

    def _without_key(self, content: bytes) -> bytes:
        """What came, without the key: some endpoints repeat it when they refuse it, and some proxies all they got."""
        key = self._reveal_key().encode()
        return content.replace(key, b"***") if len(key) >= SHORTEST_SECRET else content

    def _clean(self, text: str) -> str:
        key = self._reveal_key()
        return text.replace(key, "***") if key else text


class BoundedBody(httpx2.AsyncByteStream):
    """A response's body up to ``LONGEST_BODY`` and a byte, unpacked where it is packed; the rest is not even read."""

    def __init__(self, stream: httpx2.AsyncByteStream, packed: bool) -> None:
        self._stream = stream
        self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if packed else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LONGEST_BODY + 1
        async for chunk in self._stream:
            try:
                piece = chunk[:left] if self._unpacker is None else self._unpacker.decompress(chunk, left)
            except zlib.error as error:
                raise httpx2.DecodingError(f"the body is not packed as it says: {error}") from error
            yield piece
            left -= len(piece)
            if left <= 0:
                return

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end."""
        await self._stream.aclose()


_GZIP_OR_ZLIB = 47  # the window size by which zlib tells them apart itself


async def _without_key(request: httpx2.Request) -> None:
    """Send no key where there is none: an endpoint on this machine asks for nothing."""
    request.headers.pop("authorization", None)


async def _bound(response: httpx2.Response) -> None:
    """Let no body grow beyond bounds. Nobody was asked to pack it; what comes packed all the same unpacks here.

    What a body says of its letters is not believed: JSON is UTF-8, and the library breaks on names of other codecs.
    """
    packed = response.headers.pop("content-encoding", "").lower() in ("gzip", "deflate")
    response.headers.pop("content-type", None)
    assert isinstance(response.stream, httpx2.AsyncByteStream), "the client is an asynchronous one"
    response.stream = BoundedBody(response.stream, packed)
