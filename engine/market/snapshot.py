"""Snapshots of recorded bars: one row of many columns, of which nothing is read before it is asked for."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from engine.market.prices import Prices
from engine.market.series import CoinSeries, SeriesWindow
from engine.market.touch import Touch, touched_price
from engine.model.market import NAN, CoinSnapshot, Column, MarketSnapshot, Marks, Price


class MetPrices(dict[str, Decimal | None]):
    """What an order meets at one instant: by coin the open of the bar under way, or what was touched inside it.

    Nothing is looked up before the first coin is asked for; then all are, because whoever values an account wants them
    one after the other. A name that is not recorded has no price.
    """

    __slots__ = ("_now_ms", "_opens", "_row", "_touches")

    def __init__(self, opens: Prices, row: int, now_ms: int, touches: Mapping[str, Touch]) -> None:
        super().__init__()
        self._opens = opens
        self._row = row
        self._now_ms = now_ms
        self._touches = touches

    def __missing__(self, coin: str) -> Decimal | None:
        if not self and self._row >= 0:
            self.update(self._opens.row(self._row))
            for name, touch in self._touches.items():
                touched = touched_price(touch, self._now_ms)
                if touched is not None:
                    self[name] = touched
        return self.setdefault(coin, None)


class ShownMarks(dict[str, Decimal | None]):
    """What a look shows of a recording with gaps: the price that is met, where the bar closed last is known as well."""

    __slots__ = ("_closed", "_closes", "_met")

    def __init__(self, met: MetPrices, closes: Mapping[str, memoryview], closed: int) -> None:
        super().__init__()
        self._met = met
        self._closes = closes
        self._closed = closed

    def __missing__(self, coin: str) -> Decimal | None:
        found = self._met[coin]
        if found is not None and self._closed >= 0 and (close := self._closes[coin][self._closed]) != close:
            found = None
        self[coin] = found
        return found


class Assembler(Protocol):
    """Who knows the rest of what a recording tells of a coin."""

    def assemble(self, coin: str, price: Price, now_ms: int, closed: int) -> CoinSnapshot:
        """Everything about a coin that costs this much, the last closed bar being in row ``closed`` (-1: none)."""
        ...

    def views(self, column: Column, coins: tuple[str, ...]) -> Sequence[Sequence[float]]:
        """The whole column of each coin over the base bars."""
        ...


class HistorySnapshot(MarketSnapshot):
    """A recording at one instant. ``met`` is what orders meet then; ``closed`` the row of the last closed bar, or -1.

    ``whole`` tells that no row lacks data: then every coin recorded has a price at every instant but before the first.
    """

    __slots__ = ("_assembler", "_coins", "_price_ms", "_series", "closed", "met", "whole")

    def __init__(
        self,
        time_ms: int,
        coins: tuple[str, ...],
        marks: Marks,
        *,
        met: MetPrices,
        closed: int,
        price_ms: int,
        whole: bool,
        series: Mapping[str, CoinSeries],
        assembler: Assembler,
    ) -> None:
        self.time_ms = time_ms  # without the base's own __init__: a backtest makes one of these for every bar
        self.coins = coins
        self.marks = marks
        self.met = met
        self.closed = closed
        self.whole = whole
        self._price_ms = price_ms
        self._series = series
        self._assembler = assembler
        self._coins: dict[str, CoinSnapshot] | None = None

    def coin(self, coin: str) -> CoinSnapshot | None:
        """Everything about a coin, worked out once."""
        if self._coins is None:
            self._coins = {}
        found = self._coins.get(coin)
        if found is None:
            price = self.price(coin)
            if price is None:
                return None
            found = self._coins[coin] = self._assembler.assemble(coin, price, self.time_ms, self.closed)
        return found

    def price(self, coin: str) -> Price | None:
        """What a coin costs, without the rest."""
        mark = self.marks[coin]
        return None if mark is None else Price(coin=coin, price_ms=self._price_ms, mark=mark, mid=mark)

    def window(self, coin: str) -> SeriesWindow | None:
        """The columns up to the last closed bar; ``None`` before there is one."""
        series = self._series.get(coin)
        return None if series is None or self.closed < 0 else SeriesWindow(series, self.time_ms)

    def value(self, coin: str, column: Column) -> float:
        """The value of a column at the last closed bar of its interval, as ``window`` tells it."""
        if column.interval_ms:
            return super().value(coin, column)
        series = self._series.get(coin)
        return NAN if series is None or self.closed < 0 else series.base_columns[column][self.closed]

    def values(self, column: Column, coins: tuple[str, ...]) -> list[float]:
        """The same of several coins of this snapshot, in their order."""
        row = self.closed
        if row < 0 or column.interval_ms:
            return super().values(column, coins)
        return [view[row] for view in self._assembler.views(column, coins)]

    def unpriced(self, coins: Iterable[str]) -> str | None:
        """The first of the coins that has no mark; ``None`` when all have."""
        return None if self.whole and self.closed >= 0 else super().unpriced(coins)
