"""What the stand-in endpoint can do to whoever asks it: one behaviour each, by name, and a seeded choice of them."""

import asyncio
import gzip
import json
from random import Random
from typing import Any

from tests.standin.server import Answer, Asked, Behaviour, Choice, HangUp, completion, response

FLOOD_BYTES = 200 * 1024 * 1024
CHUNK = b" " * 65_536


async def good(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """A completion, as asked for."""
    _send(writer, completion(asked, answer(asked)))


async def no_schema(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Refuses a request with a response format; answers one without."""
    if "response_format" in asked.body:
        await status(400, "response_format json_schema is not supported")(asked, writer, answer)
    else:
        await good(asked, writer, answer)


def saying(content: str | None, **changes: Any) -> Behaviour:
    """A completion that says just this."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
        _send(writer, completion(asked, content, **changes))

    return behave


def changed(**changes: Any) -> Behaviour:
    """A completion with a good answer and parts of the envelope replaced."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
        _send(writer, completion(asked, answer(asked), **changes))

    return behave


def body(content: bytes, *, kind: str = "application/json", **headers: str) -> Behaviour:
    """These bytes as the body of a successful response."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        writer.write(response(200, content, kind=kind, headers=names))

    return behave


def status(code: int, message: str = "no", *, reason: str = "", **headers: str) -> Behaviour:
    """An error with this status, as OpenAI words it."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
        content = json.dumps({"error": {"message": message, "type": reason or "error", "param": None, "code": reason}})
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        writer.write(response(code, content.encode(), headers=names))

    return behave


async def packed(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """A good completion, packed although nobody asked for it."""
    content = gzip.compress(json.dumps(completion(asked, answer(asked))).encode())
    writer.write(response(200, content, headers={"content-encoding": "gzip"}))


async def slow_first_byte(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Nothing at all, for an hour."""
    await asyncio.sleep(3600)


async def drip(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """A good completion, of which a byte comes every second."""
    whole = response(200, json.dumps(completion(asked, answer(asked))).encode())
    for place in range(len(whole)):
        writer.write(whole[place : place + 1])
        await writer.drain()
        await asyncio.sleep(1)


async def flood(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """200 MB of spaces."""
    writer.write(_head(f"content-length: {FLOOD_BYTES}"))
    for _ in range(FLOOD_BYTES // len(CHUNK)):
        writer.write(CHUNK)
        await writer.drain()


async def endless(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """A response in chunks that never ends."""
    writer.write(_head("transfer-encoding: chunked"))
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def hang_up(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Closes the connection without a word."""
    raise HangUp


async def cut_off(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Closes the connection in the middle of a good completion."""
    whole = response(200, json.dumps(completion(asked, answer(asked))).encode())
    writer.write(whole[: len(whole) * 2 // 3])
    await writer.drain()
    raise HangUp


async def gibberish(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Bytes that are no HTTP."""
    writer.write(b"\x16\x03\x01 hello?\r\n\r\n")
    await writer.drain()
    raise HangUp


async def anothers_answer(asked: Asked, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Answers with what the one who asked before should have got: a cache that mixes its entries up."""
    before = asked.before or asked
    _send(writer, completion(before, answer(before)))


SSE = b'data: {"choices":[{"delta":{"content":"{\\"decisions\\": []}"}}]}\n\ndata: [DONE]\n\n'
TOOL_CALL = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "buy", "arguments": "{}"}}]}
HOLD = '{"decisions": [], "summary": "waiting", "chain_of_thought": ""}'

# Every fault by name; the first letters are the row of the catalogue of faults that it belongs to.
FAULTS: dict[str, Behaviour] = {
    "L-01 empty": saying(""),
    "L-01 null": saying(None),
    "L-01 prose": saying("I would rather wait and see."),
    "L-01 fence": saying(f"```json\n{HOLD}\n```"),
    "L-01 two objects": saying(HOLD + '{"decisions": [{"symbol": "BTC", "signal": "hold"}]}'),
    "L-01 trailing junk": saying(HOLD + " // done }"),
    "L-01 truncated": saying(HOLD[:20], finish_reason="length"),
    "L-01 byte order mark": saying("\ufeff" + HOLD),
    "L-01 utf-16": body(json.dumps({"choices": []}).encode("utf-16")),
    "L-01 html": body(b"<html><body>502 Bad Gateway</body></html>", kind="text/html"),
    "L-01 no choices": changed(choices=[]),
    "L-01 another schema": body(b'{"output": [{"content": "hello"}]}'),
    "L-01 the answer without its envelope": body(HOLD.encode()),
    "L-01 no body": body(b""),
    "L-02 NaN": saying('{"decisions": [{"symbol": "BTC", "signal": "buy_to_enter", "quantity": NaN}]}'),
    "L-02 duplicate keys": saying('{"decisions": [], "decisions": []}'),
    "L-02 nested": saying("[" * 100_000),
    "L-02 nested envelope": body(b"[" * 100_000),
    "L-03 absurd sizes": saying(
        '{"decisions": [{"symbol": "BTC", "signal": "buy_to_enter", "position_size_usd": 1e12, "leverage": 1000}]}'
    ),
    "L-04 unknown coin": saying('{"decisions": [{"symbol": "LUNA", "signal": "close"}]}'),
    "L-05 no first byte": slow_first_byte,
    "L-05 a byte a second": drip,
    "L-05 never ends": endless,
    "L-05 200 MB": flood,
    "L-05 bomb": body(gzip.compress(b" " * (64 * 1024 * 1024)), content_encoding="gzip"),
    "L-05 not packed as it says": body(b"{}", content_encoding="gzip"),
    "L-05 events": body(SSE, kind="text/event-stream"),
    "L-05 tool call": saying(None, finish_reason="tool_calls", message=TOOL_CALL),
    "L-05 refusal": saying(None, message={"refusal": "I cannot help with trading."}),
    "L-05 withheld": saying("", finish_reason="content_filter"),
    "L-05 hangs up": hang_up,
    "L-05 cut off": cut_off,
    "L-05 gibberish": gibberish,
    "L-06 401": status(401, "Incorrect API key provided", reason="invalid_api_key"),
    "L-06 402": status(402, "Insufficient Balance"),
    "L-06 403": status(403, "country not supported"),
    "L-06 404": status(404, "the model has been retired", reason="model_not_found"),
    "L-06 408": status(408),
    "L-06 429": status(429, "slow down", reason="rate_limit_exceeded"),
    "L-06 429 with Retry-After": status(429, "slow down", retry_after="1"),
    "L-06 429 for a day": status(429, "slow down", retry_after="86400"),
    "L-06 429 quota": status(429, "You exceeded your current quota", reason="insufficient_quota"),
    "L-06 500": status(500),
    "L-06 502": status(502),
    "L-06 503": status(503),
    "L-06 529": status(529, "overloaded"),
    "L-06 redirect": status(307, location="https://example.com/v1/chat/completions"),
    "L-06 error within 200": body(b'{"error": {"code": 502, "message": "provider returned an error"}}'),
    "L-07 another's answer": anothers_answer,
    "L-08 tokens without end": changed(usage={"prompt_tokens": 10**15, "completion_tokens": 10**15}),
    "L-08 tokens below zero": changed(usage={"prompt_tokens": -5, "completion_tokens": -5}),
    "L-08 tokens in words": changed(usage={"prompt_tokens": "many", "completion_tokens": None}),
    "L-08 no count": changed(usage=None),
    "L-08 nine million tokens": changed(usage={"prompt_tokens": 9_000_000, "completion_tokens": 10}),
}


def always(behaviour: Behaviour) -> Choice:
    """The same for every request."""
    return lambda asked: behaviour


def in_turn(*behaviours: Behaviour) -> Choice:
    """One after the other, the last one again and again."""
    return lambda asked: behaviours[min(asked.number, len(behaviours) - 1)]


def now_and_then(share: float, seed: int, names: tuple[str, ...] = tuple(FAULTS)) -> Choice:
    """A fault for this share of the requests, which ones and which faults by the seed; the others go well."""

    def choose(asked: Asked) -> Behaviour:
        rng = Random(f"{seed}:{asked.number}")
        return FAULTS[rng.choice(names)] if rng.random() < share else good

    return choose


def _send(writer: asyncio.StreamWriter, content: object) -> None:
    writer.write(response(200, json.dumps(content).encode()))


def _head(line: str) -> bytes:
    return f"HTTP/1.1 200 Said\r\ncontent-type: application/json\r\n{line}\r\n\r\n".encode()
