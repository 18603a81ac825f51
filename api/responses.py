"""How a prepared body becomes an HTTP answer: negotiation, conditional requests, headers."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from litestar.types import Send

from api.body import Body, Encoding
from api.errors import ErrorCode, error_body
from api.handoff.generation import Generation
from api.health import age_ms

Headers = list[tuple[bytes, bytes]]

_JOIN_BYTES: Final = 64 * 1024
_STATUS: Final[dict[ErrorCode, int]] = {
    "INVALID_PARAMETER": 400,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "INTERNAL_ERROR": 500,
}
_SAFETY_HEADERS: Final[Headers] = [
    # Texts in the documents were written by language models: no browser may take them for anything but data.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
]
_DATA_HEADERS: Final[Headers] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"public, max-age=0, must-revalidate"),
    (b"vary", b"Accept-Encoding"),
    *_SAFETY_HEADERS,
]
_PLAIN_HEADERS: Final[Headers] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    *_SAFETY_HEADERS,
]


class Request:
    """What of a request decides how it is answered."""

    __slots__ = ("accept_encoding", "is_head", "none_match")

    def __init__(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.is_head = method == "HEAD"
        self.accept_encoding = b""
        self.none_match = b""
        for name, value in headers:
            if name == b"accept-encoding":
                self.accept_encoding = self.accept_encoding + b"," + value if self.accept_encoding else value
            elif name == b"if-none-match":
                self.none_match = self.none_match + b"," + value if self.none_match else value


async def send_body(request: Request, send: Send, body: Body, generation: Generation, now_ms: int) -> None:
    headers = [
        *_DATA_HEADERS,
        (b"etag", body.etag),
        (b"x-snapshot-generation", b"%d" % generation.number),
        (b"x-snapshot-age-ms", b"%d" % age_ms(generation, now_ms)),
    ]
    if request.none_match and matches(request.none_match, body.etag):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return

    encoding = negotiated(request.accept_encoding)
    prepared, tail = body.parts(encoding, now_ms)
    headers.append((b"content-length", b"%d" % (len(prepared) + len(tail))))
    if encoding != "identity":
        headers.append((b"content-encoding", encoding.encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if request.is_head:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    elif len(prepared) < _JOIN_BYTES:  # one write to the socket
        await send({"type": "http.response.body", "body": prepared + tail, "more_body": False})
    else:  # no copy of a large document
        await send({"type": "http.response.body", "body": prepared, "more_body": True})
        await send({"type": "http.response.body", "body": tail, "more_body": False})


async def send_json(request: Request, send: Send, content: bytes) -> None:
    """An answer that is made for this one request."""
    await _send_plain(send, 200, content, [], is_head=request.is_head)


async def send_error(request: Request, send: Send, code: ErrorCode, message: str) -> None:
    allow = [(b"allow", b"GET, HEAD")] if code == "METHOD_NOT_ALLOWED" else []
    await _send_plain(send, _STATUS[code], error_body(code, message), allow, is_head=request.is_head)


async def _send_plain(send: Send, status: int, content: bytes, extra: Headers, *, is_head: bool) -> None:
    headers = [*_PLAIN_HEADERS, *extra, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else content, "more_body": False})


def matches(none_match: bytes, etag: bytes) -> bool:
    """RFC 9110, 13.1.2: a list of tags or ``*``, compared weakly."""
    opaque = etag.removeprefix(b"W/")
    return any(tag.strip().removeprefix(b"W/") in (opaque, b"*") for tag in none_match.split(b","))


@lru_cache(maxsize=256)
def negotiated(accept_encoding: bytes) -> Encoding:
    """RFC 9110, 12.5.3: the client's preference by weight, zstd before gzip where it has none; plain when in doubt."""
    weights: dict[bytes, float] = {}
    for item in accept_encoding.lower().split(b","):
        name, *parameters = (part.strip() for part in item.split(b";"))
        weights[name] = _weight(parameters)
    others = weights.get(b"*", 0.0)
    zstd, gzip = weights.get(b"zstd", others), weights.get(b"gzip", others)
    identity = weights.get(b"identity", 0.0)
    if zstd and zstd >= gzip and zstd >= identity:
        return "zstd"
    if gzip and gzip >= identity:
        return "gzip"
    return "identity"


def _weight(parameters: list[bytes]) -> float:
    """0..1; a weight that is no number excludes its coding."""
    for parameter in parameters:
        if parameter.startswith(b"q="):
            try:
                weight = float(parameter[2:])
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0
