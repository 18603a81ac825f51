"""What the market looks like at one instant: bars, columns of indicators, one snapshot for all traders."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

from msgspec import Struct

NAN = float("nan")
Value = TypeVar("Value")


class Bar(Struct, frozen=True, kw_only=True, gc=False):
    """One closed candle; ``open_ms`` is the instant at which it opened, volume is in coins."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Column(Struct, frozen=True, gc=False, cache_hash=True):
    """The name of one column of numbers over the closed bars of a coin.

    ``indicator`` is one of ``engine.indicators.INDICATORS`` (``ema``, ``rsi``, ``atr``, ``macd``, ``macd_signal``,
    ``macd_histogram``, ``bollinger_upper``, ``bollinger_middle``, ``bollinger_lower``, ``momentum``, ``channel_high``,
    ``channel_low``, ``volume_average``), a bar field (``open``, ``high``, ``low``, ``close``, ``volume``) or
    ``funding_rate`` and ``open_interest``. ``interval_ms`` 0 means the base bar.
    """

    indicator: str
    period: int = 0
    interval_ms: int = 0


class Window:
    """The columns of one coin up to and including the last closed bar; nothing later can be read through it."""

    __slots__ = ("_columns", "coin", "index")

    def __init__(self, coin: str, columns: Mapping[Column, Sequence[float]], index: int) -> None:
        self.coin = coin
        self.index = index
        self._columns = columns

    def value(self, column: Column, back: int = 0) -> float:
        """The value ``back`` bars before the last closed one; NaN before the indicator is warm."""
        place = self.index - back
        return self._columns[column][place] if 0 <= place <= self.index else NAN

    def last(self, column: Column, count: int) -> list[float]:
        """Up to ``count`` values, oldest first, ending at the last closed bar."""
        start = max(0, self.index + 1 - count)
        return [float(value) for value in self._columns[column][start : self.index + 1]]


class Price(Struct, frozen=True, kw_only=True, gc=False):
    """What one coin costs at one instant, in USD; ``price_ms`` is when ``mark`` was true.

    ``oracle`` ``None`` means that the provider has no such price.
    """

    coin: str
    price_ms: int
    mark: Decimal
    mid: Decimal
    oracle: Decimal | None = None


class CoinSnapshot(Price, frozen=True, kw_only=True):
    """One coin at one instant. The funding rate is a fraction per hour, volume and open interest are in coins.

    ``None`` means that the provider has no such number.
    """

    funding_rate: Decimal | None = None
    open_interest: float | None = None
    open_interest_average: float | None = None
    volume: float | None = None
    volume_average: float | None = None
    day_volume_usd: float | None = None
    change_1h: float | None = None
    change_4h: float | None = None


class Quote(Struct, frozen=True, kw_only=True, gc=False):
    """What an order meets at one instant: the middle price in USD, and how many coins trade in a bar of that length."""

    price: Decimal
    bar_volume: float
    bar_interval_ms: int


Marks = Mapping[str, Decimal | None]


class MarketSnapshot(ABC):
    """All coins at one instant. What is known of a coin is found when it is first asked for and stays the same then.

    ``marks[coin]`` is its mark price in USD, ``None`` where it has none; any name may be looked up.
    """

    __slots__ = ("coins", "marks", "time_ms")

    def __init__(self, time_ms: int, coins: tuple[str, ...], marks: Marks) -> None:
        self.time_ms = time_ms
        self.coins = coins
        self.marks = marks

    @abstractmethod
    def coin(self, coin: str) -> CoinSnapshot | None:
        """Everything about a coin; ``None`` when the market has no usable price for it at this instant."""

    @abstractmethod
    def window(self, coin: str) -> Window | None:
        """The closed bars and indicator columns of a coin; ``None`` when there are no bars."""

    def price(self, coin: str) -> Price | None:
        """What a coin costs, without the rest; ``None`` when ``coin`` is."""
        return self.coin(coin)

    def mark(self, coin: str) -> Decimal | None:
        """The mark price in USD; ``None`` when there is none."""
        return self.marks[coin]

    def unpriced(self, coins: Iterable[str]) -> str | None:
        """The first of the coins that has no mark; ``None`` when all have."""
        marks = self.marks
        for coin in coins:
            if marks[coin] is None:
                return coin
        return None

    def value(self, coin: str, column: Column) -> float:
        """The value of a column at the last closed bar; NaN before it is warm, and for a coin without bars."""
        window = self.window(coin)
        return NAN if window is None else window.value(column)

    def values(self, column: Column, coins: tuple[str, ...]) -> list[float]:
        """The same of several coins of this snapshot, in their order."""
        return [self.value(coin, column) for coin in coins]

    def __iter__(self) -> Iterator[CoinSnapshot]:
        """Every coin that has a price, in the order of ``coins``."""
        for coin in self.coins:
            found = self.coin(coin)
            if found is not None:
                yield found


class GatheredSnapshot(MarketSnapshot):
    """A snapshot whose coins are built one by one, by a function of the provider."""

    __slots__ = ("_coins", "_window")

    def __init__(
        self,
        time_ms: int,
        coins: tuple[str, ...],
        build: Callable[[str], CoinSnapshot | None],
        window: Callable[[str], Window | None],
        mark: Callable[[str], Decimal | None] | None = None,
    ) -> None:
        """``mark`` tells the mark of a coin where that takes less than to build it."""
        self._coins = Found(build)
        self._window = window
        super().__init__(time_ms, coins, Found(partial(_mark_of, self._coins) if mark is None else mark))

    def coin(self, coin: str) -> CoinSnapshot | None:
        """What the provider built."""
        return self._coins[coin]

    def window(self, coin: str) -> Window | None:
        """What the provider has."""
        return self._window(coin)


class Found(dict[str, Value]):
    """What a function says of each coin, asked once."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[str], Value]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, coin: str) -> Value:
        found = self[coin] = self._find(coin)
        return found


def _mark_of(coins: Mapping[str, CoinSnapshot | None], coin: str) -> Decimal | None:
    found = coins[coin]
    return None if found is None else found.mark


def snapshot_of(
    time_ms: int, coins: Sequence[CoinSnapshot], windows: Mapping[str, Window] | None = None
) -> MarketSnapshot:
    """A snapshot of coins that are at hand already, as a replay or a test has them."""
    by_coin = {found.coin: found for found in coins}
    return GatheredSnapshot(time_ms, tuple(by_coin), by_coin.get, (windows or {}).get)
