"""A market that may show nonsense: true prices, at which the venue trades, and what is shown of them."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from engine.model.instrument import Instrument, MarginTier, hyperliquid_instrument
from engine.model.market import Bar, CoinSnapshot, Column, MarketSnapshot, Quote, Window, snapshot_of
from tests.fuzz.sight import Seen

MINUTE_MS = 60_000
CLOSES = Column("close")
NAN = Decimal("NaN")

TIERED = Instrument(
    venue="hyperliquid",
    coin="TIER",
    venue_symbol="TIER",
    size_decimals=1,
    max_price_decimals=5,
    tiers=(
        MarginTier(notional_usd=Decimal(0), max_leverage=20),
        MarginTier(notional_usd=Decimal(1500), max_leverage=10),
        MarginTier(notional_usd=Decimal(4000), max_leverage=3),
    ),
)
INSTRUMENTS: dict[str, Instrument] = {
    "BTC": hyperliquid_instrument("BTC", 5, 40),
    "ETH": hyperliquid_instrument("ETH", 4, 25),
    "SOL": hyperliquid_instrument("SOL", 2, 20),
    "DOGE": hyperliquid_instrument("DOGE", 0, 10),
    "kPEPE": hyperliquid_instrument("kPEPE", 0, 5),
    "TIER": TIERED,
}
PRICES = {"BTC": "61234.5", "ETH": "2987.1", "SOL": "151.23", "DOGE": "0.20511", "kPEPE": "0.011204", "TIER": "7.7"}

# What may be shown instead of the truth, and how often.
NONSENSE: tuple[tuple[str, int], ...] = (
    ("missing", 3),
    ("stale", 3),
    ("future", 2),
    ("NaN mark", 2),
    ("infinite mark", 1),
    ("zero mark", 1),
    ("negative mark", 1),
    ("tiny mark", 1),
    ("huge mark", 1),
    ("oracle NaN", 2),
    ("oracle off", 2),
    ("oracle missing", 3),
    ("interest missing", 2),
    ("interest NaN", 2),
    ("closes NaN", 1),
)


class Market:
    """True prices, at which the venue trades, and what is shown of them. ``door`` is what the gateway finds later."""

    coins = tuple(INSTRUMENTS)
    lacks: frozenset[str] = frozenset()

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.prices = {coin: Decimal(price) for coin, price in PRICES.items()}
        self.nonsense: dict[str, str] = {}
        self.door: Decimal | None = None
        walk = [100.0]
        for _ in range(60):
            walk.append(walk[-1] * rng.uniform(0.98, 1.02))
        self._closes = {
            coin: tuple(close * rng.uniform(0.999, 1.001) for close in walk)
            if rng.random() < 0.5
            else tuple(rng.uniform(90, 110) for _ in walk)
            for coin in self.coins
        }
        self._shown: dict[str, CoinSnapshot] = {}

    def move(self, now_ms: int, widest: float) -> None:
        """Every price a step on, and a new picture of it, here and there a wrong one."""
        rng = self._rng
        for coin, price in self.prices.items():
            step_up = Decimal(repr(1 + rng.uniform(-widest, widest)))
            self.prices[coin] = Decimal(f"{price * step_up:.5g}")
        self.nonsense.clear()
        if rng.random() < 0.25:
            kinds, weights = zip(*NONSENSE, strict=True)
            for coin in rng.sample(self.coins, rng.randint(1, 3)):
                self.nonsense[coin] = rng.choices(kinds, weights)[0]
        pictures = [self._picture(coin, price, now_ms) for coin, price in self.prices.items()]
        self._shown = {picture.coin: picture for picture in pictures if picture is not None}

    def _picture(self, coin: str, price: Decimal, now_ms: int) -> CoinSnapshot | None:
        true = CoinSnapshot(
            coin=coin, price_ms=now_ms - 1000, mark=price, mid=price, oracle=price, open_interest=2e6 / float(price)
        )
        match self.nonsense.get(coin):
            case "missing":
                return None
            case "stale":
                return replace(true, price_ms=now_ms - 3_600_000)
            case "future":
                return replace(true, price_ms=now_ms + 3_600_000)
            case "NaN mark":
                return replace(true, mark=NAN, mid=NAN)
            case "infinite mark":
                return replace(true, mark=Decimal("Infinity"))
            case "zero mark":
                return replace(true, mark=Decimal(0))
            case "negative mark":
                return replace(true, mark=-price)
            case "tiny mark":
                return replace(true, mark=Decimal("1E-14"))
            case "huge mark":
                return replace(true, mark=price * 1000)
            case "oracle NaN":
                return replace(true, oracle=NAN)
            case "oracle off":
                return replace(true, oracle=price * Decimal("1.3"))
            case "oracle missing":
                return replace(true, oracle=None)
            case "interest missing":
                return replace(true, open_interest=None)
            case "interest NaN":
                return replace(true, open_interest=float("nan"))
            case _:
                return true

    def seen(self) -> dict[str, Seen]:
        """What is shown, for the checker of the envelope."""
        return {
            coin: Seen(
                mark=shown.mark,
                price_ms=shown.price_ms,
                oracle=shown.oracle,
                open_interest=shown.open_interest,
                closes=self._closes_of(coin),
            )
            for coin, shown in self._shown.items()
        }

    def _closes_of(self, coin: str) -> tuple[float, ...]:
        return (float("nan"),) * 61 if self.nonsense.get(coin) == "closes NaN" else self._closes[coin]

    # As a market provider

    def declare(self, columns: Sequence[Column]) -> None:
        """It has closes and nothing else."""

    async def refresh(self, now_ms: int) -> None:
        """It is always as fresh as it will be."""

    def look(self, now_ms: int) -> MarketSnapshot:
        windows = {
            coin: Window(coin, {CLOSES: self._closes_of(coin)}, len(self._closes_of(coin)) - 1) for coin in self.coins
        }
        return snapshot_of(now_ms, list(self._shown.values()), windows)

    def look_at_the_door(self, now_ms: int) -> MarketSnapshot:
        """What the gateway sees: the same, unless prices have jumped by the factor ``door`` meanwhile."""
        if self.door is None:
            return self.look(now_ms)
        moved = [replace(seen, mark=seen.mark * self.door) for seen in self._shown.values() if seen.mark.is_finite()]
        return snapshot_of(now_ms, moved)

    # As the simulated venue's market

    def quote(self, coin: str, now_ms: int) -> Quote | None:
        price = self.prices.get(coin)
        return None if price is None else Quote(price=price, bar_volume=1e9 / float(price), bar_interval_ms=MINUTE_MS)

    def marks(self, now_ms: int) -> dict[str, Decimal | None]:
        return dict(self.prices)

    def bars_between(self, coin: str, after_ms: int, until_ms: int) -> Sequence[Bar]:
        return ()

    def funding_rate(self, coin: str, hour_ms: int) -> Decimal | None:
        return None
