"""The live driver in virtual time: cadence to the millisecond, one trader's trouble is its own, a stop is bounded."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from engine.executor.context import Context
from engine.manager.audit import Audit
from engine.manager.control import Answer, Command
from engine.manager.record import Answered, Filled, SlotClosed, SlotOpened
from engine.manager.scheduler import Scheduler
from engine.model.decision import Decision
from engine.model.order import Envelope, Order, OrderReport
from tests.arena.chat import Speaker, a_buy, model_decider, says
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy
from tests.arena.small_arena import STOPPED, SmallArena, Trader
from tests.arena.venues import Relay
from tests.arena.virtual_time import VirtualClock

SECOND_MS = 1_000


class Requests:
    """What an operator asks, each at its instant."""

    def __init__(self, clock: VirtualClock, *commands: tuple[int, Command | Answer]) -> None:
        self._clock = clock
        self._waiting = list(commands)
        self.answers: list[tuple[int, Answer]] = []

    def take(self) -> list[Command | Answer]:
        now_ms = self._clock.now_ms()
        due = [command for at_ms, command in self._waiting if at_ms <= now_ms]
        self._waiting = [waiting for waiting in self._waiting if waiting[0] > now_ms]
        return due

    def answer(self, answer: Answer) -> None:
        self.answers.append((self._clock.now_ms(), answer))


def scheduled(
    clock: VirtualClock, traders: Any, prices: Any = None, commands: Sequence[Any] = (), **terms: Any
) -> tuple[SmallArena, Scheduler, Requests]:
    """An arena with a scheduler that nobody has started yet."""
    arena = SmallArena(traders, prices or {"BTC": [100.0] * 60}, clock=clock, **terms)
    requests = Requests(clock, *commands)

    async def publish() -> None:
        return None

    scheduler = Scheduler(arena.arena, requests=requests, publish=publish, update_ms=MINUTE_MS, allocations={})
    return arena, scheduler, requests


def run(clock: VirtualClock, scheduler: Scheduler, minutes: float, afterwards_s: float = 0) -> int:
    """Let the scheduler run until it is stopped at a minute; how long it took to stop, ms."""

    async def main() -> int:
        asyncio.get_running_loop().call_later(minutes * 60, scheduler.stop)
        await scheduler.run()
        took_ms = clock.now_ms() - T0 - int(minutes * MINUTE_MS)
        await asyncio.sleep(afterwards_s)
        return took_ms

    return clock.run(main())


def openings(arena: SmallArena, trader: str) -> list[tuple[int, int]]:
    """(slot, when it was opened), both in ms since the start."""
    return [
        (entry.record.slot_ms - T0, entry.ts - T0)
        for entry in arena.entries
        if isinstance(entry.record, SlotOpened) and entry.trader == trader
    ]


def audited(arena: SmallArena) -> list[str]:
    """What an audit finds wrong with the slots."""
    audit = Audit()
    for entry in arena.entries:
        audit.entry(entry)
    return audit.faults()


def test_slots_open_on_their_grid_each_trader_at_its_own_interval() -> None:
    clock = VirtualClock(T0)
    arena, scheduler, _ = scheduled(clock, {"ann": {}, "bob": Trader(decider=Scripted({}), minutes=3)})

    run(clock, scheduler, 7.5)

    assert openings(arena, "ann") == [(minute * MINUTE_MS,) * 2 for minute in range(1, 8)]
    assert openings(arena, "bob") == [(minute * MINUTE_MS,) * 2 for minute in (3, 6)]
    assert audited(arena) == []


def test_a_model_that_hangs_does_not_hold_up_the_others() -> None:
    """Scenario 10: ann's model says nothing for 90 seconds, twice; bob is asked every minute to the second."""
    clock = VirtualClock(T0)
    silent = Speaker(says(a_buy()), takes_ms=10 * MINUTE_MS)
    arena, scheduler, _ = scheduled(
        clock, {"ann": Trader(decider=model_decider(silent, timeout_ms=90 * SECOND_MS)), "bob": {4: buy()}}
    )

    run(clock, scheduler, 6.5)

    assert all(abs(at - slot) <= SECOND_MS for slot, at in openings(arena, "bob"))
    assert [slot // MINUTE_MS for slot, _ in openings(arena, "bob")] == [1, 2, 3, 4, 5, 6]
    assert arena.held("bob") == 1
    ends = {
        (closed.slot_ms - T0) // MINUTE_MS: f"{closed.outcome}:{closed.why}"
        for closed in arena.records(SlotClosed, "ann")
    }
    assert ends[1] == ends[3] == "failed:model: no answer within 90000 ms"
    assert ends[2] == ends[4] == "skipped:busy"
    assert audited(arena) == []


class SlowToClose(Relay):
    """Lets nine seconds pass before it takes an order that sells BTC."""

    async def submit(self, envelope: Envelope) -> OrderReport:
        action = envelope.action
        if isinstance(action, Order) and action.coin == "BTC" and action.side == "sell":
            await asyncio.sleep(9)
        return await self.sim.submit(envelope)


def test_a_stop_that_waits_for_the_venue_does_not_hold_up_another_traders_stop() -> None:
    clock = VirtualClock(T0)
    falling = {"BTC": [100.0] * 3 + [90.0] * 20, "ETH": [10.0] * 3 + [9.0] * 20}
    traders = {
        "ann": Trader(decider=Scripted({1: buy("BTC", stop="95")}), limits=STOPPED),
        "bob": Trader(decider=Scripted({1: buy("ETH", stop="9.5")}), limits=STOPPED),
    }
    arena, scheduler, _ = scheduled(clock, traders, falling, venue=SlowToClose)

    run(clock, scheduler, 4)

    exits = {
        str(entry.trader): entry.ts - T0 - 3 * MINUTE_MS
        for entry in arena.entries
        if isinstance(entry.record, Filled) and entry.record.fill.side == "sell"
    }
    assert set(exits) == {"ann", "bob"}
    assert exits["bob"] <= 2 * SECOND_MS
    assert 9 * SECOND_MS <= exits["ann"] <= 11 * SECOND_MS


class Broken:
    """A strategy with a bug in it."""

    name = "broken"
    columns = ()

    def decide(self, context: Context) -> Sequence[Decision]:
        if (context.slot_ms - T0) // MINUTE_MS >= 2:
            raise ZeroDivisionError("a bug")
        return ()

    def points(self, coin: str, columns: Any) -> None:
        return None


def test_what_breaks_in_one_trader_s_cycle_puts_it_alone_to_error() -> None:
    """Scenario 11."""
    clock = VirtualClock(T0)
    start = Command(request="1", verb="start", trader="ann", by="test", expires_ms=T0 + 60 * MINUTE_MS)
    arena, scheduler, _ = scheduled(
        clock, {"ann": Trader(decider=Broken()), "bob": {4: buy()}}, commands=[(T0 + 4 * MINUTE_MS + SECOND_MS, start)]
    )

    run(clock, scheduler, 6.5)

    ends = [f"{closed.outcome}:{closed.why}" for closed in arena.records(SlotClosed, "ann")]
    fault = "failed:ZeroDivisionError: a bug"
    assert ends == ["held:", fault, "skipped:error", "skipped:error", fault, "skipped:error"]
    assert arena.state.traders[arena.desks["ann"].trader].standing.status == "error"
    assert arena.outcomes("bob") == ["held", "held", "held", "acted", "held", "held"]
    assert arena.held("bob") == 1
    assert audited(arena) == []


def test_a_stop_fires_within_a_second_while_a_model_thinks() -> None:
    clock = VirtualClock(T0)
    slow = Speaker(says(a_buy(quantity=10, stop_loss=95)), says(), takes_ms=30 * SECOND_MS)
    arena, scheduler, _ = scheduled(
        clock,
        {"ann": Trader(decider=model_decider(slow), limits=STOPPED)},
        {"BTC": [100.0, 100.0, 100.0, 94.0, 94.0, 94.0]},
    )

    run(clock, scheduler, 4)

    bought, sold = arena.fills()
    assert bought.time_ms - T0 == MINUTE_MS + 30 * SECOND_MS
    assert 0 <= sold.time_ms - T0 - 3 * MINUTE_MS <= SECOND_MS
    assert arena.held("ann") == arena.venue_holds() == 0


def test_a_command_is_answered_within_a_second_while_a_model_thinks() -> None:
    """Stopped while it thinks: what the model then says is kept, and nothing comes of it."""
    clock = VirtualClock(T0)
    at_ms = T0 + MINUTE_MS + 10 * SECOND_MS
    command = Command(request="7", verb="stop", trader="ann", by="test", expires_ms=at_ms + MINUTE_MS)
    unreadable = Answer(request="8", ok=False, detail="cannot be read")
    slow = Speaker(says(a_buy()), takes_ms=30 * SECOND_MS)
    arena, scheduler, requests = scheduled(
        clock, {"ann": Trader(decider=model_decider(slow))}, commands=[(at_ms, command), (at_ms, unreadable)]
    )

    run(clock, scheduler, 3.5)

    (stopped_ms, stopped), (_, echoed) = requests.answers
    assert stopped_ms - at_ms <= SECOND_MS
    assert (stopped.ok, stopped.detail) == (True, "ann is stopped and holds 0 positions")
    assert echoed == unreadable
    assert len(arena.records(Answered)) == 1
    assert arena.orders("ann") == []
    assert [closed.outcome for closed in arena.records(SlotClosed, "ann")] == ["skipped"] * 3


@pytest.mark.parametrize("takes_s", [1, 4, 600])
def test_the_engine_stops_within_ten_seconds_and_sends_nothing_afterwards(takes_s: int) -> None:
    clock = VirtualClock(T0)
    slow = Speaker(says(a_buy()), takes_ms=takes_s * SECOND_MS)
    arena, scheduler, _ = scheduled(
        clock, {"ann": Trader(decider=model_decider(slow, timeout_ms=1_000 * SECOND_MS))}, commands=()
    )

    took_ms = run(clock, scheduler, 1, afterwards_s=1_200)

    assert took_ms <= 10 * SECOND_MS
    assert arena.held("ann") == (1 if takes_s < 5 else 0)
    assert arena.outcomes("ann") == (["acted"] if takes_s < 5 else [])  # what is open is interrupted at the next start


def test_a_paused_trader_is_skipped_until_its_pause_ends() -> None:
    clock = VirtualClock(T0)
    pause, resume = (
        Command(request=verb, verb=verb, trader="ann", by="test", expires_ms=T0 + 60 * MINUTE_MS)
        for verb in ("pause", "resume")
    )
    arena, scheduler, _ = scheduled(
        clock, {"ann": {}}, commands=[(T0 + 90 * SECOND_MS, pause), (T0 + 210 * SECOND_MS, resume)]
    )

    run(clock, scheduler, 5.5)

    ends = [f"{closed.outcome}:{closed.why}" for closed in arena.records(SlotClosed, "ann")]
    assert ends == ["held:", "skipped:paused", "skipped:paused", "held:", "held:"]
