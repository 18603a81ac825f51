"""``engine config``: load, say what is wrong, show what is in force."""

import os
import sys
from pathlib import Path

import msgspec

from engine.cli.commands import EXIT_CONFIG
from engine.config import ConfigFaults, Settings, load, redacted


class Refused(Exception):
    """The command cannot go on; everything was said already, ``code`` is what to exit with."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def load_or_refuse(path: Path) -> Settings:
    """The settings. Raises ``Refused`` after printing every fault."""
    try:
        return load(path, os.environ)
    except ConfigFaults as faults:
        count = len(faults.faults)
        print(
            f"The configuration has {count} {'fault' if count == 1 else 'faults'}; nothing was started:",
            file=sys.stderr,
        )
        for fault in faults.faults:
            print(f"  {fault.file}: {fault.key}: {fault.message}", file=sys.stderr)
        raise Refused(EXIT_CONFIG) from faults


def check(path: Path) -> int:
    """Print the faults, or that there are none."""
    try:
        settings = load_or_refuse(path)
    except Refused as refused:
        return refused.code
    accounts = ", ".join(f"{account.id} ({account.limits.policy})" for account in settings.accounts)
    print(f"{path}: sound; {len(settings.traders)} traders on {accounts}")
    return 0


def show(path: Path) -> int:
    """Print the configuration in force as JSON, without secrets."""
    try:
        settings = load_or_refuse(path)
    except Refused as refused:
        return refused.code
    print(msgspec.json.format(msgspec.json.encode(redacted(settings)), indent=2).decode())
    return 0
