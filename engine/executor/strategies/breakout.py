"""Breakout: goes with a close beyond everything that was traded for a while, out when a shorter while is broken."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import EntrySettings, above_zero, direction_of, enter, leave, scaled
from engine.model.decision import Decision
from engine.model.market import Column


class BreakoutSettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``period`` and ``leave_period`` in bars of ``interval_ms`` (0 is the market's own bar).

    A side is taken when the close leaves the channel of the ``period`` bars before it, and left when the close leaves
    that of the ``leave_period`` bars before it on the other side. Stop and target lie ``stop_atr`` and ``target_atr``
    average true ranges away.

    Source: the rules that Dennis and Eckhardt taught, as published in Faith, Way of the Turtle (2007), without adding.
    """

    period: int = 20
    leave_period: int = 10
    interval_ms: int = 0
    atr_period: int = 14
    stop_atr: float | None = 2.0
    target_atr: float | None = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "atr_period", "stop_atr", "target_atr")
        if not 2 <= self.leave_period <= self.period:
            raise ValueError(
                f"leave_period is {self.leave_period} and period {self.period} bars, 2 <= leave <= period is needed"
            )
        if self.interval_ms < 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, it must not be negative")


class Breakout:
    """Trades the close that leaves the channel of the bars before it."""

    name = "breakout"

    def __init__(self, settings: BreakoutSettings) -> None:
        self._settings = settings
        self._close = Column("close", 0, settings.interval_ms)
        self._high = Column("channel_high", settings.period, settings.interval_ms)
        self._low = Column("channel_low", settings.period, settings.interval_ms)
        self._leave_high = Column("channel_high", settings.leave_period, settings.interval_ms)
        self._leave_low = Column("channel_low", settings.leave_period, settings.interval_ms)
        self._atr = Column("atr", settings.atr_period, settings.interval_ms)
        self.columns = (self._close, self._high, self._low, self._leave_high, self._leave_low, self._atr)

    def decide(self, context: Context) -> list[Decision]:
        """Be on the side on which the price broke out, until it breaks the other way."""
        decisions = []
        for coin in context.coins:
            window = context.market.window(coin)
            if window is None:
                continue
            close = window.value(self._close)
            held = direction_of(context, coin)
            wanted = 1 if close > window.value(self._high) else -1 if close < window.value(self._low) else 0
            entry = None if wanted in (0, held) else self._entry(context, coin, wanted, window.value(self._atr))
            if entry is not None:
                decisions.append(entry)
            elif held > 0 and close < window.value(self._leave_low):
                decisions.append(leave(coin, f"the close is below the low of {self._settings.leave_period} bars"))
            elif held < 0 and close > window.value(self._leave_high):
                decisions.append(leave(coin, f"the close is above the high of {self._settings.leave_period} bars"))
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where the close is beyond the shorter channel: the longer one, that it enters by, contains it."""
        close = columns[self._close]
        points: NDArray[np.bool_] = (close > columns[self._leave_high]) | (close < columns[self._leave_low])
        return points

    def _entry(self, context: Context, coin: str, wanted: int, atr: float) -> Decision | None:
        if not (isfinite(atr) and atr > 0):
            return None
        settings = self._settings
        side = "above the high" if wanted > 0 else "below the low"
        why = f"the close is {side} of {settings.period} bars"
        return enter(
            context, coin, wanted, settings, scaled(settings.stop_atr, atr), scaled(settings.target_atr, atr), why
        )
