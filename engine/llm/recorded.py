"""Recorded models: exchanges kept as JSON lines, and a model that answers from them and never calls anybody."""

import os
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply
from engine.executor.prompt import messages_digest


class RecordingUnreadable(Exception):
    """A recording is not what it should be; the message names file and line."""


class Exchange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a recording: what was asked, by whom and when, and what came back.

    ``raw`` is the reply's text; bytes that are not valid UTF-8 stand in ``raw_base64`` instead, unchanged.
    """

    digest: str
    trader: str
    slot_ms: int
    messages: tuple[Message, ...]
    model: str
    raw: str = ""
    raw_base64: str = ""
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    latency_ms: int = 0

    def reply(self) -> Reply:
        """The reply as it was. Raises ``binascii.Error`` when its bytes cannot be restored."""
        return Reply(
            raw=b64decode(self.raw_base64, validate=True) if self.raw_base64 else self.raw.encode(),
            model=self.model,
            finish_reason=self.finish_reason,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost_usd=self.cost_usd,
            latency_ms=self.latency_ms,
        )


class RecordedModel:
    """A chat model that answers what was answered before to the same messages.

    Of several recordings of the same messages the one of the same trader and slot answers, else the first. Messages
    that were never recorded are a ``ModelUnavailable``: there is nobody to ask.
    """

    def __init__(self, name: str, exchanges: Iterable[Exchange]) -> None:
        self._name = name
        self._first: dict[str, Reply] = {}
        self._exact: dict[tuple[str, str, int], Reply] = {}
        for exchange in exchanges:
            reply = exchange.reply()
            self._first.setdefault(exchange.digest, reply)
            self._exact.setdefault((exchange.digest, exchange.trader, exchange.slot_ms), reply)

    @classmethod
    def load(cls, name: str, folder: Path) -> "RecordedModel":
        """A model over all recordings (``*.jsonl``) of a folder. Raises ``RecordingUnreadable``."""
        return cls(name, read_exchanges(folder))

    @property
    def name(self) -> str:
        """The name by which the configuration calls it."""
        return self._name

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """Nothing: the replies were paid for when they were recorded."""
        return Decimal(0)

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The recorded reply to these messages. Raises ``ModelUnavailable`` when there is none."""
        digest = messages_digest(messages)
        reply = self._exact.get((digest, trader, slot_ms)) or self._first.get(digest)
        if reply is None:
            raise ModelUnavailable(
                f"model {self._name}: no reply was recorded for messages {digest} (trader {trader}, slot {slot_ms}); "
                f"{len(self._first)} prompts are on record"
            )
        return reply


class Recording:
    """A chat model whose exchanges are written down as they happen, for a ``RecordedModel`` to repeat.

    Writing takes as long as the disk does (below a millisecond mostly) and holds up the event loop meanwhile. One
    process writes a recording at a time.
    """

    def __init__(self, model: ChatModel, folder: Path) -> None:
        self._model = model
        self._path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', model.name)}.jsonl"
        drop_torn_line(self._path)

    @property
    def name(self) -> str:
        """The name of the model that answers."""
        return self._model.name

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """What the model that answers may cost."""
        return self._model.worst_case_cost_usd

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The model's reply, which is on disk before it is returned. Raises ``ModelUnavailable``, and ``OSError``."""
        reply = await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        write_exchange(self._path, exchange_of(messages, reply, trader=trader, slot_ms=slot_ms))
        return reply


def exchange_of(messages: Sequence[Message], reply: Reply, *, trader: str, slot_ms: int) -> Exchange:
    """The line that records a reply, its bytes exactly."""
    try:
        raw, raw_base64 = reply.raw.decode(), ""
    except UnicodeDecodeError:
        raw, raw_base64 = "", b64encode(reply.raw).decode()
    return Exchange(
        digest=messages_digest(messages),
        trader=trader,
        slot_ms=slot_ms,
        messages=tuple(messages),
        model=reply.model,
        raw=raw,
        raw_base64=raw_base64,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cost_usd=reply.cost_usd,
        latency_ms=reply.latency_ms,
    )


def write_exchange(path: Path, exchange: Exchange) -> None:
    """Append one line and have it on disk; the file and its folder are made when they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write(_encoder.encode(exchange) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def drop_torn_line(path: Path) -> None:
    """Cut off a last line without its end, which a crash left behind: nobody has seen its reply."""
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def read_exchanges(folder: Path) -> list[Exchange]:
    """All exchanges of a folder's recordings, by file name and line. Raises ``RecordingUnreadable``.

    A last line without its end is what a crash left behind: it was never answered from and is passed over.
    """
    if not folder.is_dir():
        raise RecordingUnreadable(f"{folder}: there is no such folder of recordings")
    exchanges: list[Exchange] = []
    for path in sorted(folder.glob("*.jsonl")):
        *lines, _ = path.read_bytes().split(b"\n")
        for place, line in enumerate(lines, start=1):
            try:
                exchange = _decoder.decode(line)
                exchange.reply()
            except (msgspec.DecodeError, Base64Error) as error:
                raise RecordingUnreadable(f"{path}:{place}: is not a recorded exchange: {error}") from error
            exchanges.append(exchange)
    return exchanges


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Exchange)
