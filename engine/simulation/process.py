"""One process of the engine: the real start-up, recovery, scheduler and journal, on a simulated machine."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import msgspec

from engine.journal.chain import BODY_KIND, Frame
from engine.journal.checkpointer import Checkpointer, Shelf, Taken
from engine.journal.checkpoints import Proof
from engine.journal.disk import publish
from engine.journal.errors import JournalError
from engine.journal.inline import InlineJournal
from engine.journal.reader import read
from engine.manager.allocation import Allocation
from engine.manager.arena import Arena
from engine.manager.desk import Desk, ModelDecider
from engine.manager.feed import Feed
from engine.manager.gateway import Gateway
from engine.manager.halt import KillSwitch
from engine.manager.mandate import Mandate
from engine.manager.record import Entry, Filled, Incident, Liquidated, SlotClosed, Stopped, TraderTerms, decode
from engine.manager.recorder import Recorder, replay
from engine.manager.scheduler import Scheduler
from engine.manager.startup import announce, close_left_open, recover
from engine.manager.state import State
from engine.model.ids import AccountId, TraderId
from engine.simulation.churner import Churner
from engine.simulation.clock import ProcessClock
from engine.simulation.disk import ProcessDisk
from engine.simulation.journal import FOLDER, SEGMENT_BYTES, SuspendingJournal
from engine.simulation.link import Link
from engine.simulation.loop import ProcessLoop
from engine.simulation.market import INSTRUMENTS, Window
from engine.simulation.model import PROMPTS, Corpus
from engine.simulation.plan import Plan, TraderPlan
from engine.simulation.site import Site

DEPLOYMENT = "simulation"
MANIFEST = Path("published") / "manifest.json"
SLOW_SINK_MS = 60_000
PUBLISH_MS = 60_000
CHECKPOINT_RECORDS_MAX = 200  # between two checkpoints, and fewer where a universe is short:
CHECKPOINT_RECORDS_A_MINUTE = 5
CHECKPOINT_DELAY_MS = 3_000.0  # at most, until the disk has time for one


class Gate(Protocol):
    """Passed before every effect of a process; may end it."""

    def __call__(self, process: "Process", effect: str) -> None: ...


class Ledgered:
    """A reader of records: which venue trades have been booked, and how slots ended lately."""

    def __init__(self) -> None:
        self.booked: dict[str, int] = {}
        self.decided_ms: dict[str, int] = {}
        self.liquidated_ms: dict[str, int] = {}
        self.incidents: dict[str, int] = {}
        self.failures: list[str] = []

    def entry(self, entry: Entry) -> None:
        """Take one entry."""
        match entry.record:
            case Filled(fill=fill):
                self.booked[fill.trade_id] = self.booked.get(fill.trade_id, 0) + 1
            case SlotClosed(outcome=outcome, slot_ms=slot_ms, why=why):
                if outcome not in ("skipped", "interrupted"):
                    self.decided_ms[entry.trader or ""] = slot_ms
                if outcome == "failed" and not why.startswith(("model:", "reply:", "second look:")):
                    self.failures.append(f"slot {slot_ms} of {entry.trader}: {why}")
            case Liquidated():
                self.liquidated_ms[entry.trader or ""] = entry.ts
            case Incident(what=what):
                self.incidents[what] = self.incidents.get(what, 0) + 1
            case _:
                return


class Process:
    """One epoch of the engine. ``done`` is told when it ended by itself, and of what."""

    def __init__(
        self, number: int, site: Site, gate: Gate, done: Callable[["Process", BaseException | None], None]
    ) -> None:
        self.number = number
        self.site = site
        self.loop = ProcessLoop(site.machine.timeline, number)  # type: ignore[abstract]
        self.disk = ProcessDisk(site.disk, number, lambda effect: gate(self, effect), self._failing)
        self.started_ms = site.machine.timeline.now_ms
        self.reader = Ledgered()
        self.state = State()
        self.arena: Arena | None = None
        self.scheduler: Scheduler | None = None
        self.links: dict[str, Link] = {}
        self.ready = False
        self._gate = gate
        self._done = done
        self._published_ms = -PUBLISH_MS
        self._journal: InlineJournal | None = None

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.loop.alive

    def make_durable(self) -> None:
        """Write down everything said so far, for whoever wants to read the journal now."""
        assert self._journal is not None, "a process that runs has a journal"
        self._journal.durable_now(self._journal.appended.seq)

    def start(self) -> None:
        """Begin; what it does happens on the timeline."""
        asyncio._set_running_loop(self.loop)
        try:
            task = self.loop.create_task(self._live())
        finally:
            asyncio._set_running_loop(None)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        fault = None if task.cancelled() else task.exception()
        self.loop.kill()
        self._done(self, fault)

    def _failing(self, kind: str) -> bool:
        return self.site.faults.fires(kind, self.site.machine.timeline.now_ms, f"process {self.number}")

    async def _live(self) -> None:
        site = self.site
        anchors = [] if MANIFEST not in site.disk.names else [_anchor(self.disk.read(MANIFEST))]
        journal, _ = InlineJournal.open(FOLDER, anchors=anchors, segment_bytes=SEGMENT_BYTES, fs=self.disk)
        self._journal = journal
        proof = Proof(FOLDER, self.state, refuse=True, fs=self.disk)
        replay(entries_of(proof.following(read(FOLDER, fs=self.disk))), self.state, [self.reader])
        clock = ProcessClock(site.machine, self.loop, self.state.last_ts)
        delays = site.faults.random("disk delays")
        suspending = SuspendingJournal(
            journal, self.loop, lambda: 0.0 if delays.random() < 0.5 else 20 * delays.random() ** 2
        )
        checkpointer = Checkpointer(
            self.state,
            proof,
            head=lambda: journal.appended,
            hand_over=self._checkpoints(suspending, Shelf(FOLDER, proof, fs=self.disk)),
            every=min(CHECKPOINT_RECORDS_MAX, CHECKPOINT_RECORDS_A_MINUTE * site.plan.minutes),
        )
        recorder = Recorder(self.state, clock, suspending, [self.reader, checkpointer])
        arena = self.arena = self._assemble(recorder)
        announce(arena, "simulation", "as planned", terms_of(site.plan))
        close_left_open(arena)
        await recover(arena, capital_of(site.plan))

        async def publish() -> None:
            await self._publish(suspending)

        scheduler = self.scheduler = Scheduler(
            arena,
            requests=site.mailbox,
            publish=publish,
            update_ms=300_000,
            allocations={AccountId(account): Allocation() for account in site.plan.accounts},
            switch=site.switch,
            watch_ms=site.plan.watch_ms,
            commands_ms=5_000,
        )
        self.ready = True
        await scheduler.run()
        recorder.say(Stopped(reason="told to stop"))
        journal.close()

    def _checkpoints(self, journal: SuspendingJournal, shelf: Shelf) -> Callable[[Taken], None]:
        """Write checkpoints as their thread does in a real process: some time later, while others go on."""
        delays = self.site.faults.random("checkpoint delays")

        async def write(taken: Taken) -> None:
            await self.loop.sleep_ms(CHECKPOINT_DELAY_MS * delays.random() ** 2)
            try:
                await journal.durable(taken.seq)
            except JournalError:
                return
            shelf.put(taken)

        return lambda taken: _forgotten(self.loop.create_task(write(taken)))

    async def _publish(self, journal: SuspendingJournal) -> None:
        """Make everything durable; once a minute write down where the journal stands, as published files do.

        Raises ``OSError`` when the place where they are published cannot be written to.
        """
        if self._failing("sink_slow"):
            await self.loop.sleep_ms(SLOW_SINK_MS * self.site.faults.random("slow sinks").random())
        if self._failing("sink_down"):
            raise OSError("nothing can be published")
        end = journal.inline.appended
        await journal.durable(end.seq)
        now_ms = self.loop.timeline.now_ms
        if now_ms - self._published_ms >= PUBLISH_MS:
            self._published_ms = now_ms
            publish(self.disk, MANIFEST, msgspec.json.encode([end.seq, end.hash]))

    def _assemble(self, recorder: Recorder) -> Arena:
        site = self.site
        desks: list[Desk] = []
        gateways: dict[AccountId, Gateway] = {}
        feeds: dict[AccountId, Feed] = {}
        switch: KillSwitch = site.switch
        for name, venue in site.venues.items():
            account = AccountId(name)
            link = self.links[name] = Link(
                venue, self.loop, site.faults, lambda effect: self._gate(self, effect), recorder.clock.now_ms
            )
            market = Window(site.walk, site.machine, site.faults, lambda venue=venue: venue.in_outage("read"))  # type: ignore[misc]
            feed = feeds[account] = Feed(market, link)
            traders = [trader for trader in site.plan.traders if trader.account == name]
            mandates = {TraderId(trader.name): Mandate(coins=trader.coins, limits=trader.limits) for trader in traders}
            gateway = gateways[account] = Gateway(
                account,
                link,
                recorder,
                venue.sim.instruments,
                mandates,
                feed.look,
                switch,
            )
            desks += [self._desk(trader, feed, gateway) for trader in traders]
        return Arena(recorder, desks, gateways, feeds, DEPLOYMENT)

    def _desk(self, trader: TraderPlan, feed: Feed, gateway: Gateway) -> Desk:
        site = self.site
        if trader.kind == "corpus":
            model = Corpus(
                self.loop,
                site.faults,
                trader.coins,
                lambda coin: site.walk.price(coin, site.machine.true_ms()),
                trader.name,
            )
            decider: Churner | ModelDecider = ModelDecider(
                model=model, prompts=PROMPTS, timeout_ms=60_000, series_interval_ms=60_000, long_interval_ms=240_000
            )
        else:
            decider = Churner(trader.seed, trader.appetite, trader.size_usd, stops=trader.stops)
        return Desk(
            trader=TraderId(trader.name),
            account=AccountId(trader.account),
            interval_ms=trader.interval_ms,
            coins=trader.coins,
            decider=decider,
            limits=trader.limits,
            account_limits=site.plan.account_limits,
            instruments=INSTRUMENTS,
            feed=feed,
            gateway=gateway,
            max_account_age_ms=60_000,
        )


def terms_of(plan: Plan) -> tuple[TraderTerms, ...]:
    """What the journal is told of the traders."""
    return tuple(
        TraderTerms(
            trader=trader.name,
            name=trader.name,
            account=trader.account,
            kind="direct" if trader.kind == "corpus" else "strategy",
            decider=trader.kind,
            interval_ms=trader.interval_ms,
            cooldown_ms=trader.limits.cooldown_ms,
        )
        for trader in plan.traders
    )


def capital_of(plan: Plan) -> dict[AccountId, dict[TraderId, Decimal]]:
    """What each trader starts with, by venue account."""
    return {
        AccountId(account): {
            TraderId(trader.name): trader.capital_usd for trader in plan.traders if trader.account == account
        }
        for account in plan.accounts
    }


def _forgotten(task: asyncio.Task[None]) -> None:
    """Nobody waits for it; the loop keeps it."""


def entries_of(frames: Iterable[Frame]) -> Iterator[Entry]:
    """The records of a journal in order, without the bodies that they share."""
    for frame in frames:
        if frame.kind != BODY_KIND:
            trader = None if frame.trader is None else TraderId(frame.trader)
            yield Entry(seq=frame.seq, ts=frame.ts, trader=trader, record=decode(frame.kind, frame.data))


def _anchor(content: bytes) -> tuple[int, str]:
    return msgspec.json.decode(content, type=tuple[int, str])
