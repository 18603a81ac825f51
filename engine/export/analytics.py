"""Analytics: every contestant's row of tables, kept up to date one trade, signal and invocation at a time."""

import msgspec

from api.handoff import schema as wire
from api.handoff.analytics import Citations, Invocation, Signal
from api.handoff.running import ModelStatistics
from api.handoff.tables import ModelAnalytics
from engine.export.model_usage import RunningUsage
from engine.export.rows import RowEncoder
from engine.export.worth import seconds
from engine.manager.record import Answered, Planned
from engine.model.account import Account
from engine.model.decision import Approved, Decision


class TraderAnalytics:
    """One trader's statistics and its row, which is encoded anew only when something was added."""

    def __init__(self, trader: str) -> None:
        self._statistics = ModelStatistics(trader)
        self.usage = RunningUsage()
        self._updated_s = 0.0
        self._last_conversation = ("", 0.0)
        self._encoded: bytes | None = None

    def trade(self, trade: wire.Trade, at_ms: int) -> None:
        """A trade was completed."""
        self._statistics.add_trade(trade)
        self._changed(at_ms)

    def invocation(self, account: Account, coins_watched: int, at_ms: int) -> None:
        """The trader was asked while it held what ``account`` says."""
        longs = sum(1 for held in account.positions.values() if held.is_long)
        held = len(account.positions)
        self._statistics.add_invocation(
            Invocation(
                time_s=seconds(at_ms),
                coins_watched=max(coins_watched, held),
                coins_long=longs,
                coins_short=held - longs,
            )
        )
        self._changed(at_ms)

    def answered(self, record: Answered, at_ms: int) -> None:
        """The trader's model answered, or was paid for without an answer."""
        self.usage.add(record)
        self._changed(at_ms)

    def planned(self, record: Planned, at_ms: int) -> None:
        """Decisions were taken: each counts as a signal, whatever became of it."""
        if record.grounding is not None:
            found = record.grounding
            self._statistics.add_citations(Citations(cited=found.cited, grounded=found.grounded))
        for decision in record.decisions:
            self._statistics.add_signal(
                Signal(
                    time_s=seconds(at_ms),
                    coin=decision.symbol,
                    signal=decision.signal,
                    confidence=decision.confidence or 0.0,
                    leverage=float(leverage_of(decision, record)),
                )
            )
        self._changed(at_ms)

    def conversation(self, conversation_id: str, asked_ms: int, at_ms: int) -> None:
        """A conversation ended; the row names the newest."""
        self._last_conversation = (conversation_id, seconds(asked_ms))
        self._changed(at_ms)

    def row(self) -> ModelAnalytics:
        """The row as it is now."""
        name, at_s = self._last_conversation
        row = self._statistics.analytics(self._updated_s, self.usage.table())
        return msgspec.structs.replace(row, last_convo_doc_id=name, last_convo_timestamp=at_s)

    def encoded(self, encode: RowEncoder) -> bytes:
        """The row's bytes."""
        if self._encoded is None:
            self._encoded = encode(self.row())
        return self._encoded

    def _changed(self, at_ms: int) -> None:
        self._updated_s = seconds(at_ms)
        self._encoded = None


def leverage_of(decision: Decision, record: Planned) -> int:
    """The leverage that a decision asked for, else what the plan gave it; 1 when it said nothing and was denied."""
    if decision.leverage is not None:
        return decision.leverage
    approved = approval_of(decision, record)
    return 1 if approved is None else approved.proposal.leverage


def approval_of(decision: Decision, record: Planned) -> Approved | None:
    """The approval of a decision; ``None`` when it was denied or asked for nothing."""
    for verdict in record.verdicts:
        if isinstance(verdict, Approved) and verdict.proposal.coin == decision.symbol:
            return verdict
    return None
