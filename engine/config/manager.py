"""The keys of ``manager.yaml``: the capital, the traders, how they are watched."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Struct, field

from engine.config.executor import ExecGuards, RiskParams
from engine.config.kinds import (
    BasisPoints,
    Coin,
    CountOrOff,
    File,
    Folder,
    Milliseconds,
    Name,
    Number,
    Percent,
    Refused,
    TokensADay,
    UsdAboveZero,
)

AllocationStrategy = Literal["equal", "fixed", "performance_based"]
TraderKind = Literal["direct", "selector", "strategy", "baseline"]
EntryStyle = Literal["market_ioc", "limit_ioc", "limit_gtc", "post_only"]


class Capital(Struct, frozen=True, kw_only=True):
    """The block ``manager``: the money, how it is split, and where the engine keeps its state.

    ``total_equity_usd`` has to be written: capital has no default.
    """

    total_equity_usd: UsdAboveZero | None = None
    reserve_equity_pct: Percent = Decimal(0)
    allocation_strategy: AllocationStrategy = "fixed"
    allocation_floor_pct: Percent = Decimal(2)
    allocation_cap_pct: Percent = Decimal(50)
    allocation_hysteresis_pct: Percent = Decimal(2)
    allocation_min_trades: CountOrOff = 10
    rebalance_interval_ms: Milliseconds = field(name="rebalance_interval", default=3_600_000)
    state_storage_backend: Literal["file"] = "file"
    state_storage_path: Folder = Path("../state")


class TraderBudget(Struct, frozen=True, kw_only=True):
    """What the model of one trader may use up in a UTC day; ``None`` takes what ``llm.yaml`` says for each trader."""

    daily_token_limit: TokensADay | None = None
    daily_usd_limit: UsdAboveZero | None = None


class SelectorEntry(Struct, frozen=True, kw_only=True):
    """How a selector weighs the strategies of its library; ``library`` has to be written."""

    library: File | None = None
    top: Annotated[int, Number("count", at_least=1, at_most=32)] = 3
    reweigh_interval_ms: Milliseconds = field(name="reweigh_interval", default=3_600_000)
    least_change_pct: Percent = Decimal(5)


class TraderEntry(Struct, frozen=True, kw_only=True):
    """One entry of ``traders``; ``None`` and empty texts are not written here. ``id`` has to be written."""

    id: Name = ""
    name: str = ""
    kind: TraderKind | None = None
    benchmark: bool = False
    exchange_provider: str = ""
    market_provider: str = ""
    order_style: EntryStyle = "market_ioc"
    market_ioc_slippage_bps: BasisPoints = Decimal(50)
    order_expiry_ms: Milliseconds | None = field(name="order_expiry", default=None)
    model: str = ""
    prompt_template: File | None = None
    executor_prompt_template: File | None = None
    user_prompt_template: File | None = None
    strategy: dict[str, Any] = {}
    selector: SelectorEntry | None = None
    decision_interval_ms: Milliseconds | None = field(name="decision_interval", default=None)
    series_interval_ms: Milliseconds = field(name="series_interval", default=180_000)
    long_interval_ms: Milliseconds = field(name="long_interval", default=14_400_000)
    coins: tuple[Coin, ...] = ()
    allocation_pct: Percent = Decimal(0)
    auto_start: bool = True
    journal_enabled: bool = False
    journal_dir: Folder | None = None
    budget: TraderBudget = TraderBudget()
    risk_params: RiskParams = RiskParams()
    exec_guards: ExecGuards = ExecGuards()


class Monitoring(Struct, frozen=True, kw_only=True):
    """How the arena is watched from outside; ``update_interval_ms`` is also the longest time between two exports."""

    update_interval_ms: Milliseconds = field(name="update_interval", default=15_000)
    alert_webhook: Annotated[str, Refused("this version sends no webhooks; leave it empty")] = ""
    metrics_exporter: Annotated[
        Literal["none", "prometheus"], Refused("this version offers no metrics; leave it at none")
    ] = "none"


class Manager(Struct, frozen=True, kw_only=True):
    """``manager.yaml``."""

    manager: Capital = Capital()
    traders: tuple[TraderEntry, ...] = ()
    monitoring: Monitoring = Monitoring()
