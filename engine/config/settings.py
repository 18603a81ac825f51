"""Settings: the whole configuration as one frozen value, as written and as it comes to bear."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct

from engine.config.exchange import Exchanges, SimExchange
from engine.config.executor import Executor
from engine.config.library import LibrarySettings
from engine.config.llm import Llm
from engine.config.manager import EntryStyle, Manager, TraderKind
from engine.config.market import Markets
from engine.config.root import Root
from engine.executor.limits import AccountLimits, Limits
from engine.model.ids import AccountId, TraderId


class StrategyChoice(Struct, frozen=True, kw_only=True):
    """A strategy by name, its settings as ``engine.executor.strategies.build`` takes them, and its seed."""

    name: str
    settings: Mapping[str, Any]
    seed: int


class SelectorSettings(Struct, frozen=True, kw_only=True):
    """How a trader selects: from which library, how many strategies at once, how often, from which difference on."""

    library: LibrarySettings
    top: int
    reweigh_ms: int
    least_change_pct: Decimal


class TraderSettings(Struct, frozen=True, kw_only=True):
    """One trader as it will run: every default filled in, every path absolute or relative to the working folder.

    One of ``model`` (a name in ``llm.yaml``), ``strategy`` and ``selector`` is there, or a selector with the model that
    weighs for it. The three templates belong to models:
    ``strategy_template`` is the trader's own text (``prompt_template``), ``system_template`` and ``user_template`` are
    the frame. ``capital_usd`` is the start capital, rounded down to the cent. ``candidate_limit`` is how many coins
    besides those held a decider is shown. ``daily_token_limit`` and ``daily_usd_limit`` are the trader's own budget for
    its model, ``None`` for none.
    """

    id: TraderId
    name: str
    kind: TraderKind
    benchmark: bool
    account: AccountId
    market: str
    model: str | None
    strategy: StrategyChoice | None
    selector: SelectorSettings | None
    strategy_template: Path | None
    system_template: Path | None
    user_template: Path | None
    interval_ms: int
    timeout_ms: int
    series_interval_ms: int
    long_interval_ms: int
    order_style: EntryStyle
    slippage_bps: Decimal
    order_expiry_ms: int | None
    coins: tuple[str, ...]
    allocation_pct: Decimal
    capital_usd: Decimal
    auto_start: bool
    cycles_folder: Path | None
    candidate_limit: int | None
    daily_token_limit: int | None
    daily_usd_limit: Decimal | None
    limits: Limits


class AccountSettings(Struct, frozen=True, kw_only=True):
    """One venue account that some trader trades on.

    ``capital_usd`` is what its traders start with together, ``initial_balance_usd`` what the simulated venue is given.
    """

    id: AccountId
    provider: SimExchange
    market: str
    traders: tuple[TraderId, ...]
    limits: AccountLimits
    capital_usd: Decimal
    initial_balance_usd: Decimal


class Settings(Struct, frozen=True, kw_only=True):
    """Everything: the six files as read, and what follows, ``traders`` and ``accounts`` in the order of the files.

    ``folder`` holds ``nof0.yaml``; ``files`` are all that were read.
    """

    folder: Path
    files: tuple[Path, ...]
    root: Root
    llm: Llm
    executor: Executor
    exchanges: Exchanges
    markets: Markets
    manager: Manager
    traders: tuple[TraderSettings, ...]
    accounts: tuple[AccountSettings, ...]
