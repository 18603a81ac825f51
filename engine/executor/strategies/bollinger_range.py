"""Bollinger range: buys below the lower band, sells above the upper one, and is content with the middle."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import EntrySettings, above_zero, direction_of, enter, exact, leave, scaled
from engine.executor.strategies.points import begins
from engine.model.decision import Decision
from engine.model.market import Column

# Of n values none is further from their mean than (n - 1) / sqrt(n) deviations: below six bars that is less than two.
LEAST_PERIOD = 6


class BollingerRangeSettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``period`` in bars of ``interval_ms`` (0 is the market's own bar); the bands are two deviations wide.

    The stop lies ``stop_widths`` times the distance from the middle to a band beyond the entry: with the target at the
    middle, reward to risk is at least 1 / ``stop_widths``.
    """

    period: int = 20
    interval_ms: int = 0
    stop_widths: float | None = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "stop_widths")
        if self.period < LEAST_PERIOD:
            raise ValueError(
                f"period is {self.period} bars, at least {LEAST_PERIOD} are needed for a close to leave them"
            )
        if self.interval_ms < 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, it must not be negative")


class BollingerRange:
    """Expects each coin to return into its range: mean reversion."""

    name = "bollinger_range"

    def __init__(self, settings: BollingerRangeSettings) -> None:
        self._settings = settings
        self._close = Column("close", 0, settings.interval_ms)
        self._upper = Column("bollinger_upper", settings.period, settings.interval_ms)
        self._middle = Column("bollinger_middle", settings.period, settings.interval_ms)
        self._lower = Column("bollinger_lower", settings.period, settings.interval_ms)
        self.columns = (self._close, self._upper, self._middle, self._lower)

    def decide(self, context: Context) -> list[Decision]:
        """Enter against a close outside the bands; leave when the close is back at the middle."""
        decisions = []
        for coin in context.coins:
            window = context.market.window(coin)
            if window is None:
                continue
            close, middle = window.value(self._close), window.value(self._middle)
            upper, lower = window.value(self._upper), window.value(self._lower)
            held = direction_of(context, coin)
            wanted = 1 if close < lower else -1 if close > upper else 0
            if wanted not in (0, held):
                entry = self._entry(context, coin, wanted, abs(middle - close), (upper - lower) / 2)
                if entry is not None:
                    decisions.append(entry)
            elif (held > 0 and close >= middle) or (held < 0 and close <= middle):
                decisions.append(leave(coin, "the close is back at the middle of its range"))
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where the close is outside the bands, and where it crosses the middle.

        A position begins outside the bands, so that the first close at or beyond the middle is a crossing: in between
        there is nothing to do, whether a stop was hit or not.
        """
        close, middle = columns[self._close], columns[self._middle]
        outside = (close < columns[self._lower]) | (close > columns[self._upper])
        reached = np.zeros(len(close), dtype=np.bool_)
        for at_or_beyond in (close >= middle, close <= middle):
            usable = ~np.isnan(close) & ~np.isnan(middle)
            reached |= begins(at_or_beyond, usable)
        points: NDArray[np.bool_] = outside | reached
        return points

    def _entry(self, context: Context, coin: str, wanted: int, way_back: float, width: float) -> Decision | None:
        if not (isfinite(way_back) and isfinite(width) and width > 0):
            return None
        why = f"the close is {'below' if wanted > 0 else 'above'} its range"
        stop_away = scaled(self._settings.stop_widths, width)
        return enter(context, coin, wanted, self._settings, stop_away, exact(way_back), why)
