"""The six files read side by side, before anybody asked whether they fit together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from engine.config.conversion import FAILED, Conversion
from engine.config.document import Tree, parse_document
from engine.config.exchange import Exchanges
from engine.config.executor import Executor
from engine.config.faults import Fault
from engine.config.llm import Llm
from engine.config.manager import Manager
from engine.config.market import Markets
from engine.config.root import Root

_ENTRIES = {"llm": "models", "exchange": "providers", "market": "providers"}


class Sections(Struct, frozen=True, kw_only=True):
    """What could be read, ``None`` where a file could not.

    ``names`` are the files as people know them and ``paths`` where they lie, by section (``root``, ``llm``,
    ``executor``, ``exchange``, ``market``, ``manager``). ``declared`` are all names of models and providers, also of
    those that could not be read. ``unset`` counts only for entries that are in use.
    """

    root: Root | None
    llm: Llm | None
    executor: Executor | None
    exchanges: Exchanges | None
    markets: Markets | None
    manager: Manager | None
    names: Mapping[str, str]
    paths: Mapping[str, Path]
    declared: Mapping[str, tuple[str, ...]]
    unset: tuple[Fault, ...]


def read_sections(path: Path, environ: Mapping[str, str], faults: list[Fault]) -> Sections:
    """Read ``nof0.yaml`` at ``path`` and the files it refers to; what is wrong is added to ``faults``."""
    root, _, unset = _read(path, Root, environ, faults)
    paths = {"root": path}
    read: dict[str, Any] = {}
    declared: dict[str, tuple[str, ...]] = {}
    if root is not None:
        wanted: dict[str, tuple[Path, type[Struct]]] = {
            "llm": (root.llm.file, Llm),
            "executor": (root.executor.file, Executor),
            "exchange": (root.exchange.file, Exchanges),
            "market": (root.market.file, Markets),
            "manager": (root.manager.file, Manager),
        }
        for section, (file, kind) in wanted.items():
            paths[section] = file
            read[section], tree, more_unset = _read(file, kind, environ, faults)
            entries = tree.get(_ENTRIES.get(section, ""), {})
            declared[section] = tuple(entries) if isinstance(entries, dict) else ()
            unset += more_unset
    return Sections(
        root=root,
        llm=read.get("llm"),
        executor=read.get("executor"),
        exchanges=read.get("exchange"),
        markets=read.get("market"),
        manager=read.get("manager"),
        names={section: str(file) for section, file in paths.items()},
        paths=paths,
        declared=declared,
        unset=tuple(unset),
    )


def _read(
    path: Path, kind: type[Struct], environ: Mapping[str, str], faults: list[Fault]
) -> tuple[Any, dict[str, Tree], list[Fault]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as e:
        faults.append(Fault(file=str(path), key="", message=f"cannot be read: {e.strerror}"))
        return None, {}, []
    except UnicodeDecodeError:
        faults.append(Fault(file=str(path), key="", message="is not text in UTF-8"))
        return None, {}, []
    found = len(faults)
    tree = parse_document(text, str(path), faults)
    if len(faults) > found and not tree:
        return None, {}, []
    conversion = Conversion(str(path), path.parent, environ)
    value = conversion.read(tree, kind)
    broken = [fault.key for fault in faults[found:]]
    faults += [fault for fault in conversion.faults if fault.key not in broken]
    return None if value is FAILED else value, tree, conversion.unset
