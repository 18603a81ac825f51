"""Loading: six files and the environment in, one frozen value or every fault out."""

from collections.abc import Mapping
from pathlib import Path

from engine.config.faults import ConfigFaults, Fault
from engine.config.resolution import resolve
from engine.config.sections import Sections, read_sections
from engine.config.settings import Settings


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The configuration whose ``nof0.yaml`` lies at ``path``. Raises ``ConfigFaults`` with everything that is wrong.

    Nothing but files is read: no connection is made and no provider is built.
    """
    faults: list[Fault] = []
    sections = read_sections(path, environ, faults)
    settings, used = resolve(sections, faults)
    faults += [fault for fault in sections.unset if _counts(fault, sections, used)]
    if faults or settings is None:
        order = list(sections.names.values())
        known = list(dict.fromkeys(faults))
        raise ConfigFaults(sorted(known, key=lambda fault: order.index(fault.file) if fault.file in order else -1))
    return settings


def _counts(fault: Fault, sections: Sections, used: frozenset[str]) -> bool:
    """Whether an unset variable matters: in entries that somebody uses, and nowhere in those of stores left empty."""
    section = next(name for name, file in sections.names.items() if file == fault.file)
    match section:
        case "root":
            return not fault.key.startswith(("Postgres.", "Cache["))
        case "exchange" | "market":
            return not fault.key.startswith("providers.") or any(
                fault.key.startswith(f"providers.{name}.") for name in _names(used, section)
            )
        case "llm":
            if fault.key.startswith("models."):
                return any(fault.key.startswith(f"models.{name}.") for name in _names(used, section))
            return fault.key == "default_model" or "llm:openai" in used
    return True


def _names(used: frozenset[str], section: str) -> list[str]:
    return sorted(entry.removeprefix(f"{section}.") for entry in used if entry.startswith(f"{section}."))
