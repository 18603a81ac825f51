"""``engine run``: open what the last run left, play history on the first, and trade in real time until stopped."""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog

from engine import __version__
from engine.app import Assembly, allocations_of, assemble, capital_of, in_real_time, instruments_of, terms_of
from engine.backtest.driver import Driver, step
from engine.backtest.tape import tape_of
from engine.cli.board import Board
from engine.cli.child import api_process
from engine.cli.configuration import Refused, load_or_refuse
from engine.cli.entries import entries
from engine.cli.instant import instant_ms
from engine.cli.progress import Progress
from engine.clock import LiveClock, PlayedClock
from engine.config import Settings, redacted_text, secrets_in
from engine.exchange.sim.log import SimLogFault
from engine.executor.prompt import PromptError
from engine.export.projection import Projection
from engine.export.published import GenerationError, read_published
from engine.export.publisher import Exporter, JournalHead
from engine.inbox import Inbox
from engine.journal.checkpointer import Checkpointer, CheckpointThread, Shelf
from engine.journal.checkpoints import Proof
from engine.journal.cycles import CycleFiles
from engine.journal.errors import JournalError, JournalLocked, JournalMissing
from engine.journal.reader import read
from engine.journal.writer import JournalWriter
from engine.killswitch import FileSwitch
from engine.logs import configure
from engine.manager.allocation import CapitalShort
from engine.manager.asking import LateAnswers
from engine.manager.desk import ModelDecider
from engine.manager.ports import Sink
from engine.manager.record import RecordUnreadable, Stopped
from engine.manager.recorder import Recorder, replay
from engine.manager.scheduler import Scheduler
from engine.manager.startup import announce, close_left_open, crashes_lately, recover
from engine.manager.state import State
from engine.market.candle_files import HistoryFault
from engine.market.synthetic import SyntheticMarket
from engine.model.standing import DAY_MS, HOUR_MS

log = structlog.get_logger()

EXIT_LOCKED = 75  # sysexits.h EX_TEMPFAIL: another engine has it
FAULTS = (JournalError, SimLogFault)  # what the machine does to the records of engine and venue
FLUSH_EVERY = 4096  # records between two syncs while history is played


class AlreadyRunning(Exception):
    """Another engine works on the same state folder."""


class Failed(Exception):
    """Trading ended by a fault of the machine; the message names it. The next start recovers."""


class StopAsked(BaseException):
    """A signal to stop came before the arena traded; what the journal holds by then is gone on from at the next start.

    Like ``KeyboardInterrupt`` it is no fault that anything on the way could deal with.
    """


