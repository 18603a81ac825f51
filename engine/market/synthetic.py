"""The synthetic market: a pure function of seed and time, for runs that need no recording, no network and no key."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from engine.indicators import warmup_bars
from engine.market.bars import HOUR_MS, Bars, Floats, Stamps, price_of
from engine.market.funding import Funding
from engine.market.instruments import instrument_table
from engine.market.lattice import TICK_MS
from engine.market.recording import Recording
from engine.market.series import CoinSeries, SeriesWindow, declarations
from engine.market.touch import Touch, touch_inside, touched_price
from engine.market.world import PROFILES, World, gridded
from engine.model.instrument import Instrument
from engine.model.market import Bar, CoinSnapshot, Column, Found, GatheredSnapshot, MarketSnapshot, Marks, Quote

LONGEST_BAR_MS = HOUR_MS
BLOCK_BARS = 128  # bars are made in blocks, so that a value depends on its place and not on who asked first
WARMUP_STEP = 1024  # bars before a block, rounded up to this: more columns rarely change how far back a block reaches
SHOWN_BARS = 256  # how far back a window may be read with its columns settled
AVERAGE_BARS = 20
DAY_HOURS = 24
PRICE_SPAN = 256  # ticks whose prices are computed together
KEPT = 24  # of each cache

Key = TypeVar("Key")
Value = TypeVar("Value")


class SyntheticMarket:
    """Coins that move together and apart, calmly and wildly, in trends and in ranges, round the prices of late 2025.

    Prices stand still between whole seconds. Equal arguments give equal numbers, in whatever order they are asked for;
    everything kept here is a cache, except touches. ``bar_ms`` is the base bar: whole seconds, at most an hour.
    """

    def __init__(
        self,
        seed: int,
        coins: Sequence[str] = tuple(PROFILES),
        *,
        bar_ms: int = 60_000,
        start_prices: Mapping[str, float] | None = None,
        instruments: Mapping[str, Instrument] | None = None,
    ) -> None:
        """Raises ``ValueError`` for coins that it does not know, and for a bar that it cannot make."""
        table = instrument_table() if instruments is None else instruments
        prices = start_prices or {}
        unknown = [coin for coin in (*coins, *prices) if coin not in PROFILES or coin not in table]
        if unknown or not coins or len(dict.fromkeys(coins)) != len(coins):
            raise ValueError(f"coins were {', '.join(coins)}; known, once each: {', '.join(PROFILES)}")
        if bar_ms % TICK_MS or not TICK_MS <= bar_ms <= LONGEST_BAR_MS:
            raise ValueError(f"bar_ms was {bar_ms}; it must be whole seconds, at most {LONGEST_BAR_MS}")
        if not all(0 < price < 1e9 for price in prices.values()):
            raise ValueError(f"start prices must be positive: {prices}")
        self.coins = tuple(coins)
        self.interval_ms = bar_ms
        self.lacks = frozenset({"oracle"})
        self.instruments = {coin: table[coin] for coin in coins}
        profiles = [replace(PROFILES[coin], start_price=prices.get(coin, PROFILES[coin].start_price)) for coin in coins]
        self._world = World(seed, list(self.instruments.values()), profiles, bar_ms)
        self._rows = {coin: row for row, coin in enumerate(coins)}
        self._declared: dict[Column, int] = {}
        self._intervals: tuple[int, ...] = (bar_ms,)
        self._spans: dict[int, list[memoryview]] = {}
        self._blocks: dict[tuple[int, int], list[Bars]] = {}
        self._series: dict[tuple[int, ...], dict[str, CoinSeries]] = {}
        self._hours: dict[int, tuple[list[float], list[float], list[float]]] = {}
        self._touches: dict[str, Touch] = {}

    # As a market provider

    def declare(self, columns: Sequence[Column]) -> None:
        """Add columns to those that windows offer. Raises ``IndicatorError`` for one that cannot be had."""
        added = declarations(columns, self.interval_ms, self.lacks)
        if not added.keys() <= self._declared.keys():
            self._declared = {**self._declared, **added}
            self._intervals = tuple(sorted({self.interval_ms, *self._declared.values()}))
            self._blocks.clear()
            self._series.clear()

    def look(self, now_ms: int) -> MarketSnapshot:
        """The market at ``now_ms``; nothing of a coin is computed before it is asked for."""
        touches = self._touches
        return GatheredSnapshot(
            now_ms,
            self.coins,
            partial(self._assemble, now_ms, touches),
            partial(self._window, now_ms),
            partial(self._mark, now_ms, touches),
        )

    async def refresh(self, now_ms: int) -> None:
        """Nothing to fetch."""

    def price(self, coin: str, at_ms: int) -> float:
        """The price of a coin at any instant, USD, on its grid."""
        span, place = divmod(at_ms // TICK_MS, PRICE_SPAN)
        prices = self._spans.get(span)
        if prices is None:
            raw = self._world.lattice.prices(span * PRICE_SPAN, PRICE_SPAN)
            prices = [gridded(raw[row], self.instruments[name]).data for name, row in self._rows.items()]
            _keep(self._spans, span, prices)
        return float(prices[self._rows[coin]][place])

    def _mark(self, now_ms: int, touches: Mapping[str, Touch], coin: str) -> Decimal | None:
        if coin not in self._rows:
            return None
        touched = touched_price(touches.get(coin), now_ms)
        return price_of(self.price(coin, now_ms)) if touched is None else touched

    def _window(self, now_ms: int, coin: str) -> SeriesWindow | None:
        if coin not in self._rows:
            return None
        place = tuple(_block_of(now_ms, interval) for interval in self._intervals)
        series = self._series.get(place)
        if series is None:
            bars = {
                interval: self._block(interval, number) for interval, number in zip(self._intervals, place, strict=True)
            }
            series = {name: self._series_of(name, bars) for name in self.coins}
            _keep(self._series, place, series)
        return SeriesWindow(series[coin], now_ms)

    def _series_of(self, coin: str, blocks: Mapping[int, Sequence[Bars]]) -> CoinSeries:
        row = self._rows[coin]
        extras: dict[str, Callable[[Stamps], Floats]] = {
            "funding_rate": partial(self._funding_column, row),
            "open_interest": partial(self._interest_column, row),
        }
        base = blocks[self.interval_ms][row]
        return CoinSeries(coin, base, lambda interval_ms: blocks[interval_ms][row], self._declared, extras)

    def _assemble(self, now_ms: int, touches: Mapping[str, Touch], coin: str) -> CoinSnapshot | None:
        mark = self._mark(now_ms, touches, coin)
        if mark is None:
            return None
        row = self._rows[coin]
        bars, closed = self._closed_bar(row, now_ms)
        rates, interest, average_interest = self._hour(now_ms // HOUR_MS)
        hours, last_hour = self._hourly_bar(row, now_ms)
        day = slice(last_hour + 1 - DAY_HOURS, last_hour + 1)
        price = float(mark)
        return CoinSnapshot(
            coin=coin,
            price_ms=now_ms,
            mark=mark,
            mid=mark,
            funding_rate=Decimal(repr(rates[row])),
            open_interest=interest[row],
            open_interest_average=average_interest[row],
            volume=float(bars.volume[closed]),
            volume_average=float(bars.volume[closed + 1 - AVERAGE_BARS : closed + 1].mean()),
            day_volume_usd=float((hours.close[day] * hours.volume[day]).sum()),
            change_1h=price / self.price(coin, now_ms - HOUR_MS) - 1,
            change_4h=price / self.price(coin, now_ms - 4 * HOUR_MS) - 1,
        )

    # As the market of a simulated venue

    def quote(self, coin: str, now_ms: int) -> Quote | None:
        """What an order meets at ``now_ms``; the volume is that of the last closed bar."""
        price = self._mark(now_ms, self._touches, coin)
        if price is None:
            return None
        bars, closed = self._closed_bar(self._rows[coin], now_ms)
        return Quote(price=price, bar_volume=float(bars.volume[closed]), bar_interval_ms=self.interval_ms)

    def marks(self, now_ms: int) -> Marks:
        """The prices alone of what ``quote`` tells."""
        return Found(partial(self._mark, now_ms, self._touches))

    def bars_between(self, coin: str, after_ms: int, until_ms: int) -> Sequence[Bar]:
        """The bars that closed after ``after_ms`` and not later than ``until_ms``, oldest first."""
        first, last = after_ms // self.interval_ms, until_ms // self.interval_ms
        row = self._rows[coin]
        if last - first > BLOCK_BARS:
            made = self._world.bars(first, last - first, self.interval_ms)[row]
            return [made.row(index) for index in range(last - first)]
        return [self._bar(row, index) for index in range(first, last)]

    def funding_rate(self, coin: str, hour_ms: int) -> Decimal | None:
        """The rate of the period that ended at ``hour_ms``; ``None`` between the hours."""
        hour, beside = divmod(hour_ms, HOUR_MS)
        return None if beside else Decimal(repr(self._hour(hour)[0][self._rows[coin]]))

    def touch(self, coin: str, price: Decimal, at_ms: int) -> None:
        """Make ``price`` the coin's price from ``at_ms`` until its base bar ends.

        Raises ``ValueError`` when the bar that is under way then does not contain it.
        """
        bar = self._bar(self._rows[coin], at_ms // self.interval_ms)
        touch = touch_inside(coin, price, at_ms, bar.open_ms, self.interval_ms, bar.low, bar.high)
        self._touches = {**self._touches, coin: touch}  # a new mapping: snapshots keep the one that they began with

    # For a backtest, which wants whole columns

    def recording(self, from_ms: int, to_ms: int) -> Recording:
        """The bars from ``from_ms`` to ``to_ms``, with as much before them as the declared columns need to settle."""
        base = self.interval_ms
        start, end = from_ms // base, to_ms // base
        if end <= start:
            raise ValueError(f"no bar of {base} ms between {from_ms} and {to_ms}")
        before = self._warmup(base)
        bars = self._world.bars(start - before, end - start + before, base)
        drawn: dict[str, dict[int, Bars]] = {coin: {} for coin in self.coins}
        for interval in self._intervals[1:]:
            reach = self._warmup(interval) + (end - start) * base // interval + 1
            made = self._world.bars(end * base // interval - reach, reach, interval)
            for coin, row in self._rows.items():
                drawn[coin][interval] = made[row]
        first_hour, last_hour = (start - before) * base // HOUR_MS, end * base // HOUR_MS
        rates = self._world.funding_rates(first_hour, last_hour - first_hour + 1)
        return Recording(
            bars={coin: bars[row] for coin, row in self._rows.items()},
            coarser={},
            funding={
                coin: Funding(first_ms=first_hour * HOUR_MS, rates=np.ascontiguousarray(rates[row]))
                for coin, row in self._rows.items()
            },
            instruments=self.instruments,
            first_ms=start * base,
            last_ms=end * base,
            drawn=drawn,
        )

    # Blocks and hours: pure functions of their number, kept while they are in use

    def _block(self, interval_ms: int, number: int) -> list[Bars]:
        """The bars of a block and those before it that its columns settle on, of every coin."""
        blocks = self._blocks.get((interval_ms, number))
        if blocks is None:
            before = self._warmup(interval_ms)
            blocks = self._world.bars(number * BLOCK_BARS - before, before + BLOCK_BARS, interval_ms)
            _keep(self._blocks, (interval_ms, number), blocks)
        return blocks

    def _warmup(self, interval_ms: int) -> int:
        needed = [warmup_bars(column) for column, interval in self._declared.items() if interval == interval_ms]
        return -(-(max(needed, default=1) + SHOWN_BARS) // WARMUP_STEP) * WARMUP_STEP

    def _closed_bar(self, row: int, now_ms: int) -> tuple[Bars, int]:
        """The base bars of a coin, and the row of the last one closed at ``now_ms``."""
        bars = self._block(self.interval_ms, _block_of(now_ms, self.interval_ms))[row]
        return bars, (now_ms - bars.first_ms) // self.interval_ms - 1

    def _hourly_bar(self, row: int, now_ms: int) -> tuple[Bars, int]:
        bars = self._block(HOUR_MS, _block_of(now_ms, HOUR_MS))[row]
        return bars, (now_ms - bars.first_ms) // HOUR_MS - 1

    def _bar(self, row: int, index: int) -> Bar:
        """The base bar of that number, counted from 1970."""
        bars = self._block(self.interval_ms, index // BLOCK_BARS)[row]
        return bars.row(index - bars.first_ms // self.interval_ms)

    def _hour(self, hour: int) -> tuple[list[float], list[float], list[float]]:
        """Funding rate, open interest and its average over a day, of every coin."""
        found = self._hours.get(hour)
        if found is None:
            rates = self._world.funding_rates(hour, 1)[:, 0]
            interest = self._world.open_interest(np.arange(hour - DAY_HOURS + 1, hour + 1, dtype=np.int64))
            found = rates.tolist(), interest[:, -1].tolist(), interest.mean(axis=1).tolist()
            _keep(self._hours, hour, found)
        return found

    def _funding_column(self, row: int, at_ms: Stamps) -> Floats:
        hours = at_ms // HOUR_MS
        rates = self._world.funding_rates(int(hours[0]), int(hours[-1] - hours[0]) + 1)[row]
        return np.ascontiguousarray(rates[hours - hours[0]])

    def _interest_column(self, row: int, at_ms: Stamps) -> Floats:
        return np.ascontiguousarray(self._world.open_interest(at_ms // HOUR_MS)[row])


def _block_of(now_ms: int, interval_ms: int) -> int:
    """The number of the block in which the last bar closed at ``now_ms`` lies."""
    return (now_ms // interval_ms - 1) // BLOCK_BARS


def _keep(cache: dict[Key, Value], key: Key, value: Value) -> None:
    """Put a value in a cache, the oldest out when it is full."""
    if len(cache) >= KEPT:
        del cache[next(iter(cache))]
    cache[key] = value
