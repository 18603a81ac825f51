"""From the written limits to the limits in force: executor defaults, then the trader's own, then its override."""

import types
from decimal import Decimal
from typing import Any, get_args

import msgspec

from engine.config.exchange import Exchange, SimExchange
from engine.config.executor import ExecGuards, Executor, RiskParams, Thresholds
from engine.executor.limits import AccountLimits, Limits

_CAN_BE_OFF = {
    field.name: types.NoneType in get_args(field.type) for field in msgspec.structs.fields(Limits)
}  # in the order of the struct
_VALUE_BAND = (
    "btceth_position_value_min_equity_multiple",
    "btceth_position_value_max_equity_multiple",
    "alt_position_value_min_equity_multiple",
    "alt_position_value_max_equity_multiple",
)


def limits_in_force(executor: Executor, risk: RiskParams, guards: ExecGuards, override: Thresholds) -> Limits:
    """One trader's limits. A written zero switches off what can be off; of two margin caps the lower holds."""
    defaults: dict[str, Any] = {
        "major_coin_leverage": executor.major_coin_leverage,
        "altcoin_leverage": executor.altcoin_leverage,
        "min_confidence": executor.min_confidence,
        "min_risk_reward_ratio": executor.min_risk_reward,
        "max_positions": executor.max_positions,
    }
    written_guards = _written(executor.exec_guards) | _written(guards)
    guard_margin_cap = written_guards.pop("max_margin_usage_pct", None)
    overridden = _written(override)
    if "min_risk_reward" in overridden:
        overridden["min_risk_reward_ratio"] = overridden.pop("min_risk_reward")
    written = defaults | _written(executor.risk_params) | _written(risk) | written_guards | overridden

    values: dict[str, Any] = {
        name: None if can_be_off and not written[name] else written[name]
        for name, can_be_off in _CAN_BE_OFF.items()
        if name in written
    }
    if guard_margin_cap:
        values["max_margin_usage_pct"] = _lower(values.get("max_margin_usage_pct"), guard_margin_cap)
    for switch, names in (
        ("enable_liquidity_guard", ("liquidity_threshold_usd",)),
        ("enable_margin_usage_guard", ("max_margin_usage_pct",)),
        ("enable_value_band_guard", _VALUE_BAND),
        ("enable_cooldown_guard", ("cooldown_ms",)),
    ):
        if written.get(switch) is False:
            values |= dict.fromkeys(names)
    return Limits(**values)


def account_limits(exchange: Exchange) -> AccountLimits:
    """The limits of one venue account over all its traders; a written zero switches a cap off."""
    limits = AccountLimits(
        policy=exchange.policy or "exclusive",
        max_account_notional_usd=exchange.max_account_notional_usd or None,
        max_coin_notional_usd=exchange.max_coin_notional_usd or None,
    )
    if isinstance(exchange, SimExchange):
        return msgspec.structs.replace(limits, taker_fee_rate=exchange.sim.taker_fee_bps / 10_000)
    return limits


def _written(block: RiskParams | ExecGuards | Thresholds) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(block).items() if value is not None}


def _lower(cap: Decimal | None, other: Decimal) -> Decimal:
    return other if cap is None else min(cap, other)
