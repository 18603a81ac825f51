"""The commands as real processes: how a test starts, watches, kills and stops them, and reads what they left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.config import Settings, load
from engine.journal.chain import BODY_KIND
from engine.journal.reader import read
from engine.manager.record import Entry, decode
from engine.model.ids import TraderId
from tests.processes.quick_arena import PROJECT_ROOT

PATIENCE_S = 30.0


def command(*arguments: str | Path) -> list[str]:
    """``engine …`` as this test's own interpreter runs it."""
    return [sys.executable, "-m", "engine", *map(str, arguments)]


def environment() -> dict[str, str]:
    """This test's own, except that compiled modules are kept: each process would compile all of them again."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``engine …`` to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=PROJECT_ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def start(*arguments: str | Path, log: Path) -> subprocess.Popen[bytes]:
    """Start ``engine …``; what it prints goes to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command(*arguments), cwd=PROJECT_ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )


@contextmanager
def running(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``engine run`` until the block ends, trading when the block begins; then it is told to stop and did so well."""
    with started(config, log) as (process, tail):
        tail.wait_for(b'"kind":"SlotOpened"', process)
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, log.read_text()


@contextmanager
def started(config: Path, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], "Tail"]]:
    """``engine run`` and what it writes to its journal; killed when the block ends, if it still runs then."""
    with Tail(journal_of(config)) as tail:
        process = start("run", "--config", config, log=log)
        try:
            yield process, tail
        finally:
            process.kill()
            process.wait()


def eventually(condition: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def settings_of(config: Path) -> Settings:
    """What a configuration says."""
    return load(config, {})


def journal_of(config: Path) -> Path:
    """The folder of the journal that a configuration names."""
    return settings_of(config).root.journal.folder


def entries_of(config: Path) -> list[Entry]:
    """Every record on disk."""
    return [
        Entry(
            seq=frame.seq,
            ts=frame.ts,
            trader=None if frame.trader is None else TraderId(frame.trader),
            record=decode(frame.kind, frame.data),
        )
        for frame in read(journal_of(config))
        if frame.kind != BODY_KIND
    ]


class Tail:
    """The lines that are added to a journal from now on, a fraction of a millisecond after they are in the file."""

    def __init__(self, journal: Path) -> None:
        self._log = journal / "log"
        names = sorted(self._log.glob("*.jsonl")) if self._log.is_dir() else []
        self._number = int(names[-1].stem) if names else 1
        self._file = names[-1].open("rb") if names else None
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def lines(self) -> list[bytes]:
        """The whole lines that came since the last call."""
        if self._file is None:
            path = self._log / f"{self._number:06d}.jsonl"
            if not path.exists():
                return []
            self._file = path.open("rb")
        content = self._file.read()
        if not content and (self._log / f"{self._number + 1:06d}.jsonl").exists():
            content = self._file.read()  # what was written between the look above and the end of the segment
            self._file.close()
            self._file, self._number = None, self._number + 1
        *whole, self._rest = (self._rest + content).split(b"\n")
        return whole

    def wait_for(self, wanted: bytes, process: subprocess.Popen[bytes], count: int = 1, also: bytes = b"") -> None:
        """Return at once after the ``count``-th line that holds ``wanted`` (and ``also``); the process must live."""
        deadline = time.monotonic() + PATIENCE_S
        while count > 0:
            time.sleep(0.0002)
            for line in self.lines():
                if wanted in line and also in line:
                    count -= 1
            assert time.monotonic() < deadline, f"waited in vain for {wanted!r}"
            assert process.poll() is None, f"the engine ended with {process.returncode} before {wanted!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
