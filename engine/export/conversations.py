"""Conversations: what a trader was asked, what it thought and what it decided, the newest few of each."""

from collections import deque
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Struct

from api.handoff import schema as wire
from engine.export.analytics import approval_of, leverage_of
from engine.export.prompts import Prompts
from engine.export.rows import RowEncoder
from engine.export.worth import seconds, wire_usd
from engine.manager.record import Answered, Planned, SlotClosed
from engine.model.decision import Decision, Denied

NEWEST = 10

_SIGNALS: Final = {"close": "close_position"}
_VERBS: Final = {"buy_to_enter": "Long", "sell_to_enter": "Short", "hold": "Hold", "close": "Close"}


class PromptMessage(Struct, frozen=True, kw_only=True):
    """One of the messages that a model was shown."""

    role: str = "user"
    content: str = ""


_message = msgspec.json.Decoder(PromptMessage)


class Exchange(Struct, kw_only=True):
    """One slot of a trader while it is gathered, and as it is kept afterwards."""

    trader: str
    slot_ms: int
    asked_ms: int
    cycle: int
    scale: Decimal = Decimal(1)
    prompt: tuple[bytes | None, ...] = ()
    answered: Answered | None = None
    planned: Planned | None = None
    closed: SlotClosed | None = None
    closed_ms: int = 0
    encoded: bytes | None = None

    @property
    def id(self) -> str:
        """``<trader>_<seconds>``."""
        return f"{self.trader}_{seconds(self.asked_ms)}"


class Conversations:
    """The newest exchanges of one trader. They are encoded when they are first published, so that replaying a long
    journal costs nothing for those that were pushed out meanwhile."""

    def __init__(self, trader: str) -> None:
        self._trader = trader
        self._open: Exchange | None = None
        self._kept: deque[Exchange] = deque(maxlen=NEWEST)

    def opened(self, slot_ms: int, cycle: int, at_ms: int) -> None:
        """A slot was opened."""
        self._open = Exchange(trader=self._trader, slot_ms=slot_ms, asked_ms=at_ms, cycle=cycle)

    def answered(self, record: Answered) -> None:
        """A model replied; what comes when the slot is closed already, or is no reply, is part of no conversation."""
        if self._open is not None and self._open.slot_ms == record.slot_ms and not record.failure:
            self._open.answered = record

    def planned(self, record: Planned, prompts: Prompts, scale: Decimal) -> None:
        """Decisions were taken; ``scale`` makes their quantities comparable with the positions on the wire.

        The messages are fetched at once, while what has just been stored is still at hand, and read when published.
        """
        if self._open is not None and self._open.slot_ms == record.slot_ms:
            self._open.planned = record
            self._open.prompt = tuple(prompts.find(reference) for reference in record.prompt.split(",") if reference)
            self._open.scale = scale

    def closed(self, record: SlotClosed, at_ms: int) -> Exchange | None:
        """The slot has its outcome: the exchange, if it is worth showing.

        A reply is, usable or not. Without a model only decisions to do something are: strategies hold most of the time.
        """
        exchange = self._open
        if exchange is None or exchange.slot_ms != record.slot_ms:
            return None  # another slot was skipped while this one is still under way
        self._open = None
        if exchange.answered is None and not _decided(exchange.planned):
            return None
        exchange.closed = record
        exchange.closed_ms = at_ms
        self._kept.append(exchange)
        return exchange

    def encoded(self, encode: RowEncoder) -> list[bytes]:
        """The rows' bytes, newest first."""
        rows = []
        for exchange in reversed(self._kept):
            if exchange.encoded is None:
                exchange.encoded = encode(conversation_of(exchange))
            rows.append(exchange.encoded)
        return rows


def conversation_of(exchange: Exchange) -> wire.Conversation:
    """The exchange as it travels: nof1's flat fields, and the same texts once more as a chat log."""
    asked_s, closed_s = seconds(exchange.asked_ms), seconds(exchange.closed_ms)
    messages = _messages(exchange)
    reply = _reply(exchange.answered)
    log = [wire.ConversationMessage(role=m.role, content=m.content, timestamp=asked_s) for m in messages]
    if exchange.answered is not None:
        log.append(wire.ConversationMessage(role="assistant", content=reply, timestamp=closed_s))
    planned = exchange.planned
    return wire.Conversation(
        id=exchange.id,
        model_id=exchange.trader,
        timestamp=asked_s,
        inserted_at=closed_s,
        run_id=datetime.fromtimestamp(exchange.asked_ms // 1000, UTC).strftime("%Y%m%d%H%M%S"),
        cycle_id=exchange.cycle,
        skill=planned.prompt_version if planned is not None else "",
        cot_trace_summary=summary_of(exchange),
        user_prompt=next((message.content for message in reversed(messages) if message.role == "user"), ""),
        cot_trace=(planned.thoughts if planned is not None else "") or reply,
        llm_response={} if planned is None else _decisions(planned, exchange.scale),
        messages=tuple(log),
    )


def summary_of(exchange: Exchange) -> str:
    """The decider's own conclusion, else its decisions in words; then what was denied; never empty."""
    planned, closed = exchange.planned, exchange.closed
    if planned is None or (closed is not None and closed.outcome == "failed"):
        why = closed.why if closed is not None else ""
        return f"Failed: {why}" if why else "No decisions."
    denied = [f"{verdict.symbol} ({verdict.rule})" for verdict in planned.verdicts if isinstance(verdict, Denied)]
    said = planned.summary or " ".join(_sentence(decision) for decision in planned.decisions) or "No decisions."
    return f"{said} Denied: {', '.join(denied)}." if denied else said


def _decided(planned: Planned | None) -> bool:
    return planned is not None and any(
        decision.signal != "hold" or decision.target_quantity is not None for decision in planned.decisions
    )


def _sentence(decision: Decision) -> str:
    because = f": {decision.justification.rstrip('.')}" if decision.justification else ""
    return f"{_VERBS[decision.signal]} {decision.symbol}{because}."


def _messages(exchange: Exchange) -> list[PromptMessage]:
    """The messages that were shown, as far as they are at hand."""
    return [_message.decode(body) for body in exchange.prompt if body is not None]


def _reply(answered: Answered | None) -> str:
    if answered is None:
        return ""
    return answered.raw or ("(the reply is not valid text)" if answered.raw_base64 else "")


def _decisions(planned: Planned, scale: Decimal) -> dict[str, wire.CoinDecision]:
    return {
        decision.symbol: wire.CoinDecision(
            coin=decision.symbol,
            signal=_SIGNALS.get(decision.signal, decision.signal),
            quantity=float(_quantity(decision, planned) * scale),
            confidence=decision.confidence or 0.0,
            leverage=float(leverage_of(decision, planned)) if decision.opens else float(decision.leverage or 0),
            profit_target=_number(decision.profit_target),
            stop_loss=_number(decision.stop_loss),
            risk_usd=float(wire_usd((decision.risk_usd or Decimal(0)) * scale)),
            invalidation_condition=decision.invalidation_condition or wire.UNKNOWN_CONDITION,
            justification=decision.justification,
        )
        for decision in planned.decisions
    }


def _quantity(decision: Decision, planned: Planned) -> Decimal:
    """What became of it after sizing, else the coins it asked for; 0 when it named dollars and was denied."""
    approved = approval_of(decision, planned)
    if approved is not None:
        return approved.proposal.quantity
    return abs(decision.quantity or decision.target_quantity or Decimal(0))


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
