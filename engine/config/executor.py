"""The keys of ``executor.yaml``, and the two blocks of limits that it shares with the traders of ``manager.yaml``."""

from decimal import Decimal
from typing import Annotated

from msgspec import Struct, field

from engine.config.kinds import (
    Count,
    CountOrOff,
    Leverage,
    Milliseconds,
    MillisecondsOrOff,
    Name,
    Number,
    Percent,
    Refused,
    Usd,
)

Ratio = Annotated[Decimal, Number("ratio", at_least=0, at_most=100)]
Multiple = Annotated[Decimal, Number("multiple of equity", at_least=0, at_most=1000)]
Confidence = Annotated[Decimal, Number("0 to 100", at_least=0, at_most=100)]

_ALWAYS_CHECKED = Refused("every reply is checked against the decision contract, always; leave it as it is")


class RiskParams(Struct, frozen=True, kw_only=True):
    """Limits of one trade and of the positions; ``None`` is not written here. Zero switches off what can be off."""

    max_positions: Count | None = None
    max_position_size_usd: Annotated[Decimal, Number("USD", at_least=10)] | None = None  # a venue's least order
    max_trade_size_usd: Usd | None = None
    max_trader_notional_usd: Usd | None = None
    max_margin_usage_pct: Percent | None = None
    major_coin_leverage: Leverage | None = None
    altcoin_leverage: Leverage | None = None
    min_risk_reward_ratio: Ratio | None = None
    min_confidence: Confidence | None = None
    stop_loss_enabled: bool | None = None
    take_profit_enabled: bool | None = None
    max_risk_per_trade_pct: Percent | None = None
    price_band_pct: Annotated[Decimal, Number("%", above=0, at_most=100)] | None = None
    max_snapshot_age_ms: Milliseconds | None = field(name="max_snapshot_age", default=None)
    min_edge_over_fees: Annotated[Decimal, Number("multiple of fees", at_least=0, at_most=100)] | None = None


class ExecGuards(Struct, frozen=True, kw_only=True):
    """Guards over many trades; ``None`` is not written here. Zero switches a guard off."""

    max_new_positions_per_cycle: CountOrOff | None = None
    liquidity_threshold_usd: Usd | None = None
    max_margin_usage_pct: Percent | None = None
    btceth_position_value_min_equity_multiple: Multiple | None = None
    btceth_position_value_max_equity_multiple: Multiple | None = None
    alt_position_value_min_equity_multiple: Multiple | None = None
    alt_position_value_max_equity_multiple: Multiple | None = None
    cooldown_ms: MillisecondsOrOff | None = field(name="cooldown_after_close", default=None)
    enable_liquidity_guard: bool | None = None
    enable_margin_usage_guard: bool | None = None
    enable_value_band_guard: bool | None = None
    enable_cooldown_guard: bool | None = None
    candidate_limit: Count | None = None
    max_turnover_per_day_multiple: Multiple | None = None
    max_fees_per_day_pct: Percent | None = None
    max_opens_per_day: CountOrOff | None = None
    daily_loss_limit_pct: Percent | None = None
    max_drawdown_pct: Percent | None = None
    max_loss_streak: CountOrOff | None = None
    max_correlated_positions: CountOrOff | None = None
    correlation_threshold: Annotated[float, Number("correlation", at_least=0, at_most=1)] | None = None
    sharpe_pause_threshold: Annotated[float, Number("Sharpe ratio", at_least=-100, at_most=100)] | None = None
    sharpe_min_sample: Annotated[int, Number("hours", at_least=2, at_most=2160)] | None = None
    pause_ms: MillisecondsOrOff | None = field(name="pause_duration_on_breach", default=None)


class Thresholds(Struct, frozen=True, kw_only=True):
    """The five thresholds that may be overridden for one trader by its id."""

    major_coin_leverage: Leverage | None = None
    altcoin_leverage: Leverage | None = None
    min_confidence: Confidence | None = None
    min_risk_reward: Ratio | None = None
    max_positions: Count | None = None


class PromptValidation(Struct, frozen=True, kw_only=True):
    """What a prompt template has to say of itself before a trader may use it."""

    strict_mode: bool = False
    require_version_header: bool = False


class OutputValidation(Struct, frozen=True, kw_only=True):
    """The check of replies."""

    enabled: Annotated[bool, _ALWAYS_CHECKED] = True
    schema_path: Annotated[str, _ALWAYS_CHECKED] = ""
    fail_on_invalid: Annotated[bool, _ALWAYS_CHECKED] = True


class Executor(Struct, frozen=True, kw_only=True):
    """``executor.yaml``: what holds for every trader that does not say otherwise."""

    major_coin_leverage: Leverage = 20
    altcoin_leverage: Leverage = 10
    min_confidence: Confidence = Decimal(75)
    min_risk_reward: Ratio = Decimal(3)
    max_positions: Count = 4
    decision_interval_ms: Milliseconds = field(name="decision_interval", default=180_000)
    decision_timeout_ms: Milliseconds = field(name="decision_timeout", default=60_000)
    max_concurrent_decisions: Annotated[int, Number("count", at_least=1, at_most=1000)] = 8
    allowed_trader_ids: tuple[Name, ...] = ()
    signing_key: Annotated[str, Refused("decisions are chained in the journal; leave it empty")] = ""
    risk_params: RiskParams = RiskParams()
    exec_guards: ExecGuards = ExecGuards()
    overrides: dict[str, Thresholds] = {}
    prompt_schema_version: str = ""
    prompt_validation: PromptValidation = PromptValidation()
    output_validation: OutputValidation = OutputValidation()
