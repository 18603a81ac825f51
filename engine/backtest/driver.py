"""The backtest driver: steps the arena's own cycle through recorded time, at the bars where something is due."""

from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.backtest.agenda import Agenda, agenda
from engine.backtest.hits import Hits
from engine.backtest.solvency import Solvency, calm_until
from engine.executor.ports import Columns
from engine.manager.allocation import Allocation
from engine.manager.arena import Arena
from engine.manager.cycle import run_cycle
from engine.manager.desk import Desk
from engine.manager.exits import close_position, hit_within
from engine.manager.feed import MarkMissing
from engine.manager.rebalancing import rebalance_all
from engine.manager.reconcile import Drift
from engine.manager.record import SlotClosed
from engine.manager.resolve import resolve
from engine.manager.watch import mark_traders, observe, watch_desk
from engine.market.bars import Bars, price_of
from engine.model.ids import AccountId, TraderId
from engine.model.standing import HOUR_MS

Result = TypeVar("Result")


class SettableClock(Protocol):
    """A clock that the driver moves."""

    def now_ms(self) -> int:
        """The instant, ms UTC."""
        ...

    def set(self, now_ms: int) -> None:
        """Move forward."""
        ...


class Tape(Protocol):
    """The bars of a span as the driver needs them; it is trusted to show nobody a bar that has not closed."""

    @property
    def interval_ms(self) -> int:
        """Length of a bar."""
        ...

    @property
    def coins(self) -> tuple[str, ...]:
        """The coins it has."""
        ...

    def bars_over(self, coin: str, from_ms: int, to_ms: int) -> Bars:
        """The base bars that open in [from, to), without gaps; the first opens at ``from_ms``."""
        ...

    def columns_over(self, coin: str, from_ms: int, to_ms: int) -> Columns:
        """The declared columns over the same bars."""
        ...

    def touch(self, coin: str, price: Decimal, at_ms: int) -> None:
        """Make a price inside the running bar the current one."""
        ...


