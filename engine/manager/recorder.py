"""The recorder: says a record to the journal, folds it into the state and shows it to the readers, in that order."""

from collections.abc import Callable, Iterator, Sequence

from engine.clock import Clock
from engine.manager.fold import FOLDS, apply
from engine.manager.ports import Journal, Sink
from engine.manager.record import Entry, Record, encode, kind_of
from engine.manager.state import State
from engine.model.ids import TraderId
from engine.model.market import MarketSnapshot


class Recorder:
    """The only writer of the journal and of the state.

    Without a journal (a backtest that wants none) records are folded without being encoded. ``bodies`` is told of every
    shared body, by its reference.
    """

    def __init__(
        self,
        state: State,
        clock: Clock,
        journal: Journal | None,
        sinks: Sequence[Sink] = (),
        bodies: Callable[[str, bytes], None] | None = None,
    ) -> None:
        self.state = state
        self.clock = clock
        self.sinks = list(sinks)
        self.seq = 0
        self.waits = True  # False while history is played: nothing suspends, the driver syncs the journal itself
        self.stored_snapshots: tuple[MarketSnapshot, ...] = ()  # the last ones that went into the journal
        self.durable_now: Callable[[int], None] = _nothing_to_do  # for while ``waits`` is False
        self.keeps_journal = journal is not None  # without one nothing is waited for, and no body prepared
        self._journal = journal
        self._bodies = bodies

    def say(self, record: Record, trader: TraderId | None = None) -> int:
        """Append, fold and show one record; its sequence number."""
        ts = self.clock.now_ms()
        if self._journal is None:
            seq = self.seq + 1
        else:
            seq = self._journal.append(kind_of(record), encode(record), ts, trader)
        self.seq = seq
        state = self.state
        state.last_ts = ts
        FOLDS[type(record)](state, record, ts, trader)
        if self.sinks:
            entry = Entry(seq=seq, ts=ts, trader=trader, record=record)
            for sink in self.sinks:
                sink.entry(entry)
        return seq

    async def durable(self, seq: int) -> None:
        """Return once everything up to ``seq`` is on disk; at once while history is played."""
        if self._journal is not None and self.waits:
            await self._journal.durable(seq)

    async def intent_durable(self, seq: int) -> None:
        """Return once an intent is on disk, also while history is played: the venue's own books are on disk too."""
        if self.waits:
            await self.durable(seq)
        else:
            self.durable_now(seq)

    def body(self, kind: str, data: bytes) -> str:
        """Store a shared body once; what to refer to it by (empty without a journal)."""
        if self._journal is None:
            return ""
        reference = self._journal.body(kind, data, self.clock.now_ms())
        if self._bodies is not None:
            self._bodies(reference, data)
        return reference


def _nothing_to_do(seq: int) -> None:
    """What a run without a journal on disk does to make a record durable."""


def replay(entries: Iterator[Entry], state: State, sinks: Sequence[Sink] = ()) -> State:
    """Fold entries that were said before, as a restart and an audit do."""
    for entry in entries:
        apply(state, entry)
        for sink in sinks:
            sink.entry(entry)
    return state
