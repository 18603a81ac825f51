"""How a configured arena plays a span of synthetic history from nothing, into the folders that it names.

As a command it plays in a process of its own: ``python -m tests.samples.recipe play CONFIG FROM_MS TO_MS`` writes
journal, venue and published files; ``… flat CONFIG FOLDER`` writes the documents of a journal as plain files.
"""

import os
import subprocess
import sys
from pathlib import Path

from engine import __version__
from engine.app import allocations_of, assemble, capital_of, instruments_of, terms_of
from engine.backtest.driver import Driver, step
from engine.backtest.tape import tape_of
from engine.cli.entries import entries
from engine.clock import SimClock
from engine.config import load, redacted_text
from engine.export.projection import Projection
from engine.export.publisher import Exporter, JournalHead
from engine.journal.inline import BufferedJournal
from engine.journal.reader import read
from engine.manager.desk import ModelDecider
from engine.manager.record import Stopped
from engine.manager.recorder import Recorder, replay
from engine.manager.startup import announce, recover
from engine.manager.state import State

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT_ROOT / "journal" / "sample"
SAMPLE_CONFIG = SAMPLE / "etc" / "nof0.yaml"
SAMPLE_FROM_MS = 1_760_918_400_000  # 2025-10-20 00:00 UTC
SAMPLE_TO_MS = SAMPLE_FROM_MS + 10 * 3_600_000


def in_own_process(*arguments: str | Path | int, hash_seed: int = 0) -> None:
    """Carry out a command in a process of its own: when it is over, nothing holds the venue's files any more."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.samples.recipe", *map(str, arguments)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def play(config: Path, from_ms: int, to_ms: int) -> None:
    """Play the span and publish what came of it; the journal ends with ``Stopped``."""
    settings = load(config, {})
    journal, _ = BufferedJournal.open(settings.root.journal.folder, segment_bytes=settings.root.journal.segment_bytes)
    state, clock = State(), SimClock(from_ms)
    projection = Projection(state, instruments=instruments_of(settings))
    recorder = Recorder(state, clock, journal, [projection], projection.prompts.keep)
    assembly = assemble(settings, recorder, clock=clock, state_folder=settings.manager.manager.state_storage_path)
    announce(assembly.arena, __version__, redacted_text(settings), terms_of(settings))
    step(recover(assembly.arena, capital_of(settings)))
    (market,) = assembly.markets.values()
    deciders = [desk.decider for desk in assembly.arena.desks.values()]
    columns = [column for decider in deciders if not isinstance(decider, ModelDecider) for column in decider.columns]
    tape = tape_of(market, columns, from_ms, to_ms)
    Driver(assembly.arena, clock, tape, allocations=allocations_of(settings)).run(from_ms, to_ms)
    recorder.say(Stopped(reason="the span is over"))
    journal.close()
    head = JournalHead(seq=journal.head.seq, hash=journal.head.hash)
    Exporter(projection, settings.root.data_path).export(clock.now_ms(), head)


def documents(config: Path) -> dict[str, bytes]:
    """What the engine publishes of a journal, computed from its records alone."""
    settings, state = load(config, {}), State()
    projection = Projection(state, instruments=instruments_of(settings))
    replay(entries(read(settings.root.journal.folder), projection.prompts.keep), state, [projection])
    return projection.documents()


def write_flat(config: Path, folder: Path) -> None:
    """Write the documents as plain files without a manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents(config).items():
        (folder / f"{name}.json").write_bytes(content)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["play", config, from_ms, to_ms]:
            play(Path(config), int(from_ms), int(to_ms))
        case ["flat", config, folder]:
            write_flat(Path(config), Path(folder))
        case _:
            sys.exit(str(__doc__))
