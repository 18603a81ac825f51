"""A cheap market: seeded minute bars that are drawn when they are asked for, and a view of it that may grow stale."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

from engine.manager.ports import VenueUnreachable
from engine.model.instrument import Instrument, hyperliquid_instrument, round_price
from engine.model.market import Bar, CoinSnapshot, Column, Found, GatheredSnapshot, MarketSnapshot, Marks, Quote
from engine.simulation.clock import MachineClock
from engine.simulation.faults import Faults

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
STEP_MS = 1_000  # a price stands that long
VOLUME_USD = 100_000.0  # of a minute
START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0, "XRP": 2.0, "DOGE": 0.2, "BNB": 600.0}
INSTRUMENTS: dict[str, Instrument] = {
    "BTC": hyperliquid_instrument("BTC", 5, 40),
    "ETH": hyperliquid_instrument("ETH", 4, 25),
    "SOL": hyperliquid_instrument("SOL", 2, 20),
    "XRP": hyperliquid_instrument("XRP", 0, 20),
    "DOGE": hyperliquid_instrument("DOGE", 0, 10),
    "BNB": hyperliquid_instrument("BNB", 3, 10),
}


class Walk:
    """Prices of a few coins from ``origin_ms`` on, satisfying ``engine.exchange.sim.ports.SimMarket``.

    Within its minute a price goes in steps from open over both extremes to close along straight lines, so every price
    lies inside its bar. ``move`` is the deviation of a minute's return. Halted coins have no quote.
    """

    def __init__(self, random: Random, coins: Sequence[str], origin_ms: int, move: float) -> None:
        self.coins = tuple(coins)
        self.halted: dict[str, int] = {}
        self.jumps: dict[tuple[str, int], float] = {}
        self._origin_ms = origin_ms
        self._move = move
        self._bars: dict[str, list[Bar]] = {coin: [] for coin in coins}
        self._random = {coin: Random(random.getrandbits(64)) for coin in coins}
        self._rates = {coin: Decimal(random.randint(-40, 60)).scaleb(-6) for coin in coins}
        self._cached: dict[str, tuple[int, Decimal]] = {}

    def bar(self, coin: str, minute: int) -> Bar:
        """The bar of a minute since the origin; those before it are drawn first."""
        bars = self._bars[coin]
        while len(bars) <= minute:
            bars.append(self._draw(coin, len(bars)))
        return bars[minute]

    def price(self, coin: str, at_ms: int) -> Decimal:
        """The price at an instant, USD, on the coin's grid."""
        since_ms = max(0, at_ms - self._origin_ms)
        since_ms -= since_ms % STEP_MS
        cached = self._cached.get(coin)
        if cached is not None and cached[0] == since_ms:
            return cached[1]
        minute, inside_ms = divmod(since_ms, MINUTE_MS)
        bar = self.bar(coin, minute)
        way = (bar.open, bar.low, bar.high, bar.close) if minute % 2 else (bar.open, bar.high, bar.low, bar.close)
        leg, part = divmod(3 * inside_ms / MINUTE_MS, 1)
        start, end = way[int(leg)], way[int(leg) + 1]
        price = round_price(Decimal(repr(start + (end - start) * part)), INSTRUMENTS[coin], "nearest")
        self._cached[coin] = (since_ms, price)
        return price

    def quote(self, coin: str, now_ms: int) -> Quote | None:
        """What an order meets."""
        if self.is_halted(coin, now_ms):
            return None
        volume = VOLUME_USD / START_PRICES[coin]
        return Quote(price=self.price(coin, now_ms), bar_volume=volume, bar_interval_ms=MINUTE_MS)

    def is_halted(self, coin: str, now_ms: int) -> bool:
        """Whether the coin is not traded at the moment."""
        return self.halted.get(coin, 0) > now_ms

    def marks(self, now_ms: int) -> Marks:
        """The prices alone of what ``quote`` tells."""
        return Found(lambda coin: None if (quote := self.quote(coin, now_ms)) is None else quote.price)

    def bars_between(self, coin: str, after_ms: int, until_ms: int) -> Sequence[Bar]:
        """The bars that closed in between."""
        first = max(0, (after_ms - self._origin_ms) // MINUTE_MS)
        last = max(0, (until_ms - self._origin_ms) // MINUTE_MS)
        return [self.bar(coin, minute) for minute in range(first, last)]

    def funding_rate(self, coin: str, hour_ms: int) -> Decimal | None:
        """The fraction that longs pay at a full hour."""
        return None if hour_ms % HOUR_MS else self._rates[coin]

    def _draw(self, coin: str, minute: int) -> Bar:
        bars, random = self._bars[coin], self._random[coin]
        opened = bars[-1].close if bars else START_PRICES[coin]
        change = random.gauss(0.0, self._move) + self.jumps.get((coin, minute), 0.0)
        close = self._gridded(coin, opened * max(0.2, 1 + change))
        high = self._gridded(coin, max(opened, close) * (1 + abs(random.gauss(0.0, self._move / 2))))
        low = self._gridded(coin, min(opened, close) * (1 - min(0.5, abs(random.gauss(0.0, self._move / 2)))))
        return Bar(
            open_ms=self._origin_ms + minute * MINUTE_MS,
            open=opened,
            high=max(high, opened, close),
            low=min(low, opened, close),
            close=close,
            volume=VOLUME_USD / START_PRICES[coin],
        )

    @staticmethod
    def _gridded(coin: str, price: float) -> float:
        return float(round_price(Decimal(repr(price)), INSTRUMENTS[coin], "nearest"))


class Window:
    """What one process has seen of the market, satisfying ``engine.manager.ports.MarketProvider``.

    ``outage`` tells whether it can be read at the moment, ``pause`` lets the time of a read pass.
    """

    lacks = frozenset(("open_interest", "volume", "oracle"))

    def __init__(self, walk: Walk, machine: MachineClock, faults: Faults, outage: Callable[[], bool]) -> None:
        self.coins = walk.coins
        self._walk = walk
        self._machine = machine
        self._faults = faults
        self._outage = outage
        self._prices: dict[str, Decimal] = {}
        self._seen_ms = 0

    def declare(self, columns: Sequence[Column]) -> None:
        """There are no columns: nobody reads bars here."""

    def look(self, now_ms: int) -> MarketSnapshot:
        """The prices as they were read last, with the age they have."""
        return GatheredSnapshot(now_ms, self.coins, self._coin, lambda coin: None)

    async def refresh(self, now_ms: int) -> None:
        """Read all prices. Raises ``VenueUnreachable``."""
        true_ms = self._machine.true_ms()
        if self._outage() or self._faults.fires("read_failed", self._machine.timeline.now_ms, "prices"):
            raise VenueUnreachable("prices cannot be read")
        self._prices = {
            coin: self._walk.price(coin, true_ms) for coin in self.coins if not self._walk.is_halted(coin, true_ms)
        }
        self._seen_ms = now_ms

    def _coin(self, coin: str) -> CoinSnapshot | None:
        price = self._prices.get(coin)
        if price is None:
            return None
        return CoinSnapshot(
            coin=coin, price_ms=self._seen_ms, mark=price, mid=price, funding_rate=self._walk.funding_rate(coin, 0)
        )
