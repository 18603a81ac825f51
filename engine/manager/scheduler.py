"""The live driver: aligned slots, one task a cycle, and the watch that never waits for a model."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from engine.manager.allocation import Allocation
from engine.manager.arena import Arena
from engine.manager.control import Answer, Command, obey
from engine.manager.cycle import run_cycle
from engine.manager.desk import Desk
from engine.manager.halt import KillSwitch, NoSwitch
from engine.manager.metering import cut_off
from engine.manager.rebalancing import rebalance_all
from engine.manager.reconcile import Drift
from engine.manager.record import Control, SlotClosed
from engine.manager.watch import Exits, mark_traders, observe, refresh
from engine.model.ids import AccountId, TraderId, next_slot, slot_at

log = structlog.get_logger()

WATCH_MS = 1_000
OBSERVE_MS = 15_000
COMMANDS_MS = 250  # an operator waits this long at most
EXPORT_PAUSE_MS = 500  # between two exports, however much changes
DRAIN_S = 5


class Requests(Protocol):
    """Where commands come from."""

    def take(self) -> list[Command | Answer]:
        """The waiting requests; unreadable ones as their answers."""
        ...

    def answer(self, answer: Answer) -> None:
        """Answer one."""
        ...


class Scheduler:
    """Runs an arena in real time until it is told to stop."""

    def __init__(
        self,
        arena: Arena,
        *,
        requests: Requests,
        publish: Callable[[], Coroutine[Any, Any, None]],
        update_ms: int,
        allocations: dict[AccountId, Allocation],
        switch: KillSwitch | None = None,
        watch_ms: int = WATCH_MS,
        commands_ms: int = COMMANDS_MS,
    ) -> None:
        self.arena = arena
        self._watch_ms = watch_ms
        self._commands_ms = commands_ms
        self._switch: KillSwitch = NoSwitch() if switch is None else switch
        self._requests = requests
        self._publish = publish
        self._update_ms = update_ms
        self._allocations = allocations
        self._busy: set[TraderId] = set()
        self._cycles: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End after what is under way; safe to call from a signal handler."""
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Drive slots, watch, marks, commands and publishing. Returns after ``stop``; raises what broke the engine."""
        loops = [self._slots(), self._export(), self._commands(), self._marks()]
        loops += [self._watch(account) for account in self.arena.gateways]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop) for loop in loops]
            await self._stopping.wait()
            for task in tasks:
                task.cancel()
        await self._drain()
        await self._published()

    async def _slots(self) -> None:
        clock = self.arena.recorder.clock
        while True:
            now_ms = clock.now_ms()
            slot_ms = min(next_slot(now_ms, desk.interval_ms) for desk in self.arena.desks.values())
            await clock.sleep_until(slot_ms)
            woke_ms = clock.now_ms()  # after a step of the clock, or a machine that slept, the latest slots count
            due = [name for name, desk in self.arena.desks.items() if slot_at(woke_ms, desk.interval_ms) > now_ms]
            for desk in self.arena.in_turn(due, slot_ms):
                self._open(desk, slot_at(woke_ms, desk.interval_ms))

    def _open(self, desk: Desk, slot_ms: int) -> None:
        recorder = self.arena.recorder
        standing = self.arena.state.traders[desk.trader].standing
        if standing.last_slot_ms >= slot_ms:
            return
        missed_ms = standing.last_slot_ms + desk.interval_ms
        if 0 < missed_ms < slot_ms and standing.last_slot_ms >= 0:
            self._pass_over(desk, missed_ms, "late", until_ms=slot_ms - desk.interval_ms)
        halt = self._switch.read()
        if halt is not None and halt.mode != "no_opens":
            self._pass_over(desk, slot_ms, "halted")
        elif desk.trader in self._busy:
            self._pass_over(desk, slot_ms, "busy")
        elif standing.status != "running":
            self._pass_over(desk, slot_ms, standing.status)
        elif standing.pause_until_ms > recorder.clock.now_ms():
            self._pass_over(desk, slot_ms, "paused")
        else:
            self._busy.add(desk.trader)
            task = asyncio.create_task(self._supervise(desk, slot_ms))
            self._cycles.add(task)
            task.add_done_callback(self._cycles.discard)

    def _pass_over(self, desk: Desk, slot_ms: int, why: str, until_ms: int | None = None) -> None:
        closed = SlotClosed(slot_ms=slot_ms, outcome="skipped", why=why, until_ms=until_ms)
        self.arena.recorder.say(closed, desk.trader)

    async def _supervise(self, desk: Desk, slot_ms: int) -> None:
        """Run one cycle apart from everything else: what breaks in it puts its own trader to ``error`` and no other."""
        recorder = self.arena.recorder
        cycle = asyncio.create_task(run_cycle(desk, slot_ms, recorder, self.arena.deployment))
        try:
            await asyncio.wait([cycle])
        finally:
            cycle.cancel()  # does nothing to one that has ended; a stop that waited long enough ends it, too
        self._busy.discard(desk.trader)
        fault = None if cycle.cancelled() else cycle.exception()
        if fault is not None:
            log.error("cycle failed", trader=desk.trader, slot_ms=slot_ms, exc_info=fault)
            why = f"{type(fault).__name__}: {fault}"
            left = cut_off(self.arena.state.traders[desk.trader])  # it may have been a call that broke
            recorder.say(
                SlotClosed(
                    slot_ms=slot_ms,
                    outcome="failed",
                    why=why,
                    unsettled_usd=left.usd,
                    unsettled_tokens=left.tokens,
                ),
                desk.trader,
            )
            recorder.say(Control(command="error", reason=why, by="engine"), desk.trader)
        self._changed.set()

    async def _watch(self, account: AccountId) -> None:
        async with asyncio.TaskGroup() as group:
            await self._watch_with(account, Exits(self.arena, account, group))

    async def _watch_with(self, account: AccountId, exits: Exits) -> None:
        clock = self.arena.recorder.clock
        drifts: tuple[Drift, ...] = ()
        observed_ms = 0
        while True:
            await refresh(self.arena, account)
            exits.look(flatten=self._enforced(account) == "flatten_own")
            now_ms = clock.now_ms()
            if now_ms - observed_ms >= OBSERVE_MS:
                drifts = await observe(self.arena, account, previous=drifts)
                observed_ms = now_ms
                if drifts:
                    self._switch.trip("no_opens", f"{account}: the book and the venue differ", "engine", now_ms)
            await clock.sleep_until(slot_at(now_ms, self._watch_ms) + self._watch_ms)

    def _enforced(self, account: AccountId) -> str:
        """The mode of the halt in force, once its begin or end was said; incidents that nobody caused trip it, too."""
        recorder = self.arena.recorder
        state = self.arena.state
        alarmed = state.accounts[account].alarms > state.accounts[account].alarms_heeded  # also by what recovery found
        if alarmed and self._switch.read() is None:
            self._switch.trip("no_opens", f"{account}: a critical incident", "engine", recorder.clock.now_ms())
        halt = self._switch.read()
        mode = "" if halt is None else halt.mode
        if mode != state.halted or (alarmed and halt is not None):
            if halt is None:
                recorder.say(Control(command="lift", reason="the switch is open again", by="operator"))
            else:
                recorder.say(Control(command="halt", reason=halt.reason, by=halt.by, mode=halt.mode))
        return mode

    async def _marks(self) -> None:
        clock = self.arena.recorder.clock
        while True:
            mark_traders(self.arena)
            for account, allocation in self._allocations.items():
                rebalance_all(self.arena, account, allocation)
            self._changed.set()
            await clock.sleep_until(next_slot(clock.now_ms(), self._update_ms))

    async def _export(self) -> None:
        clock = self.arena.recorder.clock
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._published()
            await clock.sleep_until(clock.now_ms() + EXPORT_PAUSE_MS)

    async def _published(self) -> None:
        try:
            await self._publish()
        except OSError as error:  # readers keep the generation they have; trading does not depend on it
            log.error("publishing failed", why=str(error))

    async def _commands(self) -> None:
        clock = self.arena.recorder.clock
        while True:
            for request in self._requests.take():
                answer = await self._obeyed(request) if isinstance(request, Command) else request
                self._requests.answer(answer)
                log.info("command answered", request=answer.request, ok=answer.ok, detail=answer.detail)
            await clock.sleep_until(clock.now_ms() + self._commands_ms)

    async def _obeyed(self, command: Command) -> Answer:
        """Carry out a command; one that breaks is answered as failed and ends nothing else."""
        task = asyncio.create_task(obey(self.arena, command))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        fault = None if task.cancelled() else task.exception()
        if fault is None and not task.cancelled():
            return task.result()
        log.error("command failed", request=command.request, exc_info=fault)
        return Answer(request=command.request, ok=False, detail=f"failed: {type(fault).__name__}: {fault}")

    async def _drain(self) -> None:
        """Wait for cycles under way as long as a stop may take; what is left is interrupted at the next start."""
        if self._cycles:
            _, late = await asyncio.wait(self._cycles, timeout=DRAIN_S)
            for task in late:
                task.cancel()
