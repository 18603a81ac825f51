"""A world for one case: a market that may show nonsense, a venue that may keep silent, two traders, the real code."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from engine.backtest.driver import step
from engine.clock import SimClock
from engine.exchange.sim.exchange import SimExchange
from engine.exchange.sim.settings import SimSettings
from engine.executor.context import Context
from engine.executor.contract import ConfidenceScale
from engine.executor.executor import understand
from engine.executor.limits import AccountLimits, Limits
from engine.executor.parse import ReplyMalformed
from engine.executor.ports import Columns, Reply
from engine.manager import record as r
from engine.manager.arena import Arena
from engine.manager.cycle import run_cycle
from engine.manager.desk import Desk
from engine.manager.feed import Feed
from engine.manager.gateway import Gateway
from engine.manager.reconcile import compare
from engine.manager.recorder import Recorder
from engine.manager.resolve import resolve
from engine.manager.startup import announce, recover
from engine.manager.state import State
from engine.manager.watch import watch_desk
from engine.model.decision import Decision
from engine.model.ids import AccountId, TraderId
from engine.model.instrument import Instrument, MarginTier, hyperliquid_instrument
from engine.model.market import Bar, CoinSnapshot, Column, MarketSnapshot, Quote, Window, snapshot_of
from engine.model.order import (
    Action,
    Envelope,
    Fill,
    FundingPayment,
    Order,
    OrderReport,
    OrderStyle,
    Unresolved,
    VenueAccount,
)
from engine.model.standing import Standing
from tests.fuzz.envelope import Held, Seen, Sent, Sight, Waiting

MINUTE_MS = 60_000
NOON_MS = 1_760_961_600_000  # 2025-10-20 12:00 UTC
ME, RIVAL = TraderId("me"), TraderId("rival")
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
        moved = [replace(shown, mark=shown.mark * self.door) for shown in self._shown.values()]
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


class Venue:
    """The simulated venue; keeps what reaches it, loses requests or answers when told to, and may lie about fills."""

    def __init__(self, sim: SimExchange) -> None:
        self.sim = sim
        self.account_id = sim.account_id
        self.instruments = sim.instruments
        self.capabilities = sim.capabilities
        self.mood = "well"
        self.sent: list[Order] = []
        self.lies: list[Fill] = []

    def prepare(self, action: Action, now_ms: int) -> Envelope:
        return self.sim.prepare(action, now_ms)

    def advance(self, now_ms: int) -> None:
        self.sim.advance(now_ms)

    def skip(self, now_ms: int) -> None:
        self.sim.advance(now_ms)

    @property
    def has_resting(self) -> bool:
        return self.sim.has_resting

    async def submit(self, envelope: Envelope) -> OrderReport:
        if not isinstance(envelope.action, Order):
            return await self.sim.submit(envelope)
        self.sent.append(envelope.action)
        if self.mood == "request lost":
            return Unresolved(detail="the line was cut")
        report = await self.sim.submit(envelope)
        return Unresolved(detail="the line was cut") if self.mood == "answer lost" else report

    async def fence(self, envelope: Envelope) -> object:
        return await self.sim.fence(envelope)

    async def find(self, client_order_id: str) -> OrderReport | None:
        return await self.sim.find(client_order_id)

    async def fills(self, since_ms: int) -> Sequence[Fill]:
        return [*self.lies, *await self.sim.fills(since_ms)]

    async def funding(self, since_ms: int) -> Sequence[FundingPayment]:
        return await self.sim.funding(since_ms)

    async def account(self) -> VenueAccount:
        return await self.sim.account()

    async def time(self) -> int:
        return await self.sim.time()


class Reader:
    """A decider that decides what a reply says: the way of a model's reply without the prompt before it."""

    name = "reader"
    columns: tuple[Column, ...] = ()

    def __init__(self, scale: ConfidenceScale) -> None:
        self.scale = scale
        self.raw = b""
        self.finish_reason = "stop"
        self.status = ""

    def decide(self, context: Context) -> Sequence[Decision]:
        reply = Reply(raw=self.raw, model="fuzz", finish_reason=self.finish_reason)
        try:
            decisions = understand(reply, context, self.scale).decisions
        except ReplyMalformed as malformed:
            self.status = malformed.status
            return ()
        self.status = "understood"
        return decisions

    def points(self, coin: str, columns: Columns) -> None:
        return None


class Records:
    """A sink that keeps the records of one cycle."""

    def __init__(self) -> None:
        self.new: list[r.Record] = []

    def entry(self, entry: r.Entry) -> None:
        self.new.append(entry.record)


