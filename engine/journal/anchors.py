"""Anchors: heads of the journal that were written down elsewhere, so that a tail that is gone, or another history,
is noticed.
"""

from collections.abc import Iterable
from pathlib import Path

from engine.journal.chain import GENESIS, Head
from engine.journal.errors import JournalDamaged
from engine.journal.segments import LOG, Place, plain_path, shown


class Anchors:
    """What the journal must agree with. A chain proves its own middle; only these prove its end."""

    def __init__(self, heads: Iterable[tuple[int, str]]) -> None:
        self._hashes = {GENESIS.seq: GENESIS.hash}
        for seq, hash_ in heads:
            if self._hashes.setdefault(seq, hash_) != hash_:
                raise JournalDamaged(LOG, 0, f"two anchors differ about record {seq}: {self._hashes[seq]} and {hash_}")

    def check(self, folder: Path, place: Place) -> None:
        """Raise ``JournalDamaged`` when the record is anchored as another one."""
        frame = place.frame
        anchored = self._hashes.get(frame.seq, frame.hash)
        if anchored != frame.hash:
            name = shown(plain_path(folder, place.segment))
            raise JournalDamaged(
                name, place.line, f"record {frame.seq} has the hash {frame.hash}, anchored is {anchored}"
            )

    def check_end(self, head: Head, damage: JournalDamaged | None) -> None:
        """Raise ``JournalDamaged`` when the journal, which is sound up to ``head``, ends before what is anchored."""
        ahead = max(self._hashes)
        if ahead > head.seq:
            end = damage or f"the journal ends with record {head.seq}"
            reason = f"record {ahead} is anchored, but {end}; the tail was lost or an older copy put back"
            raise JournalDamaged(damage.segment if damage else LOG, damage.line if damage else 0, reason)
