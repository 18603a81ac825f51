"""The recorded market: bars of the past, looked at as if each instant were now and never a bar further."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from engine.indicators import compute
from engine.market.bars import (
    DAY_MS,
    HOUR_MS,
    Bars,
    Floats,
    Stamps,
    empty_bars,
    extended_back,
    recorded_part,
    resampled,
)
from engine.market.funding import Funding
from engine.market.instruments import instrument_table
from engine.market.prices import Prices
from engine.market.recording import Recording, read_recording, recording_of_arrays
from engine.market.series import CoinSeries, declarations
from engine.market.snapshot import HistorySnapshot, MetPrices, ShownMarks
from engine.market.touch import Extremes, Touch, touch_inside
from engine.model.instrument import Instrument
from engine.model.market import Bar, CoinSnapshot, Column, Marks, Price, Quote

AVERAGE_BARS = 20  # over which CoinSnapshot.volume_average is taken


class HistoryMarket:
    """Recorded bars as a market provider and as the market of a simulated venue.

    At an instant t all bars closed by t are seen, and the open of the bar that opens at t or in which t lies: the mark.
    A coin without that bar, or without the bar before it, has no price then.
    """

    def __init__(self, recording: Recording) -> None:
        bars = recording.bars
        first = next(iter(bars.values()))
        self.coins = tuple(bars)
        self.interval_ms = first.interval_ms
        self.first_ms = recording.first_ms
        self.last_ms = recording.last_ms
        self.instruments = recording.instruments
        self.lacks = frozenset({"open_interest", "oracle"} | (set() if recording.funding else {"funding_rate"}))
        self._start_ms = first.first_ms
        self._count = len(first)
        self._bars = dict(bars)
        self._funding = dict(recording.funding)
        self._coarser = recording.coarser
        self._drawn = recording.drawn
        self._declared: dict[Column, int] = {}
        self._series = {coin: self._series_of(coin) for coin in self.coins}
        # after the last bar its close stays the price: one more row, so that it needs no case of its own
        self._prices = Prices({coin: np.append(of_coin.open, of_coin.close[-1]) for coin, of_coin in bars.items()})
        self._whole = not any(np.isnan(of_coin.close).any() for of_coin in bars.values())
        self._closes = {coin: of_coin.close.data for coin, of_coin in bars.items()}
        self._volumes = {coin: of_coin.volume.data for coin, of_coin in bars.items()}
        self._views: dict[tuple[Column, tuple[str, ...]], list[Sequence[float]]] = {}
        self._averages: dict[str, memoryview] = {}
        self._turnover: dict[str, memoryview] = {}
        self._extremes: dict[str, Extremes] = {}
        self._touches: dict[str, Touch] = {}
        self._now: HistorySnapshot | None = None  # the last look: most readers ask for the same instant

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        coins: Sequence[str] | None = None,
        base_interval_ms: int | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        allow_gaps: bool = False,
        instruments: Mapping[str, Instrument] | None = None,
    ) -> "HistoryMarket":
        """The market of a folder of candle files; see ``read_recording``. Raises ``HistoryFault``."""
        table = instrument_table() if instruments is None else instruments
        return cls(read_recording(folder, table, coins, base_interval_ms, from_ms, to_ms, allow_gaps))

    @classmethod
    def of_arrays(
        cls,
        open_ms: ArrayLike,
        bars: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike]],
        interval_ms: int,
        *,
        funding: Mapping[str, Funding] | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        allow_gaps: bool = False,
    ) -> "HistoryMarket":
        """The market of arrays (open, high, low, close, volume) a coin, all on the stamps ``open_ms``.

        Raises ``HistoryFault``.
        """
        table = instrument_table() if instruments is None else instruments
        return cls(recording_of_arrays(open_ms, bars, interval_ms, funding or {}, table, allow_gaps))

    # As a market provider

    def declare(self, columns: Sequence[Column]) -> None:
        """Add columns to those that windows offer. Raises ``IndicatorError`` for one that cannot be had."""
        self._declared.update(declarations(columns, self.interval_ms, self.lacks))

    def look(self, now_ms: int) -> HistorySnapshot:
        """The market at ``now_ms``; nothing of a coin is computed before it is asked for."""
        now = self._now
        if now is not None and now.time_ms == now_ms:
            return now
        row = (now_ms - self._start_ms) // self.interval_ms
        if row > self._count:
            row = self._count
        met = MetPrices(self._prices, row, now_ms, self._touches)
        self._now = now = HistorySnapshot(
            now_ms,
            self.coins,
            met if self._whole else ShownMarks(met, self._closes, row - 1),
            met=met,
            closed=row - 1,
            price_ms=self._start_ms + row * self.interval_ms,
            whole=self._whole,
            series=self._series,
            assembler=self,
        )
        return now

    async def refresh(self, now_ms: int) -> None:
        """Nothing to fetch."""

    def assemble(self, coin: str, price: Price, now_ms: int, closed: int) -> CoinSnapshot:
        """Everything about a coin that costs this much, the last closed bar being in row ``closed`` (-1: none)."""
        mark = float(price.mark)
        funding = self._funding.get(coin)
        rate = None if funding is None else funding.hourly(now_ms)
        return CoinSnapshot(
            coin=coin,
            price_ms=price.price_ms,
            mark=price.mark,
            mid=price.mid,
            funding_rate=None if rate is None else Decimal(repr(rate)),
            volume=self._volumes[coin][closed] if closed >= 0 else None,
            volume_average=_known(self._average_volume(coin), closed),
            day_volume_usd=self._day_volume_usd(coin, closed),
            change_1h=self._change(coin, mark, now_ms - HOUR_MS),
            change_4h=self._change(coin, mark, now_ms - 4 * HOUR_MS),
        )

    def views(self, column: Column, coins: tuple[str, ...]) -> Sequence[Sequence[float]]:
        """The whole column of each coin over the base bars; a snapshot reads one row of it."""
        found = self._views.get((column, coins))
        if found is None:
            found = self._views[column, coins] = [self._series[coin].base_columns[column] for coin in coins]
        return found

    def _change(self, coin: str, mark: float, then_ms: int) -> float | None:
        """Change of the price since ``then_ms``, a fraction."""
        before = _known(self._closes[coin], (then_ms - self._start_ms) // self.interval_ms - 1)
        return None if before is None else mark / before - 1

    def _average_volume(self, coin: str) -> memoryview:
        if coin not in self._averages:
            volume = np.nan_to_num(self._bars[coin].volume)
            average = compute(Column("volume_average", AVERAGE_BARS), {"volume": volume})
            self._averages[coin] = average.data
        return self._averages[coin]

    def _day_volume_usd(self, coin: str, closed: int) -> float | None:
        """What was traded in the last 24 hours, USD; ``None`` when there is less history than that."""
        if coin not in self._turnover:
            bars = self._bars[coin]
            self._turnover[coin] = np.concatenate(([0.0], np.cumsum(np.nan_to_num(bars.close * bars.volume)))).data
        before = closed + 1 - DAY_MS // self.interval_ms
        sums = self._turnover[coin]
        return float(sums[closed + 1] - sums[before]) if before >= 0 else None

    # As the market of a simulated venue

    def quote(self, coin: str, now_ms: int) -> Quote | None:
        """What an order meets at ``now_ms``; ``None`` where the recording has no bar.

        The volume is that of the last closed bar: that of the bar under way is not known yet.
        """
        now = self.look(now_ms)
        price = now.met[coin]
        if price is None:
            return None
        volume = self._volumes[coin][now.closed] if now.closed >= 0 else 0.0
        return Quote(price=price, bar_volume=volume if volume == volume else 0.0, bar_interval_ms=self.interval_ms)

    def marks(self, now_ms: int) -> Marks:
        """The prices alone of what ``quote`` tells."""
        return self.look(now_ms).met

    def bars_between(self, coin: str, after_ms: int, until_ms: int) -> Sequence[Bar]:
        """The bars that closed after ``after_ms`` and not later than ``until_ms``, oldest first."""
        bars = self._bars[coin]
        first = max((after_ms - self._start_ms) // self.interval_ms, 0)
        last = min((until_ms - self._start_ms) // self.interval_ms, self._count)
        closes = self._closes[coin]
        return [bars.row(index) for index in range(first, last) if closes[index] == closes[index]]

    def funding_rate(self, coin: str, hour_ms: int) -> Decimal | None:
        """The rate of the period that ended at ``hour_ms``; ``None`` when none did, or the recording lacks it."""
        funding = self._funding.get(coin)
        rate = None if funding is None else funding.at(hour_ms)
        return None if rate is None else Decimal(repr(rate))

    def touch(self, coin: str, price: Decimal, at_ms: int) -> None:
        """Make ``price`` the coin's price from ``at_ms`` until its bar ends.

        Raises ``ValueError`` when the bar that is under way then does not contain it.
        """
        index = (at_ms - self._start_ms) // self.interval_ms
        if not 0 <= index < self._count:
            raise ValueError(f"{coin}: no bar is under way at {at_ms}")
        bars = self._bars[coin]
        open_ms = self._start_ms + index * self.interval_ms
        low, high = float(bars.low[index]), float(bars.high[index])
        touch = touch_inside(coin, price, at_ms, open_ms, self.interval_ms, low, high)
        self._now = None
        self._touches = {**self._touches, coin: touch}  # a new mapping: snapshots keep the one that they began with

    # For the driver, which is trusted not to read ahead

    def arrays(self, coin: str) -> Bars:
        """All base bars of a coin; row i of every coin opens at the same instant."""
        return self._bars[coin]

    def columns(self, coin: str) -> dict[Column, Floats]:
        """The declared columns over the base bars; those of coarser bars hold their last closed value."""
        return {column: self._series[coin].aligned(column) for column in self._declared}

    def index_at(self, now_ms: int) -> int:
        """The row of the last bar closed at ``now_ms``; -1 when none was."""
        return max(min((now_ms - self._start_ms) // self.interval_ms, self._count) - 1, -1)

    def extremes(self, coin: str, first: int, last: int) -> tuple[float, float]:
        """(lowest low, highest high) over rows ``first`` to ``last - 1``."""
        if coin not in self._extremes:
            self._extremes[coin] = Extremes(self._bars[coin])
        return self._extremes[coin].over(first, last)

    @property
    def missing_funding(self) -> dict[str, int]:
        """How many funding periods between ``first_ms`` and ``last_ms`` have no known rate, by coin."""
        return {coin: funding.missing(self.first_ms, self.last_ms) for coin, funding in self._funding.items()}

    def _series_of(self, coin: str) -> CoinSeries:
        extras: dict[str, Callable[[Stamps], Floats]] = {}
        if coin in self._funding:
            extras["funding_rate"] = self._funding[coin].hourly_column
        return CoinSeries(coin, self._bars[coin], partial(self._coarser_bars, coin), self._declared, extras)

    def _coarser_bars(self, coin: str, interval_ms: int) -> Bars:
        """Bars of a coarser interval: of base bars as far as they go, before that of what coarser recordings add."""
        if coin in self._drawn and interval_ms in self._drawn[coin]:
            return self._drawn[coin][interval_ms]
        found = resampled(recorded_part(self._bars[coin]), interval_ms)
        for older in self._coarser.get(coin, ()):
            if interval_ms % older.interval_ms == 0:
                found = extended_back(found, resampled(older, interval_ms))
        return empty_bars(interval_ms) if found is None else found


def _known(values: memoryview, index: int) -> float | None:
    """The value at ``index``; ``None`` where there is none, or NaN."""
    if not 0 <= index < len(values):
        return None
    value = float(values[index])
    return value if value == value else None
