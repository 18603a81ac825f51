"""No key is dead: each is documented with default and unit, changes the settings, or is refused saying why."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.config import ConfigFaults, Settings, load
from tests.config.example import library, write
from tests.config.key_listing import Key, all_keys

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
KEYS = all_keys()
NAMES = [f"{key.file} {key.kind} {key.path}" for key in KEYS]

# A configuration in which every block is written, so that there is something to change in it.
BASE: dict[str, dict[str, Any]] = {
    "nof0.yaml": {
        "Cache": [{"Host": ""}],
        **{name: {"File": f"{name.lower()}.yaml"} for name in ("LLM", "Executor", "Exchange", "Market", "Manager")},
    },
    "llm.yaml": {
        "api_key": "${KEY}",
        "default_model": "scripted",
        "models": {
            "openai": {"type": "openai", "provider": "openai", "model_name": "gpt-5"},
            "scripted": {"type": "scripted", "style": "momentum"},
            "recorded": {"type": "recorded", "folder": "tape"},
        },
        "budget": {"daily_token_limit": 5},
        "routing_defaults": {"available_models": ["a"]},
    },
    "executor.yaml": {
        "min_risk_reward": 0,
        "exec_guards": {
            "liquidity_threshold_usd": 5,
            "max_margin_usage_pct": 50,
            "btceth_position_value_min_equity_multiple": 0.5,
            "btceth_position_value_max_equity_multiple": 5,
            "alt_position_value_min_equity_multiple": 0.5,
            "alt_position_value_max_equity_multiple": 5,
            "cooldown_after_close": "5m",
            "sharpe_pause_threshold": 1,
            "pause_duration_on_breach": "5m",
        },
        "overrides": {"ann": {}},
        "prompt_schema_version": "1.0.0",
        "prompt_validation": {"strict_mode": True},
    },
    "exchange.yaml": {
        "default": "sim",
        "providers": {
            "sim": {"type": "sim", "sim": {}},
            "second": {"type": "sim"},
            "hyperliquid": {"type": "hyperliquid"},
            "ccxt": {"type": "ccxt", "exchange": "okx"},
        },
    },
    "market.yaml": {
        "default": "synthetic",
        "providers": {
            "synthetic": {"type": "synthetic"},
            "second": {"type": "synthetic", "seed": 5},
            "history": {"type": "history", "folder": "tape", "coins": ["BTC"]},
            "hyperliquid": {"type": "hyperliquid"},
            "ccxt": {"type": "ccxt", "exchange": "okx"},
        },
    },
    "manager.yaml": {
        "manager": {"total_equity_usd": 1000, "allocation_strategy": "performance_based"},
        "traders": [{"id": "ann", "allocation_pct": 40}, {"id": "bob", "allocation_pct": 40}],
        "monitoring": {},
    },
}

# Where "another value of its kind" is not enough: another value that makes sense there.
ANOTHER: dict[str, Any] = {
    "Cors": ["https://example.com"],
    "Cache[].Host": "localhost",
    "DataPath": "elsewhere",
    "Executor.File": "renamed.yaml",
    "Exchange.File": "renamed.yaml",
    "LLM.File": "renamed.yaml",
    "Manager.File": "renamed.yaml",
    "Market.File": "renamed.yaml",
    "allowed_trader_ids": ["ann", "bob"],
    "base_url": "https://example.com",
    "budget.cost_per_million_tokens": {"openai": 1},
    "default": "second",
    "default_model": "recorded",
    "exec_guards.candidate_limit": 3,
    "exec_guards.correlation_threshold": 0.5,
    "exec_guards.max_margin_usage_pct": 40,
    "manager.allocation_strategy": "fixed",
    "models.<name>.base_url": "https://example.com/v1",
    "models.<name>.extra_body": {"verbosity": "low"},
    "models.<name>.style": "cautious",
    "models.<name>.temperature": 0.5,
    "models.<name>.top_p": 0.5,
    "prompt_schema_version": "2.0.0",
    "prompt_validation.strict_mode": False,
    "risk_params.max_margin_usage_pct": 40,
    "providers.<name>.coins": ["BTC", "ETH"],
    "providers.<name>.exchange": "kraken",
    "providers.<name>.policy": "exclusive",
    "providers.<name>.sim.initial_balance_usd": 5000,
    "providers.<name>.sim.instruments": "instruments.json",
    "risk_params.max_positions": 3,
    "routing_defaults.available_models": ["b"],
    "routing_defaults.preference": "price",
    "traders[].coins": ["ETH"],
    "traders[].exec_guards": {"max_opens_per_day": 7},
    "traders[].id": "cid",
    "traders[].kind": "direct",
    "traders[].market_provider": "synthetic",
    "traders[].model": "recorded",
    "traders[].exchange_provider": "sim",
    "traders[].order_style": "post_only",
    "traders[].risk_params": {"max_positions": 7},
    "traders[].selector.library": "other_library.yaml",
    "traders[].strategy": {"name": "cash"},
}
# These five stand at the top of executor.yaml; in the block they are for traders.
FOR_TRADERS = ("major_coin_leverage", "altcoin_leverage", "min_confidence", "min_risk_reward_ratio", "max_positions")
ONE_CHOICE = ("manager.state_storage_backend",)


def written(folder: Path, tree: dict[str, dict[str, Any]]) -> Path:
    texts = {name: yaml.safe_dump(part, sort_keys=False) for name, part in tree.items()}
    # A quoted number is a text: references stay plain, as people write them.
    path = write(folder, {name: re.sub(r"'(\$\{\w+\})'", r"\1", text) for name, text in texts.items()})
    etc = folder / "etc"
    (etc / "elsewhere").mkdir(exist_ok=True)
    (etc / "instruments.json").write_text("{}")
    for version, name in enumerate(("library.yaml", "other_library.yaml"), start=1):
        (etc / name).write_text(library(version=version))
    header = f"{{# Version: {tree['executor.yaml'].get('prompt_schema_version', '1.0.0')} #}}\n"
    for template in (etc / "text.j2", *sorted((folder / "prompts" / "executor").iterdir())):
        template.write_text(header)
    for section, reference in tree["nof0.yaml"].items():
        if isinstance(reference, dict) and reference.get("File") == "renamed.yaml":
            (etc / f"{section.lower()}.yaml").rename(etc / "renamed.yaml")
    return path


def base_of(key: Key) -> dict[str, dict[str, Any]]:
    """The base; for the keys of a selector with one that has everything it needs."""
    tree = copy.deepcopy(BASE)
    if key.path.startswith("traders[].selector."):
        tree["manager.yaml"]["traders"][0]["selector"] = {"library": "library.yaml"}
    return tree


def changed(key: Key) -> tuple[dict[str, dict[str, Any]], Any]:
    """The base with another value for one key, and that value."""
    tree = base_of(key)
    place: Any = tree[key.file]
    *way, last = key.path.replace("[]", ".0").split(".")
    if way == ["risk_params"] and last in FOR_TRADERS:
        place = tree["manager.yaml"]["traders"][0]
    for step in way:
        step = (key.kind or "ann") if step == "<name>" else step
        place = place[int(step)] if step == "0" else place.setdefault(step, {})
    value = ANOTHER[key.path] if key.path in ANOTHER else another(key, place.get(last))
    place[last] = value
    if key.path == "traders[].id":
        tree["executor.yaml"]["overrides"] = {}
    if key.path == "traders[].order_expiry":
        place["order_style"] = "limit_gtc"
    if key.path == "prompt_validation.strict_mode":
        tree["executor.yaml"].pop("prompt_schema_version")
    return tree, value


def another(key: Key, base: Any) -> Any:
    known = key.default if base is None else base
    match key.unit:
        case "true / false":
            return known in ("false", False)
        case "duration":
            return "6m" if "bar" not in key.path and "base" not in key.path else "30s"
        case "secret":
            return "${ANOTHER}"
        case "text" | "name":
            return "another"
        case "file":
            return "none" if key.path.endswith("backend") else "text.j2"
        case "folder":
            return "elsewhere"
        case words if " / " in words:
            return next(word for word in words.split(" / ") if word != known)
    try:
        return float(known) + 1 if "." in str(known) else int(known) + 1
    except ValueError:
        return 12


def settings_or_faults(path: Path) -> Settings | ConfigFaults:
    try:
        return load(path, {"ANOTHER": "another-secret", "KEY": "key"})
    except ConfigFaults as e:
        return e


@pytest.mark.parametrize("key", KEYS, ids=NAMES)
def test_changing_a_key_changes_the_settings_or_is_refused(tmp_path: Path, key: Key) -> None:
    before = load(written(tmp_path, base_of(key)), {"KEY": "key"})
    tree, value = changed(key)

    after = settings_or_faults(written(tmp_path, tree))

    concrete = key.path.replace("[]", "[0]").replace("<name>", key.kind or "ann")
    if key.refused:
        assert isinstance(after, ConfigFaults), f"{value} was accepted"
        assert [(fault.key, key.refused in fault.message) for fault in after.faults] == [(concrete, True)]
    elif key.path in ONE_CHOICE:
        assert isinstance(after, ConfigFaults)
        assert [fault.key for fault in after.faults] == [concrete]
    elif isinstance(after, ConfigFaults):
        pytest.fail(f"{value} was refused: {after}")
    elif key.path.startswith(("risk_params.", "exec_guards.", "overrides.")):
        assert in_force(after) != in_force(before), f"{value} binds nobody"
    else:
        assert after != before, f"{value} changed nothing"


def in_force(settings: Settings) -> list[object]:
    return [(trader.limits, trader.candidate_limit) for trader in settings.traders]


def test_every_key_has_its_row_with_default_and_unit() -> None:
    rows = documented()

    for key in KEYS:
        entry = (key.file, key.kind, key.path)
        assert entry in rows, f"docs/configuration.md has no row for {entry}"
        default, unit, meaning = rows[entry]
        assert (default, unit) == (key.default, key.unit), entry
        assert len(meaning) > 10, entry
        assert not key.refused or "fixed" in meaning.lower(), f"{entry} cannot be changed, and its row does not say so"


def test_no_row_describes_a_key_that_is_not_there() -> None:
    known = [(key.file, key.kind, key.path) for key in KEYS]

    assert [row for row in documented() if row not in known] == []


def documented() -> dict[tuple[str, str, str], tuple[str, str, str]]:
    """Default, unit and meaning of each row, by file (its heading), type (a heading ``type: sim`` below) and key."""
    rows: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    file = kind = ""
    for line in DOCUMENT.read_text().splitlines():
        if heading := re.fullmatch(r"## .*`([a-z0-9]+\.yaml)`.*", line):
            file, kind = heading[1], ""
        elif heading := re.fullmatch(r"### .*`type: (\w+)`.*", line):
            kind = heading[1]
        elif line.startswith("### "):
            kind = ""
        elif row := re.fullmatch(r"\| `([^`]+)` \| (.+?) \| (.+?) \| (.+) \|", line):
            rows[file, kind, row[1]] = (row[2], row[3], row[4])
    return rows
