"""The order of records: numbers them, frames them, remembers which bodies are stored. In memory, no disk, no
threads.
"""

from collections import OrderedDict

import msgspec

from engine.journal.chain import BODY_KIND, Head, body_data, frame
from engine.journal.recovery import remember

_json = msgspec.json.Decoder(msgspec.Raw)


class Sequencer:
    """``head`` is that of the last record framed."""

    def __init__(self, head: Head, bodies: OrderedDict[str, int]) -> None:
        self.head = head
        self._bodies = bodies

    def line(self, kind: str, data: bytes, ts: int, trader: str | None) -> bytes:
        """The next record's line, which then is the head; ``ValueError``, and no new head, when the data is not a
        JSON object.
        """
        try:
            _json.decode(data)
            str(data, "utf-8")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"data of {kind} is not JSON: {error}") from error
        seq = self.head.seq + 1
        line, digest = frame(seq, ts, kind, trader, self.head.hash, data)
        self.head = Head(seq, digest)
        return line

    def stored(self, ref: str) -> bool:
        """Whether a record that stores the body is known."""
        if ref in self._bodies:
            self._bodies.move_to_end(ref)
            return True
        return False

    def body_line(self, ref: str, of: str, body: bytes, ts: int) -> bytes:
        """The line of the record that stores the body."""
        line = self.line(BODY_KIND, body_data(ref, of, body), ts, None)
        remember(self._bodies, ref, self.head.seq)
        return line
