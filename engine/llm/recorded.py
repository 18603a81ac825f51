"""Recorded models: exchanges kept as JSON lines, and a model that answers from them and never calls anybody."""

import asyncio
import os
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply, Unavailability
from engine.executor.prompt import messages_digest
from engine.llm.around import Around, InRealTime

log = structlog.get_logger()

TAIL_BYTES = 65_536

# What a line and a reply hold alike.
_AS_THEY_ARE = tuple(name for name in Reply.__struct_fields__ if name != "raw")


class RecordingUnreadable(Exception):
    """A recording is not what it should be; the message names file and line."""


class Exchange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a recording: what was asked, by whom and when, and what came back after how long.

    ``raw`` is the reply's text; bytes that are not valid UTF-8 stand in ``raw_base64`` instead, unchanged. Where no
    reply was to be had, ``failure`` says why and ``kind`` of which kind that is.
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
    cached_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    latency_ms: int = 0
    fingerprint: str = ""
    swapped_from: str = ""
    attempts: int = 1
    structured: bool = False
    from_cache: bool = False
    failure: str = ""
    kind: Unavailability = ""
    took_ms: int = 0

    def reply(self) -> Reply:
        """The reply as it was.

        Raises ``ModelUnavailable`` when there was none, and ``binascii.Error`` when its bytes cannot be restored.
        """
        if self.failure:
            raise ModelUnavailable(
                self.failure,
                kind=self.kind,
                cost_usd=self.cost_usd,
                prompt_tokens=self.prompt_tokens,
                completion_tokens=self.completion_tokens,
            )
        return Reply(
            raw=b64decode(self.raw_base64, validate=True) if self.raw_base64 else self.raw.encode(),
            **{name: getattr(self, name) for name in _AS_THEY_ARE},
        )


class RecordedModel:
    """A chat model that answers what was answered before to the same messages.

    Of several recordings of the same messages the one of the same trader and slot answers, else the first reply.
    Messages that were never recorded are a ``ModelUnavailable`` of kind ``recording``: there is nobody to ask.
    """

    def __init__(self, name: str, exchanges: Iterable[Exchange]) -> None:
        self._name = name
        self._first: dict[str, Exchange] = {}
        self._exact: dict[tuple[str, str, int], Exchange] = {}
        for exchange in exchanges:
            if not exchange.failure:
                self._first.setdefault(exchange.digest, exchange)
            self._exact.setdefault((exchange.digest, exchange.trader, exchange.slot_ms), exchange)

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

    def find(self, messages: Sequence[Message], trader: str, slot_ms: int) -> Exchange:
        """What was recorded for these messages. Raises ``ModelUnavailable`` when nothing was."""
        digest = messages_digest(messages)
        exchange = self._exact.get((digest, trader, slot_ms)) or self._first.get(digest)
        if exchange is None:
            raise ModelUnavailable(
                f"model {self._name}: no reply was recorded for messages {digest} (trader {trader}, slot {slot_ms}); "
                f"{len(self._first)} prompts are on record",
                kind="recording",
            )
        return exchange

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The recorded reply to these messages, at once. Raises ``ModelUnavailable`` when there is none."""
        return self.find(messages, trader, slot_ms).reply()


class Paced(InRealTime):
    """A recorded model that takes as long as the one that was recorded, where time is real.

    So who decided late decides late again, and a deadline that passed passes once more.
    """

    def __init__(self, model: RecordedModel, real: Callable[[], bool]) -> None:
        super().__init__(model, real)
        self._recorded = model

    async def _in_real_time(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        exchange = self._recorded.find(messages, trader, slot_ms)
        if exchange.took_ms:
            await asyncio.sleep(exchange.took_ms / 1000)
        return exchange.reply()


class Recording(Around):
    """A chat model whose exchanges are written down as they happen, for a ``RecordedModel`` to repeat.

    Every exchange is: replies in time and late, failures, and calls that were given up. Lines are handed to the
    operating system before anybody acts on the reply, and outlive the process; the journal, not the recording, outlives
    a power cut. A line that cannot be written costs the line: what was paid for is used all the same. One process
    writes a recording at a time.
    """

    def __init__(self, model: ChatModel, folder: Path, now_ms: Callable[[], int]) -> None:
        super().__init__(model)
        self._now_ms = now_ms
        self._path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', model.name)}.jsonl"
        drop_torn_line(self._path)

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The model's reply, which is written down before it is returned. Raises ``ModelUnavailable``."""
        asked_ms = self._now_ms()
        came: Reply | ModelUnavailable = ModelUnavailable(
            "the call was given up before its answer came", kind="timeout"
        )
        try:
            came = reply = await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        except ModelUnavailable as failed:
            came = failed
            raise
        finally:
            self._write(messages, came, trader, slot_ms, max(0, self._now_ms() - asked_ms))
        return reply

    def _write(
        self, messages: Sequence[Message], came: Reply | ModelUnavailable, trader: str, slot_ms: int, took_ms: int
    ) -> None:
        if isinstance(came, Reply):
            exchange = exchange_of(messages, came, trader=trader, slot_ms=slot_ms, took_ms=took_ms)
        elif came.kind == "recording":
            return  # of what was not recorded there is nothing to record
        else:
            exchange = failure_of(messages, came, self.name, trader=trader, slot_ms=slot_ms, took_ms=took_ms)
        try:
            write_exchange(self._path, exchange)
        except OSError as error:
            log.error("exchange not recorded", file=str(self._path), trader=trader, slot_ms=slot_ms, why=str(error))


def exchange_of(messages: Sequence[Message], reply: Reply, *, trader: str, slot_ms: int, took_ms: int = 0) -> Exchange:
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
        raw=raw,
        raw_base64=raw_base64,
        took_ms=took_ms,
        **{name: getattr(reply, name) for name in _AS_THEY_ARE},
    )


def failure_of(
    messages: Sequence[Message], failed: ModelUnavailable, model: str, *, trader: str, slot_ms: int, took_ms: int = 0
) -> Exchange:
    """The line that records that no reply was to be had."""
    return Exchange(
        digest=messages_digest(messages),
        trader=trader,
        slot_ms=slot_ms,
        messages=tuple(messages),
        model=model,
        prompt_tokens=failed.prompt_tokens,
        completion_tokens=failed.completion_tokens,
        cost_usd=failed.cost_usd,
        failure=str(failed) or "the model was unavailable",
        kind=failed.kind,
        took_ms=took_ms,
    )


def write_exchange(path: Path, exchange: Exchange) -> None:
    """Append one line; the file and its folder are made when they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write(_encoder.encode(exchange) + b"\n")


def drop_torn_line(path: Path) -> None:
    """Cut off a last line without its end, which a crash left behind: nobody has seen its reply."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        whole = 0  # bytes up to the end of the last whole line
        while end > 0 and not whole:
            begin = max(0, end - TAIL_BYTES)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            whole = begin + found + 1 if found >= 0 else 0
            end = begin
        if whole < size:
            file.truncate(whole)


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
                b64decode(exchange.raw_base64, validate=True)
            except (msgspec.DecodeError, Base64Error) as error:
                raise RecordingUnreadable(f"{path}:{place}: is not a recorded exchange: {error}") from error
            exchanges.append(exchange)
    return exchanges


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Exchange)
