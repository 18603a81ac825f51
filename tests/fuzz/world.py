"""A world for one case: a market, a venue and two traders, and between them the real code."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from engine.backtest.driver import step
from engine.clock import SimClock
from engine.exchange.sim.exchange import SimExchange
from engine.exchange.sim.settings import SimSettings
from engine.executor.contract import ConfidenceScale
from engine.manager import record as r
from engine.manager.arena import Arena
from engine.manager.cycle import run_cycle
from engine.manager.desk import Desk
from engine.manager.feed import Feed
from engine.manager.gateway import Gateway
from engine.manager.mandate import Mandate
from engine.manager.ports import Sink
from engine.manager.reconcile import compare
from engine.manager.recorder import Recorder
from engine.manager.resolve import resolve
from engine.manager.startup import announce, recover
from engine.manager.state import State
from engine.manager.watch import watch_desk
from engine.model.ids import AccountId, TraderId, client_order_id
from engine.model.order import Order, OrderStyle, Side
from engine.model.standing import Standing
from tests.fuzz.market import INSTRUMENTS, MINUTE_MS, Market
from tests.fuzz.reader import Reader
from tests.fuzz.sight import Held, Sent, Sight, Waiting
from tests.fuzz.terms import some_account_limits, some_limits
from tests.fuzz.venue import Venue

NOON_MS = 1_760_961_600_000  # 2025-10-20 12:00 UTC
ME, RIVAL = TraderId("me"), TraderId("rival")


class Records:
    """A sink that keeps the records of one cycle."""

    def __init__(self) -> None:
        self.new: list[r.Record] = []

    def entry(self, entry: r.Entry) -> None:
        self.new.append(entry.record)


class World:
    """One case: everything in it is drawn from one seed."""

    def __init__(self, rng: Random, gateway: type[Gateway] = Gateway, sinks: Sequence[Sink] = ()) -> None:
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
        self.recorder = Recorder(self.state, self.clock, None, [self.records, *sinks])
        self.feed = Feed(self.market, self.venue)  # type: ignore[arg-type]
        self.account = AccountId("paper")
        self.account_limits = some_account_limits(rng)
        self.limits = {ME: some_limits(rng), RIVAL: some_limits(rng)}
        self.coins = {name: self._some_coins() for name in self.limits}
        self.gateway = gateway(
            self.account,
            self.venue,  # type: ignore[arg-type]
            self.recorder,
            INSTRUMENTS,
            {name: Mandate(coins=self.coins[name], limits=limits) for name, limits in self.limits.items()},
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

    def _some_coins(self) -> tuple[str, ...]:
        coins = self.market.coins
        return coins if self.rng.random() < 0.7 else tuple(self.rng.sample(coins, 4))

    def _desk(self, name: TraderId, style: OrderStyle) -> Desk:
        rng = self.rng
        return Desk(
            trader=name,
            account=self.account,
            interval_ms=MINUTE_MS,
            coins=self.coins[name],
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
                    coin: Held(quantity=held.quantity, cost_usd=held.cost_usd, leverage=held.leverage, mode=held.mode)
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

    def planted(
        self, trader: TraderId, coin: str, side: Side, quantity: Decimal, limit: Decimal, cause: r.Cause, name: str
    ) -> None:
        """Send an order that nobody planned and no rule judged."""
        order = Order(
            client_order_id=client_order_id("fuzz", self.account, trader, cause, f"{self.clock.now_ms()}:{name}", 0),
            coin=coin,
            side=side,
            quantity=quantity,
            style="market_ioc",
            limit_price=limit,
        )
        seq, intended = self.gateway.intend(
            order, trader=trader, client_order_id=order.client_order_id, cause=cause, reference=name, leverage=1
        )
        step(self.gateway.send(seq, intended, trader))

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
