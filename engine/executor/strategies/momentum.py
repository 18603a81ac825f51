"""Momentum: goes with a coin that has moved far for what it usually moves, until the move is gone."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import EntrySettings, above_zero, direction_of, enter, leave, scaled
from engine.executor.strategies.points import begins
from engine.model.decision import Decision
from engine.model.market import Column


class MomentumSettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in bars of ``interval_ms`` (0 is the market's own bar).

    The move is the close less the close ``period`` bars before. A side is taken when the move is ``enter_atr`` average
    true ranges, and left when it has shrunk to ``leave_atr``. Stop and target lie ``stop_atr`` and ``target_atr``
    average true ranges away.
    """

    period: int = 30
    interval_ms: int = 0
    atr_period: int = 14
    enter_atr: float = 4.0
    leave_atr: float = 0.0
    stop_atr: float | None = 2.0
    target_atr: float | None = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "atr_period", "enter_atr", "stop_atr", "target_atr")
        if self.period < 2:
            raise ValueError(f"period is {self.period} bars, it must be at least 2")
        if not 0 <= self.leave_atr < self.enter_atr:
            raise ValueError(
                f"leave_atr is {self.leave_atr} and enter_atr {self.enter_atr}, 0 <= leave < enter is needed"
            )
        if self.interval_ms < 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, it must not be negative")


class Momentum:
    """Expects a move that is large for its coin to go on."""

    name = "momentum"

    def __init__(self, settings: MomentumSettings) -> None:
        self._settings = settings
        self._move = Column("momentum", settings.period, settings.interval_ms)
        self._atr = Column("atr", settings.atr_period, settings.interval_ms)
        self.columns = (self._move, self._atr)

    def decide(self, context: Context) -> list[Decision]:
        """Enter with a large move; leave when what is left of it is small."""
        settings = self._settings
        decisions = []
        for coin in context.coins:
            window = context.market.window(coin)
            if window is None:
                continue
            move, atr = window.value(self._move), window.value(self._atr)
            if not (isfinite(move) and isfinite(atr) and atr > 0):
                continue
            large, small = settings.enter_atr * atr, settings.leave_atr * atr
            held = direction_of(context, coin)
            wanted = 1 if move >= large else -1 if move <= -large else 0
            entry = None if wanted in (0, held) else self._entry(context, coin, wanted, move, atr)
            if entry is not None:
                decisions.append(entry)
            elif (held > 0 and move <= small) or (held < 0 and move >= -small):
                decisions.append(leave(coin, f"of the move {move / atr:+.1f} average ranges are left"))
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where the move is large, and where it becomes small.

        A position begins while the move is large, so that it becomes small before there is something to leave.
        """
        move, atr = columns[self._move], columns[self._atr]
        large, small = self._settings.enter_atr * atr, self._settings.leave_atr * atr
        usable = np.isfinite(move) & np.isfinite(atr) & (atr > 0)
        points: NDArray[np.bool_] = (move >= large) | (move <= -large)
        for spent in (move <= small, move >= -small):
            points |= begins(spent, usable)
        return points

    def _entry(self, context: Context, coin: str, wanted: int, move: float, atr: float) -> Decision | None:
        settings = self._settings
        why = f"{move / atr:+.1f} average ranges in {settings.period} bars"
        return enter(
            context, coin, wanted, settings, scaled(settings.stop_atr, atr), scaled(settings.target_atr, atr), why
        )
