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
    faults = _prompt_faults(settings)
    if faults:
        print("The configuration is sound, and its prompts are not:", file=sys.stderr)
        for fault in faults:
            print(f"  {fault}", file=sys.stderr)
        return EXIT_CONFIG
    accounts = ", ".join(f"{account.id} ({account.limits.policy})" for account in settings.accounts)
    print(f"{path}: sound; {len(settings.traders)} traders on {accounts}")
    return 0


def _prompt_faults(settings: Settings) -> list[str]:
    """What keeps the traders' templates from being used, each file once."""
    from engine.executor.prompt import PromptError
    from engine.executor.prompt_files import PromptFiles

    faults: dict[str, None] = {}
    for trader in settings.traders:
        if trader.system_template is not None and trader.user_template is not None:
            try:
                PromptFiles(trader.system_template, trader.user_template, trader.strategy_template)
            except PromptError as error:
                faults[str(error)] = None
    return list(faults)


def show(path: Path) -> int:
    """Print the configuration in force as JSON, without secrets."""
    try:
        settings = load_or_refuse(path)
    except Refused as refused:
        return refused.code
    print(msgspec.json.format(msgspec.json.encode(redacted(settings)), indent=2).decode())
    return 0