class World:
    """One case: everything in it is drawn from one seed."""

    def __init__(self, rng: Random, gateway: type[Gateway] = Gateway) -> None:
        self.rng = rng
        self.clock = SimClock(NOON_MS + rng.randrange(0, 12 * 60) * MINUTE_MS)
        self.market = Market(rng)
        self.market.move(self.clock.now_ms(), 0.2)
        participation = rng.choice([None, None, Decimal("0.0001")])
        self.sim = SimExchange(
            "paper",
            self.market,
            INSTRUMENTS,
            SimSettings(initial_balance_usd=Decimal(10**7), max_participation_pct=participation, latency_ms=0),
            seed=rng.randrange(2**32),
            clock=self.clock,
        )
        self.venue = Venue(self.sim)
        self.state = State()
        self.records = Records()
        self.recorder = Recorder(self.state, self.clock, None, [self.records])
        self.feed = Feed(self.market, self.venue)  # type: ignore[arg-type]
        self.account = AccountId("paper")
        self.account_limits = _account_limits(rng)
        self.limits = {ME: _limits(rng), RIVAL: _limits(rng)}
        self.gateway = gateway(
            self.account,
            self.venue,  # type: ignore[arg-type]
            self.recorder,
            INSTRUMENTS,
            self.limits,
            self.market.look_at_the_door,
        )
        scale: ConfidenceScale = rng.choice(["fraction", "fraction", "percent", "auto"])
        self.readers = {name: Reader(scale) for name in self.limits}
        styles: list[OrderStyle] = ["market_ioc", "market_ioc", "limit_ioc", "limit_gtc", "post_only"]
        self.desks = {name: self._desk(name, rng.choice(styles)) for name in self.limits}
        self.arena = Arena(
            self.recorder, self.desks.values(), {self.account: self.gateway}, {self.account: self.feed}, "fuzz"
        )
        announce(self.arena, "0", "fuzz", tuple(self._terms(name) for name in self.limits))
        capital = Decimal(rng.choice([300, 10_000, 10_000, 100_000]))
        step(recover(self.arena, {self.account: dict.fromkeys(self.limits, capital)}))

    def _desk(self, name: TraderId, style: OrderStyle) -> Desk:
        rng = self.rng
        return Desk(
            trader=name,
            account=self.account,
            interval_ms=MINUTE_MS,
            coins=self.market.coins if rng.random() < 0.7 else tuple(rng.sample(self.market.coins, 4)),
            decider=self.readers[name],
            limits=self.limits[name],
            account_limits=self.account_limits,
            instruments=INSTRUMENTS,
            feed=self.feed,
            gateway=self.gateway,
            order_style=style,
            slippage_bps=Decimal(rng.choice([5, 50, 90, 150])),
            order_expiry_ms=rng.choice([None, 5 * MINUTE_MS]),
            margin_mode=rng.choice(["cross", "isolated"]) if name == ME else "cross",
            max_account_age_ms=MINUTE_MS,
        )

    def _terms(self, name: TraderId) -> r.TraderTerms:
        return r.TraderTerms(
            trader=name,
            name=name,
            account=self.account,
            kind="direct",
            decider="reader",
            interval_ms=MINUTE_MS,
            cooldown_ms=self.limits[name].cooldown_ms,
        )

    # One turn

    def turn(self) -> TraderId:
        """Let a while pass, with whatever it brings; the trader who decides next."""
        rng = self.rng
        now_ms = self.clock.now_ms() + rng.choice([1, 1, 1, 3, 3, 10, 30, 240]) * MINUTE_MS
        self.clock.set(now_ms)
        self.market.move(now_ms, rng.choice([0.001, 0.003, 0.01, 0.05]))
        self.market.door = None
        self.feed.forget()
        self.venue.mood = "well"
        step(resolve(self.gateway, self.recorder))
        if rng.random() < 0.15 and not self.market.nonsense:
            for desk in self.desks.values():
                step(watch_desk(self.arena, desk))
        if rng.random() < 0.98:  # else the account's report grows stale, and then nothing may be decided
            self.feed.observed = self.sim.snapshot()
        self.venue.mood = rng.choices(["well", "answer lost", "request lost", "refusing"], [90, 4, 3, 3])[0]
        if self.venue.mood == "refusing":
            self.sim.refuse_next("PerpMargin")
        return ME if rng.random() < 0.85 else RIVAL

    def sight(self, trader: TraderId) -> Sight:
        """What the trader can know now, for the checker of the envelope."""
        state = self.state.accounts[self.account]
        account = state.book.traders[trader]
        return Sight(
            trader=trader,
            now_ms=self.clock.now_ms(),
            limits=self.limits[trader],
            account=self.account_limits,
            coins=self.desks[trader].coins,
            instruments=INSTRUMENTS,
            seen=self.market.seen(),
            held={
                owner.trader: {
                    coin: Held(
                        quantity=held.quantity, cost_usd=held.cost_usd, leverage=held.leverage, mode=held.mode
                    )
                    for coin, held in owner.positions.items()
                }
                for owner in state.book.accounts()
            },
            waiting=tuple(
                Waiting(
                    trader=order.trader,
                    coin=order.coin,
                    buys=order.side == "buy",
                    remaining=order.remaining,
                    price=order.price,
                )
                for order in self.state.pending(self.account)
            ),
            plans=dict(self.state.traders[trader].plans),
            cash_usd=account.cash_usd,
            units=account.units,
            standing=_copied(self.state, trader),
            venue_leverage=dict(state.leverage),
        )

    def decide(self, trader: TraderId, raw: bytes, finish_reason: str = "stop") -> list[r.Record]:
        """One cycle of the real code on a reply; the records it left."""
        reader = self.readers[trader]
        reader.raw, reader.finish_reason, reader.status = raw, finish_reason, "not asked"
        self.records.new.clear()
        self.venue.sent.clear()
        step(run_cycle(self.desks[trader], self.clock.now_ms(), self.recorder, "fuzz"))
        return list(self.records.new)

    def sent(self, records: Sequence[r.Record]) -> list[Sent]:
        """The orders that reached the venue, with the terms that were journalled before."""
        intents = {record.client_order_id: record for record in records if isinstance(record, r.Intended)}
        return [
            Sent(
                order=order,
                cause=intents[order.client_order_id].cause,
                leverage=intents[order.client_order_id].leverage,
                mode=intents[order.client_order_id].mode,
                plan=intents[order.client_order_id].plan,
            )
            for order in self.venue.sent
        ]

    def settled(self) -> list[str]:
        """What does not add up between book and venue once every order has ended."""
        self.venue.mood = "well"
        self.clock.set(self.clock.now_ms() + 24 * 60 * MINUTE_MS)
        for _ in range(3):
            step(resolve(self.gateway, self.recorder))
        state = self.state.accounts[self.account]
        left = [f"{intent.client_order_id} of {intent.trader} never ended" for intent in state.intents.values()]
        resting = [name for name in self.sim.snapshot().open_orders if name.expires_ms is None]
        return (left if not resting else []) + [str(drift) for drift in compare(state.book, self.sim.snapshot())]


