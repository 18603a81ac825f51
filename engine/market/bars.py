"""Bars as arrays: one coin's candles on a regular grid of time, what may be wrong with them, and coarser ones."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.model.market import Bar

Floats = NDArray[np.float64]
Stamps = NDArray[np.int64]
PRICE_FIELDS = ("open", "high", "low", "close")
FIELDS = (*PRICE_FIELDS, "volume")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Bars(Struct, frozen=True, kw_only=True):
    """The bars of one coin and interval, oldest first; prices in USD, volume in coins, ``open_ms`` in ms UTC.

    Row i opens at ``open_ms[0] + i * interval_ms`` without exception; a row without data is NaN in all five fields.
    """

    interval_ms: int
    open_ms: Stamps
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        """The number of rows, those without data included."""
        return len(self.open_ms)

    @property
    def first_ms(self) -> int:
        """When the first row opens."""
        return int(self.open_ms[0])

    @property
    def end_ms(self) -> int:
        """When the last row closes."""
        return int(self.open_ms[-1]) + self.interval_ms

    def fields(self) -> dict[str, Floats]:
        """The five arrays by name, as indicators read them."""
        return {name: getattr(self, name) for name in FIELDS}

    def rows(self, first: int, last: int) -> "Bars":
        """Rows ``first`` to ``last - 1``, as views."""
        return Bars(
            interval_ms=self.interval_ms,
            open_ms=self.open_ms[first:last],
            **{name: values[first:last] for name, values in self.fields().items()},
        )

    def row(self, index: int) -> Bar:
        """One row as a value of its own."""
        return Bar(
            open_ms=int(self.open_ms[index]),
            open=float(self.open[index]),
            high=float(self.high[index]),
            low=float(self.low[index]),
            close=float(self.close[index]),
            volume=float(self.volume[index]),
        )


def faults_in(
    open_ms: Stamps, fields: Mapping[str, Floats], interval_ms: int, allow_gaps: bool
) -> list[tuple[int, str]]:
    """What is wrong with rows as they were recorded: (row, what), rows counted from 0, in order of rows."""
    found: list[tuple[int, str]] = []

    def report(rows: NDArray[np.bool_], what: str, offset: int = 0) -> None:
        found.extend((int(row) + offset, what) for row in np.flatnonzero(rows))

    for name in FIELDS:
        report(~np.isfinite(fields[name]), f"{name} is not a finite number")
    for name in PRICE_FIELDS:
        report(fields[name] <= 0, f"{name} is not positive")
    report(fields["high"] < np.maximum(fields["open"], fields["close"]), "high is below open or close")
    report(fields["low"] > np.minimum(fields["open"], fields["close"]), "low is above open or close")
    report(fields["high"] < fields["low"], "high is below low")
    report(fields["volume"] < 0, "volume is negative")
    report(open_ms % interval_ms != 0, f"the time is not a multiple of {interval_ms} ms")
    steps = np.diff(open_ms)
    report(steps == 0, "the time is the same as in the row before", 1)
    report(steps < 0, "the time is earlier than in the row before", 1)
    if not allow_gaps:
        rows = np.flatnonzero(steps > interval_ms)
        found.extend((int(row) + 1, f"{int(steps[row]) // interval_ms - 1} bars are missing before it") for row in rows)
    return sorted(found)


def on_grid(open_ms: Stamps, fields: Mapping[str, Floats], interval_ms: int, first_ms: int, count: int) -> Bars:
    """Recorded rows set on a grid of ``count`` rows from ``first_ms``; NaN where nothing was recorded."""
    grid = first_ms + interval_ms * np.arange(count, dtype=np.int64)
    if len(open_ms) == count and open_ms[0] == first_ms and open_ms[-1] == grid[-1]:
        return Bars(interval_ms=interval_ms, open_ms=grid, **{name: fields[name] for name in FIELDS})
    places = (open_ms - first_ms) // interval_ms
    inside = (places >= 0) & (places < count)
    spread = {name: np.full(count, np.nan) for name in FIELDS}
    for name in FIELDS:
        spread[name][places[inside]] = fields[name][inside]
    return Bars(interval_ms=interval_ms, open_ms=grid, **spread)


def recorded_part(bars: Bars) -> Bars:
    """The rows from the first to the last that have data."""
    present = np.flatnonzero(~np.isnan(bars.close))
    return bars.rows(int(present[0]), int(present[-1]) + 1) if len(present) else bars.rows(0, 0)


def resampled(bars: Bars, interval_ms: int) -> Bars | None:
    """Coarser bars made of finer ones, only such as are covered from open to close; ``None`` when there is none.

    Rows without data are left out of the bar that they belong to; a bar of nothing else is NaN.
    """
    if not len(bars):
        return None
    per = interval_ms // bars.interval_ms
    skipped = -bars.first_ms % interval_ms // bars.interval_ms
    count = (len(bars) - skipped) // per
    if count <= 0:
        return None
    parts = {
        name: values[skipped : skipped + count * per].reshape(count, per) for name, values in bars.fields().items()
    }
    missing = np.isnan(parts["close"])
    if missing.any():
        present = ~missing
        rows = np.arange(count)
        opens = parts["open"][rows, present.argmax(axis=1)]
        closes = parts["close"][rows, per - 1 - present[:, ::-1].argmax(axis=1)]
        volumes = np.where(present.any(axis=1), np.nansum(parts["volume"], axis=1), np.nan)
    else:
        opens, closes, volumes = parts["open"][:, 0].copy(), parts["close"][:, -1].copy(), parts["volume"].sum(axis=1)
    return Bars(
        interval_ms=interval_ms,
        open_ms=bars.open_ms[skipped : skipped + count * per : per].copy(),
        open=opens,
        high=np.fmax.reduce(parts["high"], axis=1),
        low=np.fmin.reduce(parts["low"], axis=1),
        close=closes,
        volume=volumes,
    )


def extended_back(bars: Bars | None, older: Bars | None) -> Bars | None:
    """Bars with those of ``older`` (of the same interval) before them that adjoin without a gap."""
    if bars is None or older is None:
        return bars if older is None else older
    count = (bars.first_ms - older.first_ms) // bars.interval_ms
    if not 0 < count <= len(older):
        return bars
    before = older.rows(0, count)
    return Bars(
        interval_ms=bars.interval_ms,
        open_ms=np.concatenate((before.open_ms, bars.open_ms)),
        **{
            name: np.concatenate((values, later))
            for (name, values), later in zip(before.fields().items(), bars.fields().values(), strict=True)
        },
    )


def empty_bars(interval_ms: int) -> Bars:
    """No bars at all of an interval."""
    nothing = np.empty(0)
    stamps = np.empty(0, dtype=np.int64)
    return Bars(interval_ms=interval_ms, open_ms=stamps, **dict.fromkeys(FIELDS, nothing))


def price_of(value: float) -> Decimal:
    """A price as it was recorded: the shortest decimal that is this float."""
    return Decimal(int(value)) if value.is_integer() else Decimal(repr(value))
