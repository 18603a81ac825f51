"""From the frames of a journal to the entries that are folded."""

from collections.abc import Iterable, Iterator

from engine.journal.chain import BODY_KIND, Frame
from engine.manager.record import Entry, decode


def entries(frames: Iterable[Frame]) -> Iterator[Entry]:
    """The records in order; shared bodies are left out. Raises ``RecordUnreadable``."""
    for frame in frames:
        if frame.kind != BODY_KIND:
            yield Entry(seq=frame.seq, ts=frame.ts, trader=frame.trader, record=decode(frame.kind, frame.data))