def step(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine whose ports never suspend, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("a port suspended in a backtest: its ports must answer at once")


class Driver:
    """Plays a span of a tape to an arena.

    ``observe_ms`` is how often the book is compared with the venue (a multiple of the bar; ``None``: at every bar where
    somebody decides); ``checks`` counts the comparisons and ``drifts`` those that differed.
    """

    def __init__(
        self,
        arena: Arena,
        clock: SettableClock,
        tape: Tape,
        *,
        every_slot: bool = False,
        mark_ms: int = HOUR_MS,
        observe_ms: int | None = None,
        allocations: Mapping[AccountId, Allocation] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.arena = arena
        self.checks = 0
        self.drifts = 0
        self._clock = clock
        self._tape = tape
        self._every_slot = every_slot
        self._mark_ms = mark_ms
        self._observe_ms = observe_ms
        self._allocations = dict(allocations or {})
        self._progress = progress
        self._drift: dict[AccountId, tuple[Drift, ...]] = {}

    def run(self, from_ms: int, to_ms: int) -> None:
        """Play the bars that open in [from, to) and mark everything at ``to_ms``."""
        tape, arena = self._tape, self.arena
        bars = {coin: tape.bars_over(coin, from_ms, to_ms) for coin in tape.coins}
        columns = {coin: tape.columns_over(coin, from_ms, to_ms) for coin in tape.coins}
        open_ms = np.arange(from_ms, to_ms, tape.interval_ms, dtype=np.int64)
        plan = agenda(open_ms, list(arena.desks.values()), columns, mark_ms=self._mark_ms, every_slot=self._every_slot)
        solvency = [Solvency(arena, account, bars) for account in arena.gateways]
        self._play(plan, open_ms, Hits(bars), solvency, bars)
        self._clock.set(to_ms)
        for account, gateway in arena.gateways.items():
            gateway.exchange.advance(to_ms)
            step(gateway.collect())
            self._observe(account)
        mark_traders(arena)

    def _play(
        self,
        plan: Agenda,
        open_ms: NDArray[np.int64],
        hits: Hits,
        solvency: list[Solvency],
        bars: dict[str, Bars],
    ) -> None:
        opens = open_ms.data
        count = len(open_ms)
        row = steps = 0
        for desk in self.arena.desks.values():
            hits.update(self.arena.state, desk, 0)
        for promise in solvency:
            promise.anchor(0)
        while True:
            due, calm = plan.next_row(), calm_until(solvency)
            if calm >= 0:
                if calm < due:
                    due = calm
                inside = hits.next_row(count)
                if inside < due:
                    row = max(row, inside)
                    self._inside(row, opens[row], plan, hits, solvency, bars)
                elif due < count:
                    row = due
                    self._open(row, opens[row], plan, hits, solvency)
                else:
                    return
            else:
                self._inside(row, opens[row], plan, hits, solvency, bars)
                row += 1
                if row == count:
                    return
                self._open(row, opens[row], plan, hits, solvency)
            steps += 1
            if self._progress is not None and steps % 1024 == 0:
                self._progress(row, count)

    def _open(self, row: int, now_ms: int, plan: Agenda, hits: Hits, solvency: list[Solvency]) -> None:
        """Everything that happens at the open of a bar: venue time, funding, marks, then the decisions that are due."""
        arena = self.arena
        state = arena.state
        if self._clock.now_ms() < now_ms:
            self._clock.set(now_ms)
        hour = now_ms % HOUR_MS == 0
        self._pass_time(row, now_ms, solvency)
        for gateway in arena.gateways.values():
            if state.accounts[gateway.account].intents:
                step(resolve(gateway, arena.recorder))
            elif hour:
                step(gateway.collect())
        if plan.marks[row]:
            mark_traders(arena)
            for account, allocation in self._allocations.items():
                rebalance_all(arena, account, allocation)
        if self._observe_ms is not None and now_ms % self._observe_ms == 0:
            self._observe_all()
        due = plan.take(row)
        if due:
            if self._observe_ms is None:
                self._observe_all()
            for desk in arena.in_turn(due, now_ms):
                if self._decide(desk, now_ms, due[desk.trader]):
                    plan.ask_again(desk.trader, row)
                if hits.filled[desk.trader] != desk.gateway.filled:
                    hits.update(state, desk, row)
        for promise in solvency:
            if hour or row >= promise.until_row or not promise.holds(row):
                promise.anchor(row)

    def _pass_time(self, row: int, now_ms: int, solvency: list[Solvency]) -> None:
        """Let venue time pass: bar by bar, or at once where nothing rests and nobody can have been liquidated."""
        for promise in solvency:
            exchange = promise.gateway.exchange
            if promise.holds(row) and not exchange.has_resting:
                exchange.skip(now_ms)
            else:
                exchange.advance(now_ms)
                step(promise.gateway.collect())  # the venue may have filled or liquidated something by itself

    def _decide(self, desk: Desk, slot_ms: int, only: tuple[str, ...] | None) -> bool:
        """Run one slot; whether the trader has to be asked again at its next one."""
        recorder = self.arena.recorder
        state = recorder.state
        standing = state.traders[desk.trader].standing
        if standing.last_slot_ms >= slot_ms:
            return False
        if standing.status != "running" or standing.pause_until_ms > slot_ms:
            why = standing.status if standing.status != "running" else "paused"
            recorder.say(SlotClosed(slot_ms=slot_ms, outcome="skipped", why=why), desk.trader)
            return True
        closed = step(run_cycle(desk, slot_ms, recorder, self.arena.deployment, only))
        if closed.outcome == "held" or (closed.outcome == "acted" and not closed.why):
            intents = state.accounts[desk.account].intents
            if not intents:
                return False
            return any(intent.trader == desk.trader for intent in intents.values())  # they may still be filled
        return True

    def _inside(
        self,
        row: int,
        open_ms: int,
        plan: Agenda,
        hits: Hits,
        solvency: list[Solvency],
        bars: dict[str, Bars],
    ) -> None:
        """What the prices inside a bar set off: stops and targets first, then liquidation of what is left."""
        arena = self.arena
        self._clock.set(max(open_ms, self._clock.now_ms()))
        self._pass_time(row, open_ms, solvency)
        last_ms = open_ms + self._tape.interval_ms - 1
        touched: dict[TraderId, None] = {}
        for name, coin in hits.take(row):
            self._clock.set(min(self._clock.now_ms() + 1, last_ms))
            self._exit(arena.desks[TraderId(name)], coin, row, bars[coin])
            touched[TraderId(name)] = None
        for promise in solvency:
            if not promise.calm:
                for desk in arena.desks_of(promise.account):
                    self._liquidate(desk, row, last_ms, promise, touched)
            if not promise.holds(row):
                promise.anchor(row)
        for trader in touched:
            plan.ask_again(trader, row)
            hits.update(arena.state, arena.desks[trader], row + 1)

    def _liquidate(self, desk: Desk, row: int, last_ms: int, promise: Solvency, touched: dict[TraderId, None]) -> None:
        for coin, extreme in promise.adverse(desk, row):
            self._clock.set(min(self._clock.now_ms() + 1, last_ms))
            self._tape.touch(coin, price_of(extreme), self._clock.now_ms())
            desk.feed.forget()
            step(watch_desk(self.arena, desk))
            touched[desk.trader] = None

    def _exit(self, desk: Desk, coin: str, row: int, bars: Bars) -> None:
        arena = self.arena
        plan = arena.state.traders[desk.trader].plans.get(coin)
        position = arena.state.ledger(desk.trader).positions.get(coin)
        if plan is None or position is None:
            return
        bar = bars.row(row)
        opened, low, high = price_of(bar.open), price_of(bar.low), price_of(bar.high)
        hit = hit_within(position, plan, opened=opened, low=low, high=high)
        if hit is None:
            return
        try:
            self._tape.touch(coin, hit.price, self._clock.now_ms())
            desk.feed.forget()
            step(close_position(desk, arena.recorder, arena.deployment, coin, hit.cause))
        except MarkMissing:
            return

    def _observe_all(self) -> None:
        for account in self.arena.gateways:
            self._observe(account)

    def _observe(self, account: AccountId) -> None:
        found = step(observe(self.arena, account, previous=self._drift.get(account, ())))
        self.checks += 1
        self.drifts += 1 if found else 0
        self._drift[account] = found
