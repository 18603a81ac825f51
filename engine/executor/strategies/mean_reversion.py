"""Mean reversion: against a coin that has run far from its average and is spent, until it is back at the average."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import EntrySettings, above_zero, direction_of, enter, exact, leave, scaled
from engine.executor.strategies.points import begins
from engine.model.decision import Decision
from engine.model.market import Column


class MeanReversionSettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in bars of ``interval_ms`` (0 is the market's own bar).

    A side is taken when the close is ``enter_atr`` average true ranges from its exponential average and the relative
    strength index is at most ``oversold`` (long) or at least 100 less that (short). The target is the average; the stop
    lies ``stop_share`` of the way to it beyond the entry, so that reward to risk is 1 / ``stop_share``.
    """

    period: int = 20
    interval_ms: int = 0
    atr_period: int = 14
    rsi_period: int = 7
    enter_atr: float = 2.0
    oversold: float = 25.0
    stop_share: float | None = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "atr_period", "enter_atr", "oversold", "stop_share")
        if self.period < 2 or self.rsi_period < 2:
            raise ValueError(f"period is {self.period} and rsi_period {self.rsi_period} bars, both must be at least 2")
        if self.oversold >= 50:
            raise ValueError(f"oversold is {self.oversold}, it must be below 50")
        if self.interval_ms < 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, it must not be negative")


class MeanReversion:
    """Expects what has run too far to come back to its average."""

    name = "mean_reversion"

    def __init__(self, settings: MeanReversionSettings) -> None:
        self._settings = settings
        self._close = Column("close", 0, settings.interval_ms)
        self._average = Column("ema", settings.period, settings.interval_ms)
        self._atr = Column("atr", settings.atr_period, settings.interval_ms)
        self._rsi = Column("rsi", settings.rsi_period, settings.interval_ms)
        self.columns = (self._close, self._average, self._atr, self._rsi)

    def decide(self, context: Context) -> list[Decision]:
        """Enter against the run; leave when the close is back at the average."""
        settings = self._settings
        decisions = []
        for coin in context.coins:
            window = context.market.window(coin)
            if window is None:
                continue
            close, average = window.value(self._close), window.value(self._average)
            far, rsi = settings.enter_atr * window.value(self._atr), window.value(self._rsi)
            held = direction_of(context, coin)
            oversold = close <= average - far and rsi <= settings.oversold
            overbought = close >= average + far and rsi >= 100 - settings.oversold
            wanted = 1 if oversold else -1 if overbought else 0
            entry = None if wanted in (0, held) else self._entry(context, coin, wanted, abs(average - close), rsi)
            if entry is not None:
                decisions.append(entry)
            elif (held > 0 and close >= average) or (held < 0 and close <= average):
                decisions.append(leave(coin, "the close is back at its average"))
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where the close is far enough from its average, and where it crosses it.

        A position begins away from the average, so that the first close at or beyond it is a crossing.
        """
        close, average, rsi = columns[self._close], columns[self._average], columns[self._rsi]
        far = self._settings.enter_atr * columns[self._atr]
        points: NDArray[np.bool_] = (close <= average - far) & (rsi <= self._settings.oversold)
        points |= (close >= average + far) & (rsi >= 100 - self._settings.oversold)
        usable = ~np.isnan(close) & ~np.isnan(average)
        for at_or_beyond in (close >= average, close <= average):
            points |= begins(at_or_beyond, usable)
        return points

    def _entry(self, context: Context, coin: str, wanted: int, way_back: float, rsi: float) -> Decision | None:
        if not (isfinite(way_back) and way_back > 0):
            return None
        why = f"the close is {way_back:.6g} USD {'below' if wanted > 0 else 'above'} its average, RSI is {rsi:.1f}"
        stop_away = scaled(self._settings.stop_share, way_back)
        return enter(context, coin, wanted, self._settings, stop_away, exact(way_back), why)
