"""A whole arena small enough to check by head: hand-made minute bars, the simulated venue at round costs, scripts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from engine.backtest.driver import Driver, step
from engine.backtest.tally import Tally
from engine.backtest.tape import HistoryTape
from engine.clock import Clock, SimClock
from engine.exchange.sim.exchange import SimExchange
from engine.exchange.sim.settings import SimSettings
from engine.executor import risk
from engine.executor.context import Context
from engine.executor.limits import AccountLimits, Limits
from engine.executor.ports import Columns
from engine.executor.prompt import prompt_columns
from engine.manager import record as r
from engine.manager.arena import Arena
from engine.manager.cycle import run_cycle
from engine.manager.desk import Decider, Desk, ModelDecider
from engine.manager.feed import Feed
from engine.manager.fold import apply
from engine.manager.gateway import Gateway
from engine.manager.halt import KillSwitch
from engine.manager.ports import ExchangeProvider, Journal, Sink
from engine.manager.reconcile import Drift, compare
from engine.manager.recorder import Recorder
from engine.manager.startup import announce, close_left_open, recover
from engine.manager.state import State
from engine.manager.watch import tick, watch_desk
from engine.market.funding import Funding
from engine.market.history import HistoryMarket
from engine.model.account import Account, equity_usd
from engine.model.decision import Decision, Denied
from engine.model.ids import HOUSE, AccountId, TraderId
from engine.model.instrument import Instrument, hyperliquid_instrument
from engine.model.market import Column
from engine.model.order import Fill, OrderStyle

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
T0 = 1_760_918_400_000  # 2025-10-20 00:00 UTC, minute 0 of these tests
ZERO = Decimal(0)

Row = float | tuple[float, float, float, float]
Known = TypeVar("Known", bound=Struct)

COINS: dict[str, Instrument] = {
    "BTC": hyperliquid_instrument("BTC", 3, 40),
    "ETH": hyperliquid_instrument("ETH", 3, 25),
}

# Ten basis points a trade: 1,000 USD cost one dollar. Nothing else costs anything, and orders arrive at once.
TEN_BPS = SimSettings(
    initial_balance_usd=Decimal(100_000),
    maker_fee_bps=Decimal(10),
    taker_fee_bps=Decimal(10),
    spread_bps=ZERO,
    impact_bps=ZERO,
    max_participation_pct=None,
    latency_ms=0,
    funding=False,
)

LOOSE = Limits(
    max_positions=10,
    max_position_size_usd=Decimal(100_000),
    max_margin_usage_pct=None,
    min_risk_reward_ratio=None,
    min_confidence=None,
    stop_loss_enabled=False,
    take_profit_enabled=False,
)
STOPPED = replace(LOOSE, stop_loss_enabled=True)
BRACKETED = replace(LOOSE, stop_loss_enabled=True, take_profit_enabled=True)


class Scripted:
    """A strategy that does what its script says: decisions by minute, none at the others."""

    name = "scripted"
    columns: tuple[Column, ...] = ()

    def __init__(self, script: Mapping[int, Sequence[Decision] | Decision]) -> None:
        self._script = {
            minute: (decided,) if isinstance(decided, Decision) else tuple(decided)
            for minute, decided in script.items()
        }
        self.asked: list[int] = []

    def decide(self, context: Context) -> Sequence[Decision]:
        minute = (context.slot_ms - T0) // MINUTE_MS
        self.asked.append(minute)
        return self._script.get(minute, ())

    def points(self, coin: str, columns: Columns) -> None:
        return None


class Trader(Struct, frozen=True, kw_only=True):
    """One trader of a small arena; a mapping in its place is the script of one with the usual terms."""

    decider: Decider
    limits: Limits = LOOSE
    capital_usd: Decimal = Decimal(10_000)
    minutes: int = 1
    order_style: OrderStyle = "market_ioc"
    slippage_bps: Decimal = Decimal(50)
    order_expiry_ms: int | None = None
    isolated: bool = False
    coins: tuple[str, ...] | None = None


class Entries:
    """A sink that keeps every entry."""

    def __init__(self) -> None:
        self.all: list[r.Entry] = []

    def entry(self, entry: r.Entry) -> None:
        self.all.append(entry)


class SmallArena:
    """One venue account with its traders. Minutes count from ``T0``; the clock stands at minute 0."""

    def __init__(
        self,
        traders: Mapping[str, Trader | Mapping[int, Any]],
        prices: Mapping[str, Sequence[Row]] | None = None,
        *,
        costs: SimSettings = TEN_BPS,
        account_limits: AccountLimits | None = None,
        funding: Mapping[str, str] | None = None,
        volume: float = 1_000_000.0,
        journal: Journal | None = None,
        venue: Callable[[SimExchange], ExchangeProvider] | None = None,
        switch: KillSwitch | None = None,
        max_account_age_ms: int = 24 * HOUR_MS,
        seed: int = 1,
        clock: Clock | None = None,
        start: bool = True,
        sinks: Iterable[Sink] = (),
        after: "SmallArena | None" = None,
    ) -> None:
        self._terms = {
            name: trader if isinstance(trader, Trader) else Trader(decider=Scripted(trader))
            for name, trader in traders.items()
        }
        self.market = (
            market_of(prices or {"BTC": [100.0] * 120}, funding or {}, volume) if after is None else after.market
        )
        self.clock = clock or (SimClock(T0) if after is None else after.clock)
        self.sim = (
            SimExchange("paper", self.market, COINS, costs, seed=seed, clock=self.clock) if after is None else after.sim
        )
        self.exchange: ExchangeProvider = self.sim if venue is None else venue(self.sim)
        self.state = State() if after is None else refolded(after.entries)
        self.tally = Tally(self.state)
        self.said = Entries()
        self.recorder = Recorder(self.state, self.clock, journal, [self.said, self.tally, *sinks])
        if after is not None:
            self.said.all.extend(after.entries)
            self.recorder.seq = after.recorder.seq
        self.feed = Feed(self.market, self.exchange)
        self.account = AccountId("paper")
        limits = {TraderId(name): trader.limits for name, trader in self._terms.items()}
        self.gateway = Gateway(self.account, self.exchange, self.recorder, COINS, limits, self.feed.look, switch)
        self.desks = {
            name: self._desk(name, trader, account_limits or AccountLimits(), max_account_age_ms)
            for name, trader in self._terms.items()
        }
        self.arena = Arena(
            self.recorder, self.desks.values(), {self.account: self.gateway}, {self.account: self.feed}, "tests"
        )
        self.driver: Driver | None = None
        if start:
            self.start()

    def _desk(self, name: str, trader: Trader, account_limits: AccountLimits, max_account_age_ms: int) -> Desk:
        decider = trader.decider
        if isinstance(decider, ModelDecider):
            columns: Sequence[Column] = prompt_columns(decider.series_interval_ms, decider.long_interval_ms)
        else:
            columns = decider.columns
        self.market.declare([*columns, *risk.columns(trader.limits)])
        return Desk(
            trader=TraderId(name),
            account=self.account,
            interval_ms=trader.minutes * MINUTE_MS,
            coins=trader.coins or self.market.coins,
            decider=trader.decider,
            limits=trader.limits,
            account_limits=account_limits,
            instruments=COINS,
            feed=self.feed,
            gateway=self.gateway,
            order_style=trader.order_style,
            slippage_bps=trader.slippage_bps,
            order_expiry_ms=trader.order_expiry_ms,
            margin_mode="isolated" if trader.isolated else "cross",
            max_account_age_ms=max_account_age_ms,
        )

    def terms(self) -> tuple[r.TraderTerms, ...]:
        """What the journal is told of the traders."""
        return tuple(
            r.TraderTerms(
                trader=name,
                name=name,
                account="paper",
                kind="direct" if isinstance(trader.decider, ModelDecider) else "strategy",
                decider="scripted",
                interval_ms=trader.minutes * MINUTE_MS,
            )
            for name, trader in self._terms.items()
        )

    # What happens

    def start(self, config: str = "the configuration") -> None:
        """Start up as the engine does: announce, close what was left open, recover."""
        announce(self.arena, "0", config, self.terms())
        close_left_open(self.arena)
        capital = {TraderId(name): trader.capital_usd for name, trader in self._terms.items()}
        step(recover(self.arena, {self.account: capital}))

    def play(self, until: int, **options: Any) -> "SmallArena":
        """Play the bars up to a minute as a backtest does; the arena itself."""
        self.driver = Driver(self.arena, self.clock, HistoryTape(self.market), **options)  # type: ignore[arg-type]
        self.driver.run(self.clock.now_ms(), T0 + until * MINUTE_MS)
        return self

    def at(self, minute: float) -> "SmallArena":
        """Let time pass to a minute without anybody deciding; the arena itself."""
        now_ms = T0 + int(minute * MINUTE_MS)
        self.clock.set(now_ms)  # type: ignore[attr-defined]
        self.sim.advance(now_ms)
        return self

    def observe(self) -> "SmallArena":
        """Read the venue account, so that the next look knows it; the arena itself."""
        self.feed.observed = self.sim.snapshot()
        return self

    def slot(self, trader: str) -> r.SlotClosed:
        """Run one cycle of one trader, in the slot that opens now; how it closed."""
        return step(run_cycle(self.desks[trader], self.clock.now_ms(), self.recorder, "tests"))

    def tick(self) -> None:
        """One turn of the watch at the current marks."""
        step(tick(self.arena, self.account))

    def watch(self, trader: str) -> None:
        """One turn of the watch for one trader."""
        step(watch_desk(self.arena, self.desks[trader]))

    def touch(self, coin: str, price: str) -> "SmallArena":
        """Move a price within its bar; the arena itself."""
        self.market.touch(coin, Decimal(price), self.clock.now_ms())
        self.feed.forget()
        return self

    # What came of it

    @property
    def entries(self) -> list[r.Entry]:
        """Every entry, oldest first."""
        return self.said.all

    def records(self, kind: type[Known], trader: str | None = None) -> list[Known]:
        """The records of one kind, those of one trader where one is named."""
        return [
            entry.record
            for entry in self.entries
            if isinstance(entry.record, kind) and (trader is None or entry.trader == trader)
        ]

    def orders(self, trader: str | None = None) -> list[r.Intended]:
        """The intents that are orders."""
        return [
            intended for intended in self.records(r.Intended, trader) if intended.cause not in ("leverage", "cancel")
        ]

    def outcomes(self, trader: str) -> list[str]:
        """How the trader's slots ended."""
        return [closed.outcome for closed in self.records(r.SlotClosed, trader)]

    def denials(self, trader: str) -> list[str]:
        """The rules that denied the trader's decisions."""
        return [
            verdict.rule
            for planned in self.records(r.Planned, trader)
            for verdict in planned.verdicts
            if isinstance(verdict, Denied)
        ]

    def incidents(self) -> list[str]:
        """What went wrong, in a word each."""
        return [incident.what for incident in self.records(r.Incident)]

    def fills(self) -> list[Fill]:
        """What the venue has filled, ours or not."""
        return list(step(self.sim.fills(0)))

    def ledger(self, trader: str) -> Account:
        """A trader's virtual account, or the house's."""
        book = self.state.accounts[self.account].book
        return book.house if trader == HOUSE else book.traders[TraderId(trader)]

    def held(self, trader: str, coin: str = "BTC") -> Decimal:
        """What an account holds of a coin, signed."""
        position = self.ledger(trader).positions.get(coin)
        return ZERO if position is None else position.quantity

    def venue_holds(self, coin: str = "BTC") -> Decimal:
        """What the venue says is held of a coin, signed."""
        return sum((held.quantity for held in self.sim.snapshot().positions if held.coin == coin), ZERO)

    def equity(self, trader: str) -> Decimal:
        """A trader's equity at the current marks."""
        snapshot = self.market.look(self.clock.now_ms())
        return equity_usd(self.ledger(trader), lambda coin: snapshot.mark(coin) or Decimal("NaN"))

    def drifts(self) -> list[Drift]:
        """Where the book and the venue differ now."""
        return compare(self.state.accounts[self.account].book, self.sim.snapshot())