def _copied(state: State, trader: TraderId) -> Standing:
    standing = state.traders[trader].standing
    return replace(standing, closed_ms=dict(standing.closed_ms))


def _limits(rng: Random) -> Limits:
    """Limits of which most let something pass, and each sometimes binds."""

    def maybe(likely: float, draw: Callable[[], str]) -> Decimal | None:
        return Decimal(draw()) if rng.random() < likely else None

    stop, target = rng.random() < 0.65, rng.random() < 0.65
    return Limits(
        max_positions=rng.randint(1, 6),
        max_position_size_usd=Decimal(rng.choice([200, 2_000, 5_000, 5_000, 20_000])),
        max_trade_size_usd=maybe(0.3, lambda: str(rng.choice([150, 1_500, 9_000]))),
        max_trader_notional_usd=maybe(0.3, lambda: str(rng.choice([3_000, 12_000]))),
        max_margin_usage_pct=maybe(0.7, lambda: str(rng.choice([5, 30, 60]))),
        major_coin_leverage=rng.choice([3, 10, 20, 50]),
        altcoin_leverage=rng.choice([2, 5, 10, 50]),
        min_risk_reward_ratio=maybe(0.9 if stop and target else 0.02, lambda: str(rng.choice([1, "1.5", 3]))),
        min_confidence=maybe(0.5, lambda: str(rng.choice([50, 75]))),
        stop_loss_enabled=stop,
        take_profit_enabled=target,
        max_risk_per_trade_pct=maybe(0.5 if stop else 0.02, lambda: str(rng.choice([1, 3]))),
        price_band_pct=Decimal(rng.choice([1, 2, 2, 5])),
        max_snapshot_age_ms=rng.choice([5_000, 60_000]),
        max_new_positions_per_cycle=rng.choice([None, None, 1, 2]),
        liquidity_threshold_usd=maybe(0.3, lambda: str(rng.choice([10**5, 1_900_000, 2_100_000]))),
        btceth_position_value_min_equity_multiple=maybe(0.2, lambda: "0.01"),
        btceth_position_value_max_equity_multiple=maybe(0.2, lambda: rng.choice(["0.3", "3"])),
        alt_position_value_min_equity_multiple=maybe(0.2, lambda: "0.01"),
        alt_position_value_max_equity_multiple=maybe(0.2, lambda: rng.choice(["0.3", "3"])),
        cooldown_ms=rng.choice([None, None, 5 * MINUTE_MS]),
        min_edge_over_fees=maybe(0.5 if target else 0.02, lambda: "2"),
        max_turnover_per_day_multiple=maybe(0.3, lambda: rng.choice(["1", "10"])),
        max_fees_per_day_pct=maybe(0.3, lambda: rng.choice(["0.3", "1"])),
        max_opens_per_day=rng.choice([None, None, None, 3, 12]),
        daily_loss_limit_pct=maybe(0.3, lambda: rng.choice(["1", "5"])),
        max_drawdown_pct=maybe(0.3, lambda: rng.choice(["2", "10"])),
        max_loss_streak=rng.choice([None, None, None, 3]),
        pause_ms=rng.choice([0, 30 * MINUTE_MS]),
        max_correlated_positions=rng.choice([None, None, None, 1, 2]),
    )


def _account_limits(rng: Random) -> AccountLimits:
    return AccountLimits(
        policy=rng.choice(["netting", "netting", "netting", "exclusive"]),
        max_account_notional_usd=rng.choice([None, None, Decimal(8_000), Decimal(40_000)]),
        max_coin_notional_usd=rng.choice([None, None, Decimal(4_000), Decimal(15_000)]),
    )
