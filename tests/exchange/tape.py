"""A market whose bars a test writes down, and a simulated account on it."""

from collections.abc import Coroutine, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from engine.clock import SimClock
from engine.exchange.sim.exchange import SimExchange
from engine.exchange.sim.settings import SimSettings
from engine.model.instrument import Instrument, MarginTier, hyperliquid_instrument
from engine.model.market import Bar, Found, Marks, Quote
from engine.model.order import Accepted, Action, Fill, Order, OrderReport, OrderStyle, Side

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
START_MS = 1_700_002_800_000  # a full hour
T = TypeVar("T")

COINS: dict[str, Instrument] = {
    "BTC": hyperliquid_instrument("BTC", 5, 40),
    "ETH": hyperliquid_instrument("ETH", 4, 25),
    "TIER": Instrument(
        venue="hyperliquid",
        coin="TIER",
        venue_symbol="TIER",
        size_decimals=2,
        max_price_decimals=4,
        tiers=(
            MarginTier(notional_usd=Decimal(0), max_leverage=20),
            MarginTier(notional_usd=Decimal(10_000), max_leverage=10),
        ),
    ),
}

FREE = SimSettings(
    initial_balance_usd=Decimal(10_000),
    maker_fee_bps=Decimal(0),
    taker_fee_bps=Decimal(0),
    spread_bps=Decimal(0),
    impact_bps=Decimal(0),
    max_participation_pct=None,
    latency_ms=0,
    funding=False,
)


class Tape:
    """Minute bars by coin from ``START_MS`` on. The price is the open of the running bar, or what ``touch`` said."""

    def __init__(self, **prices: Sequence[float | tuple[float, float, float, float]]) -> None:
        self.bars: dict[str, list[Bar]] = {}
        self.rates: dict[tuple[str, int], Decimal] = {}
        self.touched: dict[str, Decimal] = {}
        self.silent: list[str] = []
        for coin, rows in prices.items():
            for row in rows:
                self.add(coin, row)

    def add(self, coin: str, row: float | tuple[float, float, float, float], volume: float = 100.0) -> None:
        """One more bar: open, high, low, close, or one number for all four."""
        bars = self.bars.setdefault(coin, [])
        opened, high, low, close = row if isinstance(row, tuple) else (row, row, row, row)
        bars.append(
            Bar(
                open_ms=START_MS + len(bars) * MINUTE_MS,
                open=float(opened),
                high=float(high),
                low=float(low),
                close=float(close),
                volume=volume,
            )
        )

    def touch(self, coin: str, price: str) -> None:
        """From now on this is the price, whatever the bars say."""
        self.touched[coin] = Decimal(price)

    def quote(self, coin: str, now_ms: int) -> Quote | None:
        if coin in self.silent or coin not in self.bars:
            return None
        bars = self.bars[coin]
        place = (now_ms - START_MS) // MINUTE_MS
        bar = bars[min(place, len(bars) - 1)]
        price = bar.open if place < len(bars) else bar.close
        return Quote(
            price=self.touched.get(coin, Decimal(repr(price))), bar_volume=bar.volume, bar_interval_ms=MINUTE_MS
        )

    def marks(self, now_ms: int) -> Marks:
        return Found(lambda coin: None if (quote := self.quote(coin, now_ms)) is None else quote.price)

    def bars_between(self, coin: str, after_ms: int, until_ms: int) -> Sequence[Bar]:
        return [bar for bar in self.bars.get(coin, []) if after_ms < bar.open_ms + MINUTE_MS <= until_ms]

    def funding_rate(self, coin: str, hour_ms: int) -> Decimal | None:
        return self.rates.get((coin, hour_ms))


class Account:
    """A simulated account with a clock of its own and short words for what a test does."""

    def __init__(
        self,
        tape: Tape,
        settings: SimSettings = FREE,
        *,
        folder: Path | None = None,
        now_ms: int = START_MS,
        seed: int = 7,
        compact_after: int = 20_000,
    ) -> None:
        self.clock = SimClock(now_ms)
        self.tape = tape
        self.sim = SimExchange(
            "paper", tape, COINS, settings, seed=seed, clock=self.clock, folder=folder, compact_after=compact_after
        )
        self._orders = 0

    def order(
        self,
        side: Side,
        quantity: str,
        *,
        coin: str = "BTC",
        style: OrderStyle = "market_ioc",
        limit: str | None = None,
        trigger: str | None = None,
        reduce_only: bool = False,
        expires_ms: int | None = None,
        name: str | None = None,
    ) -> Order:
        self._orders += 1
        quote = self.tape.quote(coin, self.clock.now_ms())
        mark = Decimal(100) if quote is None else quote.price
        worst = mark * (Decimal("1.5") if side == "buy" else Decimal("0.5"))
        return Order(
            client_order_id=name or f"0x{self._orders:032x}",
            coin=coin,
            side=side,
            quantity=Decimal(quantity),
            style=style,
            limit_price=worst.quantize(Decimal(1)) if limit is None else Decimal(limit),
            trigger_price=None if trigger is None else Decimal(trigger),
            reduce_only=reduce_only,
            expires_ms=expires_ms,
        )

    def send(self, action: Action) -> OrderReport:
        return answer(self.sim.submit(self.sim.prepare(action, self.clock.now_ms())))

    def buy(self, quantity: str, **terms: Any) -> OrderReport:
        return self.send(self.order("buy", quantity, **terms))

    def sell(self, quantity: str, **terms: Any) -> OrderReport:
        return self.send(self.order("sell", quantity, **terms))

    def rest(self, side: Side, quantity: str, style: OrderStyle, price: str, **terms: Any) -> Order:
        """Place an order that has to rest: a trigger at the price, or a limit."""
        trigger = price if style in ("stop_market", "take_profit_market") else None
        order = self.order(side, quantity, style=style, limit=price, trigger=trigger, **terms)
        report = self.send(order)
        assert isinstance(report, Accepted), report
        assert report.resting
        return order

    def minutes(self, count: int) -> None:
        """Let this many bars go by, played at once."""
        self.clock.set(self.clock.now_ms() + count * MINUTE_MS)
        self.sim.advance(self.clock.now_ms())

    @property
    def fills(self) -> list[Fill]:
        return list(answer(self.sim.fills(0)))

    @property
    def equity(self) -> Decimal:
        return self.sim.snapshot().equity_usd

    def held(self, coin: str = "BTC") -> Decimal:
        sizes = [position.quantity for position in self.sim.snapshot().positions if position.coin == coin]
        return sizes[0] if sizes else Decimal(0)

    def found(self, order: Order) -> OrderReport | None:
        return answer(self.sim.find(order.client_order_id))


def answer(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits for anything."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("the simulated venue suspended")
