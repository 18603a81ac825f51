"""The agenda: at which bars of a span something is due, and in which coins, so that nothing is done elsewhere."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.executor.ports import Columns
from engine.manager.desk import Desk, ModelDecider
from engine.model.ids import TraderId
from engine.model.standing import HOUR_MS

Mask = NDArray[np.bool_]
Coins = tuple[str, ...]


class Turn:
    """When one trader is due: at every slot, or where its strategy says that it may want to act in some coin.

    ``mask`` tells of each row whether the trader is due at its open.
    """

    def __init__(self, slots: Mask, coins: Coins, points: Sequence[Mask] | None) -> None:
        self.sparse = points is not None
        self.due = slots if points is None else slots & np.logical_or.reduce(points)
        self._slots = slots.data
        self.mask = self.due.data
        self._coins = coins
        self._wanted = _wanted_coins(points)
        self._subsets: dict[int, Coins] = {}

    def coins(self, row: int) -> Coins | None:
        """The coins in which it may want to act there; ``None`` for all."""
        if self._wanted is None:
            return None
        bits = self._wanted[row]
        found = self._subsets.get(bits)
        if found is None:
            found = tuple(coin for place, coin in enumerate(self._coins) if bits >> place & 1)
            self._subsets[bits] = found
        return found

    def slot_after(self, row: int) -> int | None:
        """The first slot after ``row``, due or not; ``None`` when the span has no other."""
        for following in range(row + 1, len(self._slots)):
            if self._slots[following]:
                return following
        return None


class Agenda:
    """For each bar of the span: who decides at its open, and whether marks are due.

    A trader that must be asked again although it is not due (its order was denied, or a stop closed its position) is
    asked at every slot of its own, about all coins, until it holds.
    """

    def __init__(self, open_ms: NDArray[np.int64], turns: Mapping[TraderId, Turn], mark_ms: int) -> None:
        self.count = len(open_ms)
        self.marks: memoryview = (open_ms % mark_ms == 0).data
        self._turns = dict(turns)
        self._again: dict[TraderId, int] = {}
        busy = (open_ms % HOUR_MS == 0) | (open_ms % mark_ms == 0)
        for turn in turns.values():
            busy |= turn.due
        self._busy = np.flatnonzero(busy).data
        self._last = len(self._busy)
        self._place = 0

    def next_row(self) -> int:
        """The next bar at whose open something is due; the count of bars when nothing is any more."""
        row: int = self._busy[self._place] if self._place < self._last else self.count
        if self._again:
            row = min(row, *self._again.values())
        return row

    def take(self, row: int) -> dict[TraderId, Coins | None]:
        """The traders due at the open of ``row``, with the coins to be asked about (``None``: all); done with then."""
        busy = self._busy
        place = self._place
        while place < self._last and busy[place] <= row:
            place += 1
        self._place = place
        due = {}
        for trader, turn in self._turns.items():
            if turn.mask[row]:
                due[trader] = turn.coins(row)
        if self._again:
            due |= {trader: None for trader, at in self._again.items() if at <= row}
            self._again = {trader: at for trader, at in self._again.items() if at > row}
        return due

    def ask_again(self, trader: TraderId, row: int) -> None:
        """Make a trader due at its first slot after ``row``."""
        turn = self._turns[trader]
        if turn.sparse and (following := turn.slot_after(row)) is not None:
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
    slot all the same, which changes nothing but the time it takes. A model that is really called is never asked.
    """
    turns = {}
    for desk in desks:
        slots = open_ms % desk.interval_ms == 0
        if isinstance(desk.decider, ModelDecider) and desk.decider.live_only:
            slots = np.zeros_like(slots)
        points = None if every_slot else _points(slots, desk, columns)
        turns[desk.trader] = Turn(slots, desk.coins, points)
    return Agenda(open_ms, turns, mark_ms)


def _points(slots: Mask, desk: Desk, columns: Mapping[str, Columns]) -> list[Mask] | None:
    """Points are named by the bar that closes; the slot is the open of the next one. The first bar is always one."""
    if isinstance(desk.decider, ModelDecider) or not bool(slots.all()):
        return None
    found = []
    for coin in desk.coins:
        points = desk.decider.points(coin, columns[coin])
        if points is None:
            return None
        shifted = np.ones(len(slots), dtype=bool)
        shifted[1:] = points[:-1]
        found.append(shifted)
    return found


def _wanted_coins(points: Sequence[Mask] | None) -> memoryview | None:
    """Per bar a number whose bits say which coins are wanted."""
    if points is None or len(points) > 62:
        return None
    wanted = np.zeros(len(points[0]), dtype=np.int64)
    for place, mask in enumerate(points):
        wanted |= mask.astype(np.int64) << place
    return wanted.data