def market_of(prices: Mapping[str, Sequence[Row]], funding: Mapping[str, str], volume: float) -> HistoryMarket:
    """Minute bars whose row i opens at minute i, after one bar that repeats the first open; hourly funding rates."""
    count = max(len(rows) for rows in prices.values())
    columns = {}
    for coin, rows in prices.items():
        whole = [row if isinstance(row, tuple) else (row, row, row, row) for row in rows]
        whole += [(whole[-1][3],) * 4] * (count - len(whole))
        table = np.array([(whole[0][0],) * 4, *whole], dtype=np.float64)
        columns[coin] = (table[:, 0], table[:, 1], table[:, 2], table[:, 3], np.full(count + 1, volume))
    stamps = T0 + MINUTE_MS * np.arange(-1, count, dtype=np.int64)
    hours = count // 60 + 2
    rates = {
        coin: Funding(first_ms=T0, rates=np.full(hours, float(rate)))
        for coin, rate in (funding or dict.fromkeys(prices, "0")).items()
    }
    return HistoryMarket.of_arrays(stamps, columns, MINUTE_MS, funding=rates, instruments=COINS)


def refolded(entries: Iterable[r.Entry]) -> State:
    """The state after the same entries were written to a journal, read again and folded."""
    state = State()
    for entry in entries:
        record = r.decode(r.kind_of(entry.record), r.encode(entry.record))
        apply(state, r.Entry(seq=entry.seq, ts=entry.ts, trader=entry.trader, record=record))
    return state


# Decisions


def buy(coin: str = "BTC", quantity: str = "1", **terms: Any) -> Decision:
    """Enter long."""
    return _enter(coin, "buy_to_enter", quantity, terms)


def sell(coin: str = "BTC", quantity: str = "1", **terms: Any) -> Decision:
    """Enter short."""
    return _enter(coin, "sell_to_enter", quantity, terms)


def close(coin: str = "BTC", quantity: str | None = None) -> Decision:
    """Close, all of it unless a quantity is given."""
    return Decision(symbol=coin, signal="close", quantity=None if quantity is None else Decimal(quantity))


def _enter(coin: str, signal: Any, quantity: str, terms: Mapping[str, Any]) -> Decision:
    prices = {
        {"stop": "stop_loss", "target": "profit_target"}.get(name, name): Decimal(value)
        if isinstance(value, str)
        else value
        for name, value in terms.items()
    }
    return Decision(symbol=coin, signal=signal, quantity=Decimal(quantity), **prices)
