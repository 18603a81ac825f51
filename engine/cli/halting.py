"""``engine kill``: trip or lift the kill switch, which is a file and needs nothing else to be alive."""

import getpass
import sys
from pathlib import Path

from engine.cli.configuration import Refused, load_or_refuse
from engine.clock import LiveClock
from engine.killswitch import FileSwitch
from engine.manager.halt import Mode


def halt_arena(config: Path, *, mode: Mode, reason: str, lift: bool) -> int:
    """Say what is in force afterwards."""
    try:
        settings = load_or_refuse(config)
    except Refused as refused:
        return refused.code
    switch = FileSwitch(settings.manager.manager.state_storage_path)
    if lift:
        print("the halt is lifted" if switch.lift() else "there was no halt")
        return 0
    try:
        halt = switch.trip(mode, reason or "an operator's word", getpass.getuser(), LiveClock().now_ms())
    except OSError as error:
        print(f"no halt is in force, {switch.path} cannot be written: {error}; send SIGUSR1 instead", file=sys.stderr)
        return 1
    print(f"halted ({halt.mode}) by {halt.by}: {halt.reason}; lift it with: engine kill --lift")
    return 0