def run_engine(config: Path, *, with_api: bool, until: str | None) -> int:
    """Run until SIGINT, SIGTERM or ``until``; the exit code."""
    try:
        settings = load_or_refuse(config)
        until_ms = None if until is None else instant_ms(until)
        logging = settings.root.logging
        configure(
            logging.level,
            json=logging.format == "json",
            secrets=secrets_in(settings),
            verbose_llm=logging.verbose_llm,
            models=settings.llm.log_level,
        )
        with held(settings.manager.manager.state_storage_path), stoppable():
            return Engine(settings).run(config, with_api=with_api, until_ms=until_ms)
    except Refused as refused:
        return refused.code
    except StopAsked:
        print("stopped before trading began; the next start goes on from the journal", file=sys.stderr)
        return 0
    except (AlreadyRunning, JournalLocked) as error:
        print(error, file=sys.stderr)
        return EXIT_LOCKED
    except Failed as failure:
        print(f"the engine failed: {failure}; the next start recovers from the journal", file=sys.stderr)
        return 1
    except (*FAULTS, RecordUnreadable, GenerationError, HistoryFault, CapitalShort, PromptError, ValueError) as error:
        print(f"refusing to start: {error}", file=sys.stderr)
        return 1


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the state folder for this process. Raises ``AlreadyRunning``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "engine.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"another engine works on {folder}") from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def stoppable() -> Iterator[None]:
    """Have SIGINT and SIGTERM raise ``StopAsked`` until the arena trades, which has its own way to stop.

    A shell starts background jobs with SIGINT ignored; this engine can be interrupted there as well.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        raise StopAsked

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Engine:
    """One run of the engine over one state folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.state = State()
        self.projection = Projection(self.state, instruments=instruments_of(settings))
        self.exporter = Exporter(self.projection, settings.root.data_path)
        self.switch = FileSwitch(settings.manager.manager.state_storage_path)
        self.inbox = Inbox(settings.manager.manager.state_storage_path / "inbox")
        self.inbox.open()
        self._trades = False

    def run(self, config: Path, *, with_api: bool, until_ms: int | None) -> int:
        """Recover, play history where there is none, then trade. Raises ``Failed`` for what ends trading."""
        try:
            return self._run(config, with_api=with_api, until_ms=until_ms)
        except (*FAULTS, OSError, ExceptionGroup) as error:
            if not self._trades:
                raise
            raise Failed(_cause(error)) from error

    def _run(self, config: Path, *, with_api: bool, until_ms: int | None) -> int:
        settings = self.settings
        published = read_published(settings.root.data_path)
        journal, recovery = JournalWriter.open(
            settings.root.journal.folder,
            anchors=[] if published is None else [published.head],
            segment_bytes=settings.root.journal.segment_bytes,
        )
        cycles = CycleFiles(
            {trader.id: trader.cycles_folder for trader in settings.traders if trader.cycles_folder is not None},
            self.state,
            known_seq=recovery.head.seq,
            durable=journal.durable_now,
        )
        proof = Proof(settings.root.journal.folder, self.state, refuse=True)
        thread = CheckpointThread(Shelf(settings.root.journal.folder, proof), journal.durable_now)
        checkpointer = Checkpointer(self.state, proof, head=lambda: journal.appended, hand_over=thread.hand_over)
        with journal, cycles, thread:
            if recovery.torn is not None:
                log.warning("torn tail dropped", torn=str(recovery.torn))
            try:
                replay(
                    entries(proof.following(read(settings.root.journal.folder)), self.projection.prompts.keep),
                    self.state,
                    [self.projection, cycles],
                )
            except JournalMissing:
                log.info("first start", journal=str(settings.root.journal.folder))
            for why in proof.ignored:
                log.warning("checkpoint ignored", why=why)
            clock = PlayedClock(self._start_ms())
            sinks: list[Sink] = [self.projection, cycles, checkpointer]
            recorder = Recorder(self.state, clock, journal, sinks, self.projection.prompts.keep)
            late = LateAnswers(recorder)
            assembly = assemble(
                settings,
                recorder,
                clock=clock,
                state_folder=settings.manager.manager.state_storage_path,
                switch=self.switch,
                bounded=in_real_time(settings, lambda: recorder.waits, late),
                recordings=settings.llm.record_folder,
            )
            late.desks = assembly.arena.desks
            self._prepare(assembly, recorder, clock, journal)
            cycles.go_live()
            with api_process(config) if with_api else _nothing():
                self._trades = True
                asyncio.run(self._live(assembly, recorder, journal, until_ms))
            recorder.say(Stopped(reason="told to stop"))
            journal.durable_now(recorder.seq)
            end = journal.head
            try:
                self.exporter.export(clock.now_ms(), JournalHead(seq=end.seq, hash=end.hash))
            except OSError as error:
                log.error("publishing failed", why=str(error))
        return 0

    def _start_ms(self) -> int:
        """Where the clock begins: on the first start where the history to play does, else where the journal ends."""
        if self.state.last_ts:
            return self.state.last_ts
        now_ms = LiveClock().now_ms()
        days = self.settings.root.arena.history_days
        return (now_ms - days * DAY_MS) // HOUR_MS * HOUR_MS if days else now_ms

    def _prepare(self, assembly: Assembly, recorder: Recorder, clock: PlayedClock, journal: JournalWriter) -> None:
        """Start-up is recovery: the configuration in force, what was left open, the venues, and history once."""
        settings = self.settings
        first = self.state.epoch == 0
        plays = (
            first
            and settings.root.arena.history_days > 0
            and all(isinstance(market, SyntheticMarket) for market in assembly.markets.values())
        )
        if not plays:
            clock.go_live()
        recorder.waits, recorder.durable_now = False, journal.durable_now
        announce(assembly.arena, __version__, redacted_text(settings), terms_of(settings))
        self._halt_after_crashes(clock.now_ms())
        close_left_open(assembly.arena)
        journal.durable_now(recorder.seq)
        step(recover(assembly.arena, capital_of(settings)))
        if plays:
            self._play(assembly, recorder, clock, journal)
            clock.go_live()
            close_left_open(assembly.arena)
        journal.durable_now(recorder.seq)
        recorder.waits = True

    def _play(self, assembly: Assembly, recorder: Recorder, clock: PlayedClock, journal: JournalWriter) -> None:
        market = next(iter(assembly.markets.values()))
        assert isinstance(market, SyntheticMarket)
        from_ms = clock.now_ms() - clock.now_ms() % market.interval_ms
        now_ms = LiveClock().now_ms()
        to_ms = now_ms - now_ms % market.interval_ms
        if to_ms <= from_ms:
            return
        columns = [
            column
            for desk in assembly.arena.desks.values()
            if not isinstance(desk.decider, ModelDecider)
            for column in desk.decider.columns
        ]
        flushed = 0
        with Progress(f"playing {self.settings.root.arena.history_days} days of synthetic history") as progress:

            def tell(done: int, total: int) -> None:
                nonlocal flushed
                progress.update(done, total)
                if recorder.seq - flushed >= FLUSH_EVERY:
                    journal.durable_now(recorder.seq)
                    flushed = recorder.seq

            driver = Driver(
                assembly.arena,
                clock,
                tape_of(market, columns, from_ms, to_ms),
                allocations=allocations_of(self.settings),
                progress=tell,
            )
            driver.run(from_ms, to_ms)

    async def _live(self, assembly: Assembly, recorder: Recorder, journal: JournalWriter, until_ms: int | None) -> None:
        clock = recorder.clock
        loop = asyncio.get_running_loop()
        # One thread, so that a generation whose publishing nobody waits for any more is out before the next one starts.
        publisher = ThreadPoolExecutor(1, thread_name_prefix="publish")

        async def publish() -> None:
            prepared = self.exporter.prepare()
            end = journal.appended
            await journal.durable(end.seq)
            head = JournalHead(seq=end.seq, hash=end.hash)
            try:
                await loop.run_in_executor(publisher, self.exporter.publish, prepared, head, clock.now_ms())
            except OSError as error:  # readers keep the generation they have; trading does not depend on it
                log.error("publishing failed", why=str(error))

        scheduler = Scheduler(
            assembly.arena,
            requests=self.inbox,
            publish=publish,
            update_ms=self.settings.manager.monitoring.update_interval_ms,
            allocations=allocations_of(self.settings),
            switch=self.switch,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, scheduler.stop)
        loop.add_signal_handler(signal.SIGUSR1, self._trip)
        if until_ms is not None:
            loop.call_later(max(0.0, (until_ms - clock.now_ms()) / 1000), scheduler.stop)
        with publisher, Board(self.state) as board:
            await publish()
            showing = asyncio.create_task(board.follow(clock))
            try:
                await scheduler.run()
            finally:
                await assembly.models.aclose()
            showing.cancel()
        log.info("stopped", records=recorder.seq)

    def _halt_after_crashes(self, now_ms: int) -> None:
        """A restart that keeps failing must not keep trading."""
        crashes, limit = crashes_lately(self.state, now_ms), self.settings.root.arena.crash_limit
        if limit and crashes >= limit:
            halt = self.switch.trip("reduce_only", f"{crashes} crashes within ten minutes", "engine", now_ms)
            log.error("halted", mode=halt.mode, reason=halt.reason)

    def _trip(self) -> None:
        try:
            self.switch.trip("no_opens", "SIGUSR1", "signal", LiveClock().now_ms())
        except OSError as error:  # it is in force all the same, as long as this process lives
            log.error("halt not written", why=str(error))


def _cause(error: BaseException) -> str:
    """What of the machine broke the arena, in a line. Raises anything else again: that is a fault of ours."""
    match error:
        case ExceptionGroup(exceptions=parts):
            return "; ".join(dict.fromkeys(_cause(part) for part in parts))
        case JournalError() | SimLogFault() | OSError():
            return str(error)
        case _:
            raise error


@contextmanager
def _nothing() -> Iterator[None]:
    yield
