"""Faults of a configuration: each with its file and key, all of them raised together."""

from collections.abc import Iterable

from msgspec import Struct


class Fault(Struct, frozen=True, kw_only=True, order=True):
    """One thing wrong. Read aloud it is one sentence: ``file: key message``."""

    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key} {self.message}" if self.key else f"{self.file}: {self.message}"


class ConfigFaults(Exception):
    """The configuration cannot be used. ``faults`` holds everything found, in the order of the files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
