"""Where an engine is killed: at the how manieth call that reaches the disk, drawn from a seed."""

import signal
import subprocess
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.faults.machine import EVERYTHING, SYNCS, ended, recovered, start, strace
from tests.processes.quick_arena import PROJECT_ROOT
from tests.processes.running import environment

# An engine over the quick arena comes to so many of these calls within about three seconds.
REACHED = {"every call": 330, "syncs": 100, "early": 40}
CALLS = {"every call": EVERYTHING, "syncs": SYNCS, "early": EVERYTHING}


class Kill(Struct, frozen=True, kw_only=True):
    """One place to die: which calls are counted, at which of them, and on which side of it."""

    among: str
    at: int
    when: str

    def __str__(self) -> str:
        return f"{self.when} call {self.at} of {self.among}"


def a_kill(rng: Random) -> Kill:
    """A place within the first seconds; one in three within the start, which is recovery."""
    among = rng.choice(["every call", "every call", "syncs", "early", "early"])
    return Kill(
        among=among, at=rng.randint(1, REACHED[among]), when=rng.choice(["before", "before", "after", "half-way"])
    )


def kill_and_recover(config: Path, log: Path, kill: Kill, seconds: float = 6) -> bool:
    """Run into the kill and recover; whether the engine came that far."""
    faults = {"kill": {"calls": CALLS[kill.among], "at": kill.at, "when": kill.when}}
    code = ended(start(config, log, faults), seconds)
    assert code in (None, -signal.SIGKILL), f"{kill}: ended with {code}\n{log.read_text()[-3000:]}"
    recovered(config)
    return code is not None


def kill_by_strace(config: Path, folder: Path, call_name: str, at: int, seconds: float = 15) -> bool | None:
    """The same to an engine that nothing was put into; ``None`` where there is no working strace."""
    command = strace(config, folder / "strace.log", call_name, at)
    if command is None:
        return None
    with (folder / "engine.log").open("ab") as output:
        traced = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment(), stdout=output, stderr=output)
    code = ended(traced, seconds)
    recovered(config)
    return code is not None
