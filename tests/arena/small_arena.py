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
from engine.executor.limits import AccountLimits, Limits
from engine.executor.prompt import prompt_columns
from engine.manager import record as r
from engine.manager.arena import Arena
from engine.manager.cycle import run_cycle
from engine.manager.desk import Decider, Desk, ModelDecider
from engine.manager.feed import Feed
from engine.manager.fold import apply
from engine.manager.gateway import Gateway
from engine.manager.halt import KillSwitch
from engine.manager.mandate import Mandate
from engine.manager.ports import ExchangeProvider, Journal, MarketProvider, Sink
from engine.manager.reconcile import Drift, compare
from engine.manager.recorder import Recorder
from engine.manager.startup import announce, close_left_open, recover
from engine.manager.state import State
from engine.manager.watch import tick, watch_desk
from engine.market.funding import Funding
from engine.market.history import HistoryMarket
from engine.model.account import Account, equity_usd
from engine.model.decision import Denied
from engine.model.ids import HOUSE, AccountId, TraderId
from engine.model.instrument import Instrument, hyperliquid_instrument
from engine.model.market import Column, MarketSnapshot, snapshot_of
from engine.model.order import Fill, Order, OrderStyle
from tests.arena.scripts import MINUTE_MS, T0, Script, Scripted

HOUR_MS = 60 * MINUTE_MS
ZERO = Decimal(0)

Row = Any  # a price, or (open, high, low, close)
Amount = Any  # a Decimal, so declared that it can be compared with whole numbers
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


class Darkened:
    """A market in which one coin has no price."""

    def __init__(self, market: MarketProvider, coin: str) -> None:
        self._market = market
        self._coin = coin
        self.coins = market.coins
        self.lacks = market.lacks

    def declare(self, columns: Sequence[Column]) -> None:
        self._market.declare(columns)

    def look(self, now_ms: int) -> MarketSnapshot:
        return snapshot_of(now_ms, [found for found in self._market.look(now_ms) if found.coin != self._coin])

    async def refresh(self, now_ms: int) -> None:
        await self._market.refresh(now_ms)


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
        traders: Mapping[str, Trader | Script],
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
        market: HistoryMarket | None = None,
        from_ms: int = T0,
        clock: Clock | None = None,
        start: bool = True,
        sinks: Iterable[Sink] = (),
        after: "SmallArena | None" = None,
    ) -> None:
        self._terms = {
            name: trader if isinstance(trader, Trader) else Trader(decider=Scripted(trader))
            for name, trader in traders.items()
        }
        self.market: HistoryMarket
        self.clock: Any
        self.sim: SimExchange
        if after is not None:
            self.market, self.clock, self.sim = after.market, after.clock, after.sim
        else:
            self.market = market or market_of(prices or {"BTC": [100.0] * 120}, funding or {}, volume)
            self.clock = clock or SimClock(from_ms)
            self.sim = SimExchange("paper", self.market, self.market.instruments, costs, seed=seed, clock=self.clock)
        self.instruments = self.market.instruments
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
        mandates = {
            TraderId(name): Mandate(coins=trader.coins or self.market.coins, limits=trader.limits)
            for name, trader in self._terms.items()
        }
        self.gateway = Gateway(
            self.account, self.exchange, self.recorder, self.instruments, mandates, self.feed.look, switch
        )
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
            columns = [*columns, *(() if decider.selector is None else decider.selector.columns)]
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
            instruments=self.instruments,
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
        return self.play_until(T0 + until * MINUTE_MS, **options)

    def play_until(self, to_ms: int, **options: Any) -> "SmallArena":
        """Play the bars up to an instant as a backtest does; the arena itself."""
        self.driver = Driver(self.arena, self.clock, HistoryTape(self.market), **options)
        self.driver.run(self.clock.now_ms(), to_ms)
        return self

    def at(self, minute: float) -> "SmallArena":
        """Let time pass to a minute without anybody deciding; the arena itself."""
        now_ms = T0 + int(minute * MINUTE_MS)
        self.clock.set(now_ms)
        self.sim.advance(now_ms)
        return self

    def say(self, record: r.Record, trader: str | None = None) -> None:
        """Have a record said that nothing here would say."""
        self.recorder.say(record, None if trader is None else TraderId(trader))

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

    def darken(self, coin: str) -> "SmallArena":
        """From now on the feed has no price of this coin, though the venue has; the arena itself."""
        self.feed.market = Darkened(self.feed.market, coin)
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

    def sent(self, trader: str | None = None) -> list[Order]:
        """What these intents are to send."""
        actions = [intended.envelope.action for intended in self.orders(trader)]
        return [action for action in actions if isinstance(action, Order)]

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

    def held(self, trader: str, coin: str = "BTC") -> Amount:
        """What an account holds of a coin, signed."""
        position = self.ledger(trader).positions.get(coin)
        return ZERO if position is None else position.quantity

    def venue_holds(self, coin: str = "BTC") -> Amount:
        """What the venue says is held of a coin, signed."""
        return sum((held.quantity for held in self.sim.snapshot().positions if held.coin == coin), ZERO)

    def equity(self, trader: str) -> Amount:
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
