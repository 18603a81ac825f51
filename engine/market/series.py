"""Series: the indicator columns of one coin over bars of several intervals, and windows that end at the last closed."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.indicators import IndicatorError, checked, compute, described
from engine.market.bars import Bars, Floats, Stamps
from engine.model.market import NAN, Column, Window

Extras = Mapping[str, Callable[[Stamps], Floats]]  # columns that are no bars: their values at instants (ms UTC)


class SeriesWindow(Window):
    """A window whose columns may be of several intervals, each ending at its own last bar closed at ``now_ms``."""

    __slots__ = ("_now_ms", "_series")

    def __init__(self, series: "CoinSeries", now_ms: int) -> None:
        base = series.base
        super().__init__(series.coin, series.base_columns, base.last_closed(now_ms))
        self._series = series
        self._now_ms = now_ms

    def value(self, column: Column, back: int = 0) -> float:
        """The value ``back`` bars of the column's interval before the last closed one; NaN before it is warm.

        Raises ``KeyError`` for a column that was never declared.
        """
        if column.interval_ms:
            table = self._series.table(column.interval_ms)
            index = table.last_closed(self._now_ms)
            place = index - back
            return table[column][place] if 0 <= place <= index else NAN
        place = self.index - back
        return self._series.base_columns[column][place] if 0 <= place <= self.index else NAN

    def last(self, column: Column, count: int) -> list[float]:
        """Up to ``count`` values, oldest first, ending at the last closed bar of the column's interval."""
        table = self._series.table(column.interval_ms) if column.interval_ms else self._series.base
        index = table.last_closed(self._now_ms)
        return [float(value) for value in table[column][max(0, index + 1 - count) : index + 1]]


class ColumnTable(dict[Column, Sequence[float]]):
    """The columns over the bars of one interval, computed when they are first read."""

    def __init__(self, coin: str, bars: Bars, declared: Mapping[Column, int], extras: Extras) -> None:
        super().__init__()
        self.bars = bars
        self._coin = coin
        self._declared = declared
        self._extras = extras
        self._arrays: dict[Column, Floats] = {}
        self._first_ms = bars.first_ms if len(bars) else 0
        self._interval_ms = bars.interval_ms
        self._last = len(bars) - 1

    def last_closed(self, now_ms: int) -> int:
        """The row of the last bar closed at ``now_ms``; -1 or less when none was."""
        return min((now_ms - self._first_ms) // self._interval_ms - 1, self._last)

    def array(self, column: Column) -> Floats:
        """The whole column, bars after the current instant included: for those who are told what they may read."""
        if column not in self._arrays:
            if self._declared.get(column) != self._interval_ms:
                raise KeyError(f"{described(column)} of {self._coin} was not declared before it was read")
            self._arrays[column] = column_over(self.bars, column, self._extras)
        return self._arrays[column]

    def __missing__(self, column: Column) -> Sequence[float]:
        view: Sequence[float] = self.array(column).data  # scalars of a view are plain floats, at 30 ns each
        self[column] = view
        return view


class CoinSeries:
    """The columns of one coin: over its base bars, and over coarser ones that ``coarser`` makes when asked for."""

    def __init__(
        self,
        coin: str,
        base: Bars,
        coarser: Callable[[int], Bars],
        declared: Mapping[Column, int],
        extras: Extras,
    ) -> None:
        self.coin = coin
        self.base = self.base_columns = ColumnTable(coin, base, declared, extras)
        self._coarser = coarser
        self._declared = declared
        self._extras = extras
        self._tables = {base.interval_ms: self.base}

    def table(self, interval_ms: int) -> ColumnTable:
        """The columns of an interval."""
        table = self._tables.get(interval_ms)
        if table is None:
            bars = self._coarser(interval_ms)
            table = self._tables[interval_ms] = ColumnTable(self.coin, bars, self._declared, self._extras)
        return table

    def aligned(self, column: Column) -> Floats:
        """The column over the base bars: a coarser bar's value from the base bar it closes with until the next."""
        if column.interval_ms in (0, self.base.bars.interval_ms):
            return self.base.array(column)
        table = self.table(column.interval_ms)
        values = table.array(column)
        closes_ms = self.base.bars.open_ms + self.base.bars.interval_ms
        if not len(values):
            return np.full(len(closes_ms), np.nan)
        rows = np.minimum((closes_ms - table.bars.first_ms) // column.interval_ms - 1, len(values) - 1)
        return np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan)


def column_over(bars: Bars, column: Column, extras: Extras) -> Floats:
    """The column over bars; rows without data are passed over and stay NaN."""
    if column.indicator in extras:
        return extras[column.indicator](bars.open_ms + bars.interval_ms)
    present = ~np.isnan(bars.close)
    if present.all():
        return np.ascontiguousarray(compute(column, bars.fields()))
    spread = np.full(len(bars), np.nan)
    spread[present] = compute(column, {name: values[present] for name, values in bars.fields().items()})
    return spread


def declarations(columns: Sequence[Column], base_interval_ms: int, lacks: frozenset[str]) -> dict[Column, int]:
    """The columns that can be computed, each with the interval of its bars. Raises ``IndicatorError``."""
    for column in columns:
        checked(column)
        if column.indicator in lacks:
            raise IndicatorError(f"{described(column)}: this market has no {column.indicator}")
        if column.interval_ms % base_interval_ms:
            raise IndicatorError(f"{described(column)}: must be a multiple of the base bar of {base_interval_ms} ms")
    return {column: column.interval_ms or base_interval_ms for column in columns}
