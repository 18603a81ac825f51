"""A journal in memory, for runs whose records nobody will read from disk: same chain, no files."""

from collections import OrderedDict

from engine.journal.chain import GENESIS, Frame, Head, parse_alone, reference
from engine.journal.sequencer import Sequencer


class MemoryJournal:
    """Everything is durable as soon as it is appended, until the process ends. ``keep`` says whether the lines are
    kept.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._sequencer = Sequencer(GENESIS, OrderedDict())
        self._keep = keep
        self.lines: list[bytes] = []

    @property
    def head(self) -> Head:
        """The last record appended."""
        return self._sequencer.head

    @property
    def appended(self) -> Head:
        """The last record appended."""
        return self._sequencer.head

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The records kept, oldest first."""
        return tuple(parse_alone(line) for line in self.lines)

    def append(self, kind: str, data: bytes, ts: int, trader: str | None) -> int:
        """Put a record in its place and return its seq; ``ValueError`` when no line could hold it."""
        return self._take(self._sequencer.line(kind, data, ts, trader))

    def body(self, kind: str, data: bytes, ts: int) -> str:
        """Store a body that many records share, once, in a record of its own, and return the reference to it."""
        ref = reference(data)
        if not self._sequencer.stored(ref):
            self._take(self._sequencer.body_line(ref, kind, data, ts))
        return ref

    async def durable(self, seq: int) -> None:
        """Return at once."""
        self.durable_now(seq)

    def durable_now(self, seq: int) -> None:
        """Return at once."""
        if seq > self.head.seq:
            raise ValueError(f"asked for record {seq}; the last one appended is {self.head.seq}")

    def close(self) -> None:
        """Nothing is held."""

    def _take(self, line: bytes) -> int:
        if self._keep:
            self.lines.append(line)
        return self.head.seq
