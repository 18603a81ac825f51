"""Volatility: goes with the move when a coin starts to move more than it is used to, until it has calmed down."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import EntrySettings, above_zero, direction_of, enter, leave, scaled
from engine.executor.strategies.points import begins
from engine.model.decision import Decision
from engine.model.market import Column


class VolatilitySettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in bars of ``interval_ms`` (0 is the market's own bar).

    The unrest is the average true range of ``fast`` bars over that of ``slow`` ones. A side is taken when the unrest is
    ``expanded`` and the close is ``away_atr`` fast ranges from its exponential average of ``period`` bars, on the side
    where the close is; it is left when the unrest is down to ``calm``. Stop and target lie ``stop_atr`` and
    ``target_atr`` fast ranges away.
    """

    fast: int = 5
    slow: int = 50
    period: int = 20
    interval_ms: int = 0
    expanded: float = 1.2
    calm: float = 1.0
    away_atr: float = 1.0
    stop_atr: float | None = 2.0
    target_atr: float | None = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "expanded", "calm", "away_atr", "stop_atr", "target_atr")
        if not 2 <= self.fast < self.slow:
            raise ValueError(f"fast is {self.fast} and slow {self.slow} bars, 2 <= fast < slow is needed")
        if self.period < 2:
            raise ValueError(f"period is {self.period} bars, it must be at least 2")
        if self.calm >= self.expanded:
            raise ValueError(f"calm is {self.calm} and expanded {self.expanded}, calm < expanded is needed")
        if self.interval_ms < 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, it must not be negative")


class Volatility:
    """Trades the side on which unrest breaks out."""

    name = "volatility"

    def __init__(self, settings: VolatilitySettings) -> None:
        self._settings = settings
        self._close = Column("close", 0, settings.interval_ms)
        self._average = Column("ema", settings.period, settings.interval_ms)
        self._fast = Column("atr", settings.fast, settings.interval_ms)
        self._slow = Column("atr", settings.slow, settings.interval_ms)
        self.columns = (self._close, self._average, self._fast, self._slow)

    def decide(self, context: Context) -> list[Decision]:
        """Enter with the move while unrest is high; leave when it is over."""
        settings = self._settings
        decisions = []
        for coin in context.coins:
            window = context.market.window(coin)
            if window is None:
                continue
            close, average = window.value(self._close), window.value(self._average)
            fast, slow = window.value(self._fast), window.value(self._slow)
            if not (isfinite(close) and isfinite(average) and isfinite(fast) and isfinite(slow) and fast > 0):
                continue
            away = settings.away_atr * fast
            side = 1 if close >= average + away else -1 if close <= average - away else 0
            held = direction_of(context, coin)
            wanted = side if fast >= settings.expanded * slow else 0
            if wanted not in (0, held):
                stop_away, target_away = scaled(settings.stop_atr, fast), scaled(settings.target_atr, fast)
                why = f"it moves {fast / slow:.2f} times as much as it is used to"
                entry = enter(context, coin, wanted, settings, stop_away, target_away, why)
                if entry is not None:
                    decisions.append(entry)
            elif held != 0 and fast <= settings.calm * slow:
                decisions.append(leave(coin, "it moves no more than it is used to"))
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where it moves much and away from its average, and where it becomes calm.

        A position begins in unrest, so that calm sets in before there is something to leave.
        """
        settings = self._settings
        close, average = columns[self._close], columns[self._average]
        fast, slow = columns[self._fast], columns[self._slow]
        usable = np.isfinite(close) & np.isfinite(average) & np.isfinite(fast) & np.isfinite(slow) & (fast > 0)
        away = settings.away_atr * fast
        moving = (close >= average + away) | (close <= average - away)
        points: NDArray[np.bool_] = usable & moving & (fast >= settings.expanded * slow)
        return points | begins(fast <= settings.calm * slow, usable)
