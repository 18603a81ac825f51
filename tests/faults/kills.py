"""Where an engine is killed: at the how manieth call that reaches the disk, drawn from a seed."""

import signal
import subprocess
from collections import Counter
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.faults.machine import EVERYTHING, SYNCS, ended, recovered, start, strace
from tests.processes.quick_arena import PROJECT_ROOT
from tests.processes.running import environment

# By what is counted: the calls, what their paths hold, and to how many of them an engine over the quick arena comes
# within about three seconds. Left to themselves nine kills of ten would hit the many small files that are published.
COUNTED: dict[str, tuple[tuple[str, ...], str, int]] = {
    "the journal's calls": (EVERYTHING, "/journal", 44),
    "the venue's calls": (EVERYTHING, "/venues", 24),
    "every call": (EVERYTHING, "", 330),
    "syncs": (SYNCS, "", 100),
    "early calls": (EVERYTHING, "", 40),
}
SHARES = {"the journal's calls": 5, "the venue's calls": 4, "every call": 2, "syncs": 1, "early calls": 3}


class Kill(Struct, frozen=True, kw_only=True):
    """One place to die: which calls are counted, at which of them, and on which side of it."""

    among: str
    at: int
    when: str

    def __str__(self) -> str:
        return f"{self.when} call {self.at} of {self.among}"


def a_kill(rng: Random) -> Kill:
    """A place within the first seconds; many lie within the start, which is recovery."""
    among = rng.choices(list(SHARES), list(SHARES.values()))[0]
    return Kill(
        among=among, at=rng.randint(1, COUNTED[among][2]), when=rng.choice(["before", "before", "after", "half-way"])
    )


class Death(Struct, frozen=True, kw_only=True):
    """What came of a kill: the call it hit and that call's file, if the engine came so far, and what was recovered."""

    call: str | None
    place: str
    looked_at: Counter[str]


def kill_and_recover(config: Path, log: Path, kill: Kill, seconds: float = 6) -> Death:
    """Run into the kill and recover."""
    told = log.with_name("killed-at")
    told.unlink(missing_ok=True)
    calls, path, _ = COUNTED[kill.among]
    faults = {"kill": {"calls": calls, "path": path, "at": kill.at, "when": kill.when, "told": str(told)}}
    code = ended(start(config, log, faults), seconds)
    assert code in (None, -signal.SIGKILL), f"{kill}: ended with {code}\n{log.read_text()[-3000:]}"
    call, _, path = (told.read_text() if code is not None else "").partition(" ")
    return Death(call=call or None, place=place_of(path), looked_at=recovered(config))


def place_of(path: str) -> str:
    """What kind of file a path of the arena is: the journal's, the venue's own, a published one, or another."""
    kinds = {"journal": "journal", "venues": "venue", "mcp_data": "published files"}
    return next((kind for folder, kind in kinds.items() if f"/{folder}" in path), "state")


def kill_by_strace(config: Path, folder: Path, call_name: str, at: int, seconds: float = 15) -> Death | None:
    """The same to an engine that nothing was put into; ``None`` where there is no working strace."""
    command = strace(config, folder / "strace.log", call_name, at)
    if command is None:
        return None
    with (folder / "engine.log").open("ab") as output:
        traced = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment(), stdout=output, stderr=output)
    code = ended(traced, seconds)
    return Death(call=call_name if code is not None else None, place="any file", looked_at=recovered(config))
