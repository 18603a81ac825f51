"""Tapes: recorded and synthetic markets as the spans of bars that a driver plays."""

from collections.abc import Sequence
from decimal import Decimal

from engine.executor.ports import Columns
from engine.market.bars import Bars
from engine.market.history import HistoryMarket
from engine.market.synthetic import SyntheticMarket
from engine.model.market import Column


class HistoryTape:
    """A recording as a tape."""

    def __init__(self, market: HistoryMarket) -> None:
        self._market = market
        self.interval_ms = market.interval_ms
        self.coins = market.coins

    def bars_over(self, coin: str, from_ms: int, to_ms: int) -> Bars:
        """The base bars that open in [from, to)."""
        first, last = self._rows(from_ms, to_ms)
        return self._market.arrays(coin).rows(first, last)

    def columns_over(self, coin: str, from_ms: int, to_ms: int) -> Columns:
        """The declared columns over the same bars."""
        first, last = self._rows(from_ms, to_ms)
        return {column: values[first:last] for column, values in self._market.columns(coin).items()}

    def touch(self, coin: str, price: Decimal, at_ms: int) -> None:
        """Make a price inside the running bar the current one."""
        self._market.touch(coin, price, at_ms)

    def _rows(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        first = self._market.index_at(from_ms) + 1
        return first, first + (to_ms - from_ms) // self.interval_ms


class SyntheticTape(HistoryTape):
    """A span of the synthetic market as a tape: bars drawn at once, touches passed on to the market that is played."""

    def __init__(self, market: SyntheticMarket, columns: Sequence[Column], from_ms: int, to_ms: int) -> None:
        drawn = HistoryMarket(market.recording(from_ms, to_ms))
        drawn.declare([column for column in columns if column.indicator not in drawn.lacks])
        super().__init__(drawn)
        self._played = market

    def touch(self, coin: str, price: Decimal, at_ms: int) -> None:
        """Make a price inside the running bar the current one."""
        self._played.touch(coin, price, at_ms)


def tape_of(
    market: HistoryMarket | SyntheticMarket, columns: Sequence[Column], from_ms: int, to_ms: int
) -> HistoryTape:
    """The span [from, to) of a market; ``columns`` are those that strategies name their points by."""
    if isinstance(market, HistoryMarket):
        return HistoryTape(market)
    return SyntheticTape(market, columns, from_ms, to_ms)


def whole_bars(market: HistoryMarket, from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
    """The span to play: what was asked for, cut to whole bars that the recording has."""
    first = market.first_ms if from_ms is None else max(from_ms, market.first_ms)
    last = market.last_ms if to_ms is None else min(to_ms, market.last_ms)
    interval = market.interval_ms
    return -(-first // interval) * interval, last - last % interval
