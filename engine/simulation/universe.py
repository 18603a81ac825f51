"""A universe: one seed's engine, venues and misfortunes, run for a while, healed, and judged."""

import logging
from collections.abc import Collection, Iterator, MutableMapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import structlog

from engine.journal.errors import JournalBroken, JournalLocked
from engine.manager.resolve import CONSUMED_GRACE_MS
from engine.model.ids import AccountId
from engine.model.order import Envelope
from engine.simulation.checkers import Checker, StopWatch, check_fold, check_journal, check_recovered
from engine.simulation.clock import MachineClock
from engine.simulation.disk import ProcessDisk, SimDisk
from engine.simulation.faults import Faults, Key
from engine.simulation.loop import Dead, Over, Stuck, Timeline
from engine.simulation.market import Walk
from engine.simulation.operator import Operator, opens
from engine.simulation.outcome import Outcome, Violation
from engine.simulation.plan import HEAL_MS, ORIGIN_MS, Plan, drawn_plan
from engine.simulation.process import Process
from engine.simulation.site import Mailbox, Site, Switch
from engine.simulation.venue import Mandate, Venue
from engine.simulation.witness import Witness

CHECK_MS = 5_000
MONEY_MS = 60_000
RESTARTS_MS = (200, 3_000, 31_000, 120_000)
EXPECTED_ENDS = (JournalBroken, OSError)


def simulate_seed(seed: int, minutes: int = 120, keep: Collection[Key] | None = None) -> Outcome:
    """Run the universe of a seed; ``keep`` masks all other faults."""
    return Universe(drawn_plan(seed, minutes), keep).run()


