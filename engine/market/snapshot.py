"""A snapshot that tells a coin's mark without assembling the rest of what it knows of the coin."""

from collections.abc import Callable
from decimal import Decimal

from engine.model.market import CoinSnapshot, MarketSnapshot, Window


class PricedSnapshot(MarketSnapshot):
    """All coins at one instant; most readers of a backtest want nothing but marks, and a mark is one look-up."""

    __slots__ = ("_marks", "_price")

    def __init__(
        self,
        time_ms: int,
        coins: tuple[str, ...],
        build: Callable[[str], CoinSnapshot | None],
        window: Callable[[str], Window | None],
        price: Callable[[str], Decimal | None],
    ) -> None:
        super().__init__(time_ms, coins, build, window)
        self._price = price
        self._marks: dict[str, Decimal | None] = {}

    def mark(self, coin: str) -> Decimal | None:
        """The mark price in USD, the same that ``coin`` shows; ``None`` when there is none."""
        if coin not in self._marks:
            self._marks[coin] = self._price(coin)
        return self._marks[coin]
