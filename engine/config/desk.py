"""The desk: what all traders draw on, and what each may refer to by name."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from engine.config.exchange import Exchange
from engine.config.executor import Executor
from engine.config.llm import Llm
from engine.config.market import Market
from engine.config.root import Root


class Desk(Struct, frozen=True, kw_only=True):
    """What all traders draw on. ``declared`` are the names in the files, also of entries that could not be read."""

    root: Root
    llm: Llm
    executor: Executor
    exchanges: Mapping[str, Exchange]
    markets: Mapping[str, Market]
    default_exchange: str
    default_market: str
    declared: Mapping[str, tuple[str, ...]]
    manager_folder: Path
