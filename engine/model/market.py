"""What the market looks like at one instant: bars, columns of indicators, one snapshot for all traders."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

NAN = float("nan")


class Bar(Struct, frozen=True, kw_only=True, gc=False):
    """One closed candle; ``open_ms`` is the instant at which it opened, volume is in coins."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Column(Struct, frozen=True, gc=False):
    """The name of one column of numbers over the closed bars of a coin.

    ``indicator`` is one of ``engine.indicators.INDICATORS`` (``ema``, ``rsi``, ``atr``, ``macd``, ``macd_signal``,
    ``macd_histogram``, ``bollinger_upper``, ``bollinger_middle``, ``bollinger_lower``), a bar field (``open``,
    ``high``, ``low``, ``close``, ``volume``) or ``funding_rate`` and ``open_interest``. ``interval_ms`` 0 means the
    base bar.
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


class CoinSnapshot(Struct, frozen=True, kw_only=True):
    """One coin at one instant. Prices in USD, the funding rate a fraction per hour, volume and open interest in coins.

    ``price_ms`` is when ``mark`` was true. ``None`` means that the provider has no such number.
    """

    coin: str
    price_ms: int
    mark: Decimal
    mid: Decimal
    oracle: Decimal | None = None
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


class MarketSnapshot:
    """All coins at one instant; a coin is assembled when it is first asked for and stays the same afterwards."""

    __slots__ = ("_build", "_coins", "_window", "coins", "time_ms")

    def __init__(
        self,
        time_ms: int,
        coins: tuple[str, ...],
        build: Callable[[str], CoinSnapshot | None],
        window: Callable[[str], Window | None],
    ) -> None:
        self.time_ms = time_ms
        self.coins = coins
        self._build = build
        self._window = window
        self._coins: dict[str, CoinSnapshot | None] = {}

    def coin(self, coin: str) -> CoinSnapshot | None:
        """The snapshot of a coin; ``None`` when the market has no usable price for it at this instant."""
        if coin in self._coins:
            return self._coins[coin]
        found = self._build(coin)
        self._coins[coin] = found
        return found

    def mark(self, coin: str) -> Decimal | None:
        """The mark price in USD; ``None`` when there is none."""
        found = self.coin(coin)
        return None if found is None else found.mark

    def window(self, coin: str) -> Window | None:
        """The closed bars and indicator columns of a coin; ``None`` when there are no bars."""
        return self._window(coin)

    def __iter__(self) -> Iterator[CoinSnapshot]:
        """Every coin that has a price, in the order of ``coins``."""
        for coin in self.coins:
            found = self.coin(coin)
            if found is not None:
                yield found


def snapshot_of(
    time_ms: int, coins: Sequence[CoinSnapshot], windows: Mapping[str, Window] | None = None
) -> MarketSnapshot:
    """A snapshot of coins that are at hand already, as a replay or a test has them."""
    by_coin = {found.coin: found for found in coins}
    return MarketSnapshot(time_ms, tuple(by_coin), by_coin.get, (windows or {}).get)
