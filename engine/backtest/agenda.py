"""The agenda: at which bars of a span something is due, so that nothing is done at the others."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.executor.ports import Columns
from engine.manager.desk import Desk, ModelDecider
from engine.model.ids import TraderId
from engine.model.standing import HOUR_MS

Mask = NDArray[np.bool_]


class Agenda:
    """For each bar of the span: who is due to decide at its open, and whether a mark is.

    A trader that must be asked again although it is not due (its order was denied, or a stop closed its position) is
    due at every slot of its own until it holds.
    """

    def __init__(
        self, open_ms: NDArray[np.int64], slots: Mapping[TraderId, Mask], due: Mapping[TraderId, Mask], mark_ms: int
    ) -> None:
        self.count = len(open_ms)
        self._slots = {trader: mask.data for trader, mask in slots.items()}
        self._due = {trader: mask.data for trader, mask in due.items()}
        self._sparse = {trader for trader in due if due[trader] is not slots[trader]}
        self._again: dict[TraderId, int] = {}
        self.marks: memoryview = (open_ms % mark_ms == 0).data
        busy = (open_ms % HOUR_MS == 0) | (open_ms % mark_ms == 0)
        for mask in due.values():
            busy |= mask
        self._busy = np.flatnonzero(busy).data
        self._place = 0

    def next_row(self) -> int:
        """The next bar at whose open something is due; the count of bars when nothing is any more."""
        row = int(self._busy[self._place]) if self._place < len(self._busy) else self.count
        for again in self._again.values():
            row = min(row, again)
        return row

    def take(self, row: int) -> list[TraderId]:
        """The traders due at the open of ``row``, which is done with."""
        while self._place < len(self._busy) and self._busy[self._place] <= row:
            self._place += 1
        due = [trader for trader, mask in self._due.items() if mask[row]]
        if self._again:
            due += [trader for trader, at in self._again.items() if at <= row and trader not in due]
            self._again = {trader: at for trader, at in self._again.items() if at > row}
        return due

    def ask_again(self, trader: TraderId, row: int) -> None:
        """Make a trader due at its first slot after ``row``."""
        if trader not in self._sparse:
            return
        slots = self._slots[trader]
        following = row + 1
        while following < self.count and not slots[following]:
            following += 1
        if following < self.count:
            self._again[trader] = following


def agenda(
    open_ms: NDArray[np.int64],
    desks: Sequence[Desk],
    columns: Mapping[str, Columns],
    *,
    mark_ms: int,
    every_slot: bool,
) -> Agenda:
    """Who is due when. ``columns`` run over the same bars as ``open_ms``.

    A strategy that declares its points is asked only where it may want to act; with ``every_slot`` it is asked at every
    slot all the same, which changes nothing but the time it takes.
    """
    slots = {desk.trader: open_ms % desk.interval_ms == 0 for desk in desks}
    due = {desk.trader: slots[desk.trader] if every_slot else _due(slots[desk.trader], desk, columns) for desk in desks}
    return Agenda(open_ms, slots, due, mark_ms)


def _due(slots: Mask, desk: Desk, columns: Mapping[str, Columns]) -> Mask:
    """Points are named by the bar that closes; the slot is the open of a bar after it. The first slot is always due."""
    if isinstance(desk.decider, ModelDecider) or not bool(slots.all()):
        return slots
    wanted = np.zeros(len(slots), dtype=bool)
    wanted[0] = True
    for coin in desk.coins:
        points = desk.decider.points(coin, columns[coin])
        if points is None:
            return slots
        wanted[1:] |= points[:-1]
    return wanted
