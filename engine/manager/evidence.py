"""Evidence: the large things that records refer to by hash — market snapshots, prompts, raw replies."""

from base64 import b64decode, b64encode

import msgspec

from engine.executor.ports import Reply
from engine.executor.prompt import Rendered
from engine.manager.record import Answered, Snapshot
from engine.manager.recorder import Recorder
from engine.model.market import CoinSnapshot, MarketSnapshot

_encoder = msgspec.json.Encoder()


SNAPSHOTS_REMEMBERED = 8  # more than markets times looks of one slot


class SnapshotBody(msgspec.Struct, frozen=True, kw_only=True):
    """One market snapshot as the journal keeps it."""

    time_ms: int
    coins: tuple[CoinSnapshot, ...]


def keep_snapshot(recorder: Recorder, snapshot: MarketSnapshot) -> None:
    """Store what a market looked like at an instant, once, however many traders looked."""
    if not recorder.keeps_journal or any(stored is snapshot for stored in recorder.stored_snapshots):
        return
    recorder.stored_snapshots = (*recorder.stored_snapshots[1 - SNAPSHOTS_REMEMBERED :], snapshot)
    body = SnapshotBody(time_ms=snapshot.time_ms, coins=tuple(snapshot))
    recorder.say(Snapshot(time_ms=snapshot.time_ms, body=recorder.body("Snapshot", _encoder.encode(body))))


def keep_prompt(recorder: Recorder, rendered: Rendered) -> str:
    """Store the rendered messages; what to refer to them by."""
    if not recorder.keeps_journal:
        return ""
    parts = [recorder.body("Message", _encoder.encode(message)) for message in rendered.messages]
    return ",".join(parts)


def answered(reply: Reply, slot_ms: int, late: bool, *, metered: bool = False) -> Answered:
    """The record of a reply; bytes that are not valid text are kept base64."""
    try:
        raw, raw_base64 = reply.raw.decode(), ""
    except UnicodeDecodeError:
        raw, raw_base64 = "", b64encode(reply.raw).decode()
    if "\x00" in raw:
        raw, raw_base64 = "", b64encode(reply.raw).decode()
    return Answered(
        slot_ms=slot_ms,
        model=reply.model,
        raw=raw,
        raw_base64=raw_base64,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cached_tokens=reply.cached_tokens,
        cost_usd=reply.cost_usd,
        latency_ms=reply.latency_ms,
        late=late,
        fingerprint=reply.fingerprint,
        swapped_from=reply.swapped_from,
        attempts=reply.attempts,
        structured=reply.structured,
        from_cache=reply.from_cache,
        metered=metered,
    )


def reply_of(record: Answered) -> Reply:
    """The reply that a record holds, its bytes as they came."""
    return Reply(
        raw=b64decode(record.raw_base64) if record.raw_base64 else record.raw.encode(),
        model=record.model,
        finish_reason=record.finish_reason,
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
        cached_tokens=record.cached_tokens,
        cost_usd=record.cost_usd,
        latency_ms=record.latency_ms,
        fingerprint=record.fingerprint,
        swapped_from=record.swapped_from,
        attempts=record.attempts,
        structured=record.structured,
        from_cache=record.from_cache,
    )
