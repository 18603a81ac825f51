"""The arena on the benchmark tape: the shipped EMA cross through plan, risk, gateway, book and simulated venue."""

import time
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from msgspec import Struct

from benchmarks.stopped_cross import StoppedCross
from benchmarks.tape import BAR_MS, COINS, Tape
from engine.backtest.driver import Driver, step
from engine.backtest.tally import Tally
from engine.backtest.tape import HistoryTape
from engine.clock import SimClock
from engine.exchange.sim.exchange import SimExchange
from engine.exchange.sim.settings import SimSettings
from engine.executor.limits import AccountLimits, Limits
from engine.executor.ports import Strategy
from engine.executor.strategies.ema_trend import EmaCross, EmaCrossSettings
from engine.manager.arena import Arena
from engine.manager.desk import Desk
from engine.manager.feed import Feed
from engine.manager.gateway import Gateway
from engine.manager.mandate import Mandate
from engine.manager.record import TraderTerms
from engine.manager.recorder import Recorder
from engine.manager.startup import announce, recover
from engine.manager.state import State
from engine.market.bars import HOUR_MS
from engine.market.funding import Funding
from engine.market.history import HistoryMarket
from engine.model.account import equity_usd
from engine.model.ids import AccountId, TraderId

TRADER, ACCOUNT = TraderId("cross"), AccountId("paper")
CAPITAL_USD = Decimal(10_000_000)
DAY_MS = 24 * HOUR_MS
QUANTITIES = {coin: Decimal(repr(traits.quantity)) for coin, traits in COINS.items()}


class Outcome(Struct, frozen=True, kw_only=True):
    """What one run did and took; ``drifts`` counts comparisons in which book and venue differed."""

    cpu_s: float
    wall_s: float
    bars: int
    submits: int
    fills: int
    trades: int
    stops_and_targets: int
    funding_usd: Decimal
    equity_usd: Decimal
    drifts: int


def play(tape: Tape, *, every_slot: bool, exits_and_funding: bool = False) -> Outcome:
    """One backtest; only the run itself is timed, not the loading of the tape.

    ``every_slot`` has the strategy called on every bar (A1), else at its decision points (A2).
    """
    market = HistoryMarket.of_arrays(
        tape.open_ms, dict(tape.bars), BAR_MS, funding=_funding(tape) if exits_and_funding else None
    )
    settings = EmaCrossSettings(quantity=QUANTITIES)
    strategy: Strategy = StoppedCross(settings) if exits_and_funding else EmaCross(settings)
    market.declare(strategy.columns)
    arena, clock = _arena(market, strategy, exits_and_funding)
    tally = Tally(arena.state)
    if exits_and_funding:
        arena.recorder.sinks.append(tally)
    driver = Driver(arena, clock, HistoryTape(market), every_slot=every_slot, observe_ms=DAY_MS)
    before = arena.gateways[ACCOUNT].submitted  # leverages were set when the arena started
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    driver.run(market.first_ms, market.last_ms)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    account, gateway = arena.state.ledger(TRADER), arena.gateways[ACCOUNT]
    marks = market.look(market.last_ms).marks
    return Outcome(
        cpu_s=cpu_s,
        wall_s=wall_s,
        bars=len(market.coins) * len(tape.open_ms),
        submits=gateway.submitted - before,
        fills=gateway.filled,
        trades=arena.state.traders[TRADER].standing.trades,
        stops_and_targets=tally.causes["stop"] + tally.causes["target"],
        funding_usd=account.funding_usd,
        equity_usd=equity_usd(account, lambda coin: marks[coin] or Decimal("NaN")),
        drifts=driver.drifts,
    )


def _arena(market: HistoryMarket, strategy: Strategy, exits_and_funding: bool) -> tuple[Arena, SimClock]:
    clock = SimClock(market.first_ms)
    recorder = Recorder(State(), clock, None)
    terms = SimSettings(
        initial_balance_usd=CAPITAL_USD,
        spread_bps=Decimal(0),
        impact_bps=Decimal(0),
        max_participation_pct=None,
        latency_ms=0,
        funding=exits_and_funding,
    )
    venue = SimExchange(ACCOUNT, market, market.instruments, terms, seed=1, clock=clock)
    limits = Limits(
        max_positions=len(COINS),
        max_position_size_usd=Decimal(300_000),
        min_confidence=None,
        min_risk_reward_ratio=None,
        stop_loss_enabled=exits_and_funding,
        take_profit_enabled=exits_and_funding,
    )
    feed = Feed(market, venue)
    mandates = {TRADER: Mandate(coins=market.coins, limits=limits)}
    gateway = Gateway(ACCOUNT, venue, recorder, market.instruments, mandates, feed.look)
    desk = Desk(
        trader=TRADER,
        account=ACCOUNT,
        interval_ms=BAR_MS,
        coins=market.coins,
        decider=strategy,
        limits=limits,
        account_limits=AccountLimits(),
        instruments=market.instruments,
        feed=feed,
        gateway=gateway,
        max_account_age_ms=2 * DAY_MS,
    )
    arena = Arena(recorder, [desk], {ACCOUNT: gateway}, {ACCOUNT: feed}, "benchmark")
    trader = TraderTerms(
        trader=TRADER, name=TRADER, account=ACCOUNT, kind="strategy", decider=strategy.name, interval_ms=BAR_MS
    )
    announce(arena, "0", "benchmark", (trader,))
    step(recover(arena, {ACCOUNT: {TRADER: CAPITAL_USD}}))
    return arena, clock


def _funding(tape: Tape) -> Mapping[str, Funding]:
    """One rate an hour, now paid and now received."""
    first_ms = int(tape.open_ms[0])
    hours = len(tape.open_ms) * BAR_MS // HOUR_MS + 1
    rates = np.round(1.25e-5 + 2e-5 * np.sin(np.arange(hours) / 7), 8)
    return {coin: Funding(first_ms=first_ms, rates=rates) for coin in tape.bars}