class Universe:
    """Everything there is. Stops at the first broken promise."""

    def __init__(self, plan: Plan, keep: Collection[Key] | None = None) -> None:
        self.plan = plan
        self.faults = Faults(plan.seed, plan.rates, keep)
        self.timeline = Timeline(self.faults.random("schedule"), plan.disorder)
        self.machine = MachineClock(self.timeline, ORIGIN_MS)
        self.witness = Witness()
        self.disk = SimDisk(self.faults.random("disk"), self.witness.synced)
        self.walk = Walk(self.faults.random("market"), plan.coins, ORIGIN_MS, plan.move)
        self.switch = Switch(lambda: self.timeline.now_ms)
        self.mailbox = Mailbox()
        self.violation: Violation | None = None
        self.process: Process | None = None
        self.starts = 0
        self.crashes = 0
        self.effects = 0
        self.story: list[tuple[int, str]] = []
        self._trace = blake2b(digest_size=16)
        mandates = {
            trader.name: Mandate(
                coins=trader.coins,
                max_position_usd=trader.limits.max_position_size_usd,
                max_positions=trader.limits.max_positions,
                alone=plan.account_limits.policy == "exclusive",
            )
            for trader in plan.traders
        }
        self.venues = {
            name: Venue(name, self.walk, self.machine, self.witness, terms, mandates, self.faults, self.found)
            for name, terms in plan.accounts.items()
        }
        self.checkers = [Checker(venue, self.witness, self.found) for venue in self.venues.values()]
        self.site = Site(
            plan=plan,
            machine=self.machine,
            disk=self.disk,
            walk=self.walk,
            venues=self.venues,
            faults=self.faults,
            switch=self.switch,
            mailbox=self.mailbox,
        )
        self.operator = Operator(self)
        self._stops = StopWatch(plan, self.walk, self.found)
        self._ambiguous = 0
        self._stopping = False
        self._seconds: list[Process] = []
        self._restarts = self.faults.random("restarts")

    def run(self) -> Outcome:
        """Live through it: faults, healing, an orderly end, and the last judgement."""
        with _quiet():
            try:
                self._run()
            except Stuck as stuck:
                self.found("P15", str(stuck))
            except Over:
                self.tell("nothing more is looked at")
            finally:
                self._end_processes()
        return self._outcome()

    def _run(self) -> None:
        self._start()
        self.operator.minute()
        self.timeline.later(CHECK_MS, self._check, CHECK_MS)
        end_ms = self.plan.minutes * 60_000
        self.timeline.run_until(end_ms)
        self.faults.on = False
        self.tell("faults end")
        self.operator.heal()
        self.timeline.later(120_000, self.operator.heal)  # what commands could not reach, once more
        self.timeline.later(150_000, self.operator.settle)
        self.timeline.run_until(end_ms + HEAL_MS + max(terms.longest_lag_ms for terms in self.plan.accounts.values()))
        if any(checker.waits_for_nonces(self.process) for checker in self.checkers):
            self.timeline.run_until(self.timeline.now_ms + CONSUMED_GRACE_MS + 60_000)
        self._judge()
        self._stopping = True
        assert self.process is not None
        if self.process.scheduler is not None:
            self.process.scheduler.stop()
        self.timeline.run_until(self.timeline.now_ms + 90_000)
        if self.process.alive:
            self.found("P15", "the engine was told to stop and did not within 90 s")
        check_journal(
            ProcessDisk(self.disk, -1, lambda effect: None, lambda kind: False),
            self.plan,
            self.found,
            stepped="clock_step" in self.faults.counts(),
        )

    def _judge(self) -> None:
        process = self.process
        if process is None or not process.alive or not process.ready:
            self.found("P15", "after all faults have ended no engine runs")
            return
        check_fold(process, self.disk, self.found)
        for checker in self.checkers:
            checker.look(process)
            checker.settled(process)
            checker.money(process, self.plan)
            checker.funded(process)
        check_recovered(process, self.plan, self.found, self.machine.true_ms())

    # What happens to processes

    def gate(self, process: Process, effect: str) -> None:
        """Pass before every effect of a process: here it is counted, traced, and may be its last."""
        if not process.alive:
            raise Dead(effect)
        self.effects += 1
        self._trace.update(f"{self.timeline.now_us} {process.number} {effect}\n".encode())
        crashes = self.effects in self.plan.crash_at
        if crashes or self.faults.fires("killed_at_effect", self.timeline.now_ms, effect):
            draws = self.faults.random("power")
            self.kill(power=draws.random() < 0.5, at=f"at effect {self.effects}, {effect}")
            raise Dead(effect)

    def kill(self, *, power: bool, at: str = "") -> None:
        """End the running process without a word; with ``power`` what was not synced may be lost."""
        process = self.process
        if process is None or not process.alive:
            return
        self.crashes += 1
        self.tell(f"process {process.number} is {'cut off' if power else 'killed'} {at}")
        process.loop.kill()
        if not at:
            process.loop.bury()
        self._let_go(process)
        if power:
            self.disk.lose_power()
        self._restart()

    def start_second(self) -> None:
        """Somebody starts another engine on the same disk; it must find the journal locked and end."""
        if self.process is None or not self.process.alive:
            return
        second = Process(1_000 + self.starts, self.site, self.gate, self._second_ended)
        self._seconds.append(second)
        second.start()

    def _second_ended(self, second: Process, fault: BaseException | None) -> None:
        self.disk.release(second.number)
        if not isinstance(fault, JournalLocked) and self.process is not None and self.process.alive:
            self.found("P12", f"a second engine ended with {fault!r} and not because the journal is locked")

    def _start(self) -> None:
        if self.process is not None and self.process.alive:
            return
        self.starts += 1
        process = self.process = Process(self.starts, self.site, self.gate, self._ended)
        for name in self.venues:
            self.tell(f"process {self.starts} starts for {name}")
        process.start()
        self._watch_links()

    def _watch_links(self) -> None:
        """Links exist once the process has assembled itself; until then nothing is sent."""
        process = self.process
        if process is None or not process.alive:
            return
        if not process.links:
            self.timeline.later(1, self._watch_links)
            return
        for link in process.links.values():
            link.sent, link.doubted = self._sent, self._doubted

    def _ended(self, process: Process, fault: BaseException | None) -> None:
        self.tell(f"process {process.number} ends: {fault!r}")
        self._let_go(process)
        unexpected = [found for found in _leaves(fault) if not isinstance(found, EXPECTED_ENDS)]
        if unexpected:
            raised = unexpected[0]
            self.found("P19", f"the engine broke of {type(raised).__name__}: {raised} {_where(raised)}")
        for complaint in process.loop.complaints:
            self.tell(complaint)
        if not self._stopping:
            self._restart()

    def _restart(self) -> None:
        delay_ms = self.plan.restart_ms
        drawn = RESTARTS_MS[int(self._restarts.random() * len(RESTARTS_MS))]
        if delay_ms is None:
            delay_ms = drawn if self.faults.on else 3_000
        self.timeline.later(delay_ms, self._start)

    def _let_go(self, process: Process) -> None:
        self._ambiguous += sum(link.ambiguous for link in process.links.values())
        process.links.clear()
        self.disk.release(process.number)

    def _end_processes(self) -> None:
        for process in (*self._seconds, *([] if self.process is None else [self.process])):
            if process.alive:
                process.loop.kill()
                process.loop.bury()
                self._let_go(process)

    # What is looked at

    def _check(self, since_ms: int) -> None:
        process = self.process
        if process is not None and process.alive and process.ready:
            for checker in self.checkers:
                checker.look(process)
                if self.timeline.now_ms % MONEY_MS == 0:
                    checker.money(process, self.plan)
            self._stops.look(process, self.machine.true_ms())
        self.operator.lift()
        self.timeline.later(CHECK_MS, self._check, CHECK_MS)

    def _sent(self, envelope: Envelope) -> None:
        """P4: nothing is sent whose outcome is on record. P11: nothing that opens is, a second after a trip."""
        promise = self.witness.promises.get(getattr(envelope.action, "client_order_id", ""))
        if promise is None or self.process is None:
            return
        if promise.client_order_id not in self.process.state.accounts[AccountId(promise.account)].intents:
            self.found("P4", f"{promise.client_order_id} of {promise.trader} is sent and has been declared dead before")
        halt = self.switch.halt
        if halt is None or self.timeline.now_ms - self.switch.since_ms <= 1_000:
            return
        book = self.process.state.accounts[AccountId(promise.account)].book
        position = book.traders[promise.trader].positions.get(promise.coin)  # type: ignore[index]
        if opens(envelope, position.quantity if position is not None else promise.quantity * 0):
            self.found("P11", f"{promise.trader} opens {promise.coin} under a halt ({halt.mode})")

    def _doubted(self, envelope: Envelope) -> None:
        """Nobody knows what became of an order: the worst moment to be told anything, or to die."""
        promise, now_ms = (
            self.witness.promises.get(getattr(envelope.action, "client_order_id", "")),
            self.timeline.now_ms,
        )
        if promise is None or self.process is None:
            return
        if self.faults.fires("command_in_doubt", now_ms, promise.trader):
            self.operator.doubt(promise.trader, len(self.faults.fired))
        if self.faults.fires("killed_in_doubt", now_ms, promise.client_order_id):
            self.kill(power=False, at="in doubt")
            raise Dead("in doubt")

    def found(self, promise: str, detail: str) -> None:
        """A promise is broken; the first one ends the run."""
        if self.violation is None:
            self.violation = Violation(promise=promise, detail=detail, at_ms=self.timeline.now_ms)
            self.tell(f"{promise} BROKEN: {detail}")
        self.timeline.halt()

    def tell(self, what: str) -> None:
        """Add a line to the story."""
        self.story.append((self.timeline.now_ms, what))
        self._trace.update(f"{self.timeline.now_us} {what}\n".encode())

    def _outcome(self) -> Outcome:
        return Outcome(
            seed=self.plan.seed,
            minutes=self.plan.minutes,
            violation=self.violation,
            trace=self._trace.hexdigest(),
            fired=tuple(self.faults.fired),
            effects=self.effects,
            steps=self.timeline.steps,
            starts=self.starts,
            crashes=self.crashes,
            orders=sum(venue.orders for venue in self.venues.values()),
            rejected=sum(venue.rejected for venue in self.venues.values()),
            filled=sum(len({shown.fill.order_id for shown in venue.fills}) for venue in self.venues.values()),
            fills=sum(len(venue.fills) for venue in self.venues.values()),
            ambiguous=self._ambiguous,
            slots=0 if self.process is None else len(self.process.reader.decided_ms),
            story=tuple(self.story),
        )


def _leaves(fault: BaseException | None) -> Iterator[BaseException]:
    """The exceptions in a group of them."""
    if isinstance(fault, BaseExceptionGroup):
        for inner in fault.exceptions:
            yield from _leaves(inner)
    elif fault is not None:
        yield fault


def _where(fault: BaseException) -> str:
    """The file and line that raised it."""
    place, trace = "", fault.__traceback__
    while trace is not None:
        place = f"({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


@contextmanager
def _quiet() -> Iterator[None]:
    """Have the engine log nothing meanwhile."""
    before, disabled = structlog.get_config(), logging.root.manager.disable
    structlog.configure(processors=[_drop])
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.disable(disabled)


def _drop(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    raise structlog.DropEvent
