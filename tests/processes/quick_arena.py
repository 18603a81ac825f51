"""A quick arena out of the shipped configuration: bars of one second, slots of one or two, traders that trade often."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SHIPPED = PROJECT_ROOT / "etc"

# A coin that is drawn is opened or closed, in every slot: 43,200 positions a day at slots of one second.
RESTLESS = {"name": "random", "trades_per_day": 43_200, "position_pct": 20}
FREE = {
    "max_positions": 7,
    "max_trader_notional_usd": 0,
    "max_margin_usage_pct": 0,
    "min_confidence": 0,
    "min_risk_reward_ratio": 0,
    "max_risk_per_trade_pct": 0,
    "stop_loss_enabled": False,
    "take_profit_enabled": False,
}
UNGUARDED = {
    "max_new_positions_per_cycle": 0,
    "cooldown_after_close": "1ms",
    "max_turnover_per_day_multiple": 0,
    "max_fees_per_day_pct": 0,
    "max_opens_per_day": 0,
    "daily_loss_limit_pct": 0,
    "max_drawdown_pct": 0,
    "max_loss_streak": 0,
    "max_correlated_positions": 0,
    "correlation_threshold": 0,
    "pause_duration_on_breach": "1ms",
}


def restless(name: str, seed: int, seconds: int = 1) -> dict[str, Any]:
    """A trader that opens or closes something in each of its slots."""
    return {
        "id": name,
        "strategy": {**RESTLESS, "trades_per_day": 43_200 // seconds, "seed": seed},
        "decision_interval": f"{seconds}s",
        "allocation_pct": 10,
        "risk_params": FREE,
    }


def scripted(name: str, model: str, seconds: int = 1) -> dict[str, Any]:
    """A trader that asks one of the shipped scripted models."""
    return {
        "id": name,
        "model": model,
        "prompt_template": str(PROJECT_ROOT / "prompts/manager/balanced_swing.j2"),
        "executor_prompt_template": str(PROJECT_ROOT / "prompts/executor/default.j2"),
        "user_prompt_template": str(PROJECT_ROOT / "prompts/executor/user.j2"),
        "decision_interval": f"{seconds}s",
        "series_interval": "1s",
        "long_interval": "60s",
        "allocation_pct": 10,
        "risk_params": FREE,
    }


def shipped_traders() -> list[dict[str, Any]]:
    """The traders of the shipped configuration, each in slots of one second."""
    traders = yaml.safe_load((SHIPPED / "manager.yaml").read_text())["traders"]
    return [_hurried(trader) for trader in traders]


def _hurried(trader: dict[str, Any]) -> dict[str, Any]:
    if "model" not in trader:
        return {**trader, "decision_interval": "1s"}
    quick = scripted(trader["id"], trader["model"])
    strategy = str(PROJECT_ROOT / "prompts/manager" / Path(trader["prompt_template"]).name)
    return {**trader, **quick, "prompt_template": strategy}


TRADERS = [
    {**restless("restless_one", 1), "journal_enabled": True},
    restless("restless_two", 2),
    restless("restless_three", 3, seconds=2),
    scripted("momentum", "scripted-momentum"),
    scripted("contrarian", "scripted-contrarian", seconds=2),
]


def write_arena(folder: Path, changes: Mapping[str, Mapping[str, Any]] | None = None) -> Path:
    """Write the six files under ``folder/etc`` and return the path of ``nof0.yaml``.

    ``changes`` are merged over each file's content, by its name without ``.yaml``; a list replaces a list.
    """
    etc = folder / "etc"
    etc.mkdir(parents=True)
    quick: dict[str, dict[str, Any]] = {
        "nof0": {
            "Port": 0,
            "Arena": {"Deployment": "proof", "HistoryDays": 0, "CrashLimit": 0},
            "Journal": {"SegmentBytes": 262_144},
        },
        "llm": {},
        "executor": {"exec_guards": UNGUARDED},
        "exchange": {
            "providers": {
                "paper_trading": {"max_account_notional_usd": 10_000_000, "max_coin_notional_usd": 10_000_000}
            }
        },
        "market": {"providers": {"synthetic": {"bar_interval": "1s", "coins": ["BTC", "ETH", "SOL"]}}},
        "manager": {"traders": TRADERS, "monitoring": {"update_interval": "1s"}},
    }
    for name, change in quick.items():
        content = yaml.safe_load((SHIPPED / f"{name}.yaml").read_text())
        merged = merge(merge(content, change), (changes or {}).get(name, {}))
        (etc / f"{name}.yaml").write_text(json.dumps(merged, indent=1))
    return etc / "nof0.yaml"


def merge(content: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the change laid over it, mapping by mapping."""
    merged = deepcopy(content)
    for key, value in change.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return merged
