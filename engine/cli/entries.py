"""From the frames of a journal to the entries that are folded."""

from collections.abc import Callable, Iterable, Iterator

from engine.journal.chain import BODY_KIND, Frame, body_of, body_reference
from engine.manager.record import Entry, decode
from engine.model.ids import TraderId


def entries(frames: Iterable[Frame], bodies: Callable[[str, bytes], None]) -> Iterator[Entry]:
    """The records in order; ``bodies`` is told of the shared bodies between them. Raises ``RecordUnreadable``."""
    for frame in frames:
        if frame.kind == BODY_KIND:
            bodies(body_reference(frame) or "", body_of(frame))
        else:
            trader = None if frame.trader is None else TraderId(frame.trader)
            yield Entry(seq=frame.seq, ts=frame.ts, trader=trader, record=decode(frame.kind, frame.data))
