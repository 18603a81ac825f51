"""The configuration that ships: it loads with no key of any kind, and so does the one of the first description."""

from pathlib import Path

import pytest

from engine.config import ConfigFaults, load, redacted_text, secrets_in
from engine.config.llm import OpenAiModel
from tests.config.example import write

ETC = Path(__file__).parents[2] / "etc"

KEYS = {
    "ZENMUX_API_KEY": "sk-canary-zenmux",
    "HYPERLIQUID_PRIVATE_KEY": "0xcanaryhyperliquid",
    "HYPERLIQUID_MAIN_ADDRESS": "0xaddress",
    "OKX_API_KEY": "canary-okx-key",
    "OKX_API_SECRET": "canary-okx-secret",
    "OKX_PASSPHRASE": "canary-okx-passphrase",
}


def test_the_shipped_arena_needs_no_environment() -> None:
    settings = load(ETC / "nof0.yaml", {})

    assert [account.id for account in settings.accounts] == ["paper_trading"]
    assert {trader.market for trader in settings.traders} == {"synthetic"}
    assert [str(trader.capital_usd) for trader in settings.traders] == ["10000.00"] * 10
    assert str(settings.accounts[0].initial_balance_usd) == "125000.00"


def test_the_shipped_arena_holds_models_strategies_and_baselines() -> None:
    settings = load(ETC / "nof0.yaml", {})

    kinds = [trader.kind for trader in settings.traders]

    assert (kinds.count("direct"), kinds.count("strategy"), kinds.count("baseline")) == (3, 3, 4)
    assert [trader.id for trader in settings.traders if trader.benchmark] == ["buynhold_btc"]


def test_real_venues_and_models_are_declared_beside_them() -> None:
    settings = load(ETC / "nof0.yaml", {})

    assert {"hyperliquid", "hyperliquid_testnet", "okx"} <= set(settings.exchanges.providers)
    real = [name for name, model in settings.llm.models.items() if isinstance(model, OpenAiModel)]
    assert real == ["gpt-5", "claude-sonnet-4.5", "deepseek-chat"]


def test_no_secret_of_the_environment_is_in_anything_that_is_shown() -> None:
    settings = load(ETC / "nof0.yaml", KEYS)

    assert set(secrets_in(settings)) == {value for name, value in KEYS.items() if "ADDRESS" not in name}
    assert "canary" not in redacted_text(settings) + repr(settings) + str(settings)


def test_keys_of_the_environment_that_nobody_uses_change_nothing_that_is_recorded() -> None:
    without_address = {name: value for name, value in KEYS.items() if "ADDRESS" not in name}

    assert redacted_text(load(ETC / "nof0.yaml", without_address)) == redacted_text(load(ETC / "nof0.yaml", {}))


@pytest.mark.parametrize("name", ["gpt-5", "claude-sonnet-4.5"])
def test_a_trader_of_the_shipped_arena_may_ask_a_real_model_once_its_key_is_set(tmp_path: Path, name: str) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    for file in ETC.glob("*.yaml"):
        (etc / file.name).write_text(file.read_text().replace("model: scripted-momentum", f"model: {name}"))
    (tmp_path / "prompts").symlink_to(ETC.parent / "prompts")

    with pytest.raises(ConfigFaults) as caught:
        load(etc / "nof0.yaml", {})

    assert [fault.key for fault in caught.value.faults] == ["api_key"]
    assert load(etc / "nof0.yaml", KEYS).traders[0].model == name


# The keys of the project's first description, as it gives them.
FIRST_DESCRIPTION = {
    "nof0.yaml": """\
Name: nof0
Env: dev
Host: 0.0.0.0
Port: 8888
DataPath: ../mcp/data
Postgres: {DataSource: "${Postgres__DataSource}", MaxOpen: 25, MaxIdle: 10, MaxLifetime: 5m}
Cache:
  - Host: "${Cache__0__Host}"
    Type: node
    Pass: "${Cache__0__Pass}"
    Tls: ${Cache__0__Tls}
TTL: {Short: 10, Medium: 60, Long: 300}
Logging: {SlowThreshold: {SQL: 10000, Redis: 5000}, VerboseSQL: false, VerboseLLM: false}
LLM: {File: llm.yaml}
Executor: {File: executor.yaml}
Manager: {File: manager.yaml}
Exchange: {File: exchange.yaml}
Market: {File: market.yaml}
""",
    "llm.yaml": """\
base_url: "https://zenmux.ai/api/v1"
api_key: "${ZENMUX_API_KEY}"
default_model: "gpt-5"
timeout: "60s"
max_retries: 3
log_level: "info"
models:
  gpt-5: {provider: "openai", model_name: "openai/gpt-5", temperature: 0.7, max_completion_tokens: 4096}
  deepseek-chat: {provider: "deepseek", model_name: "deepseek/deepseek-chat-v3.1", temperature: 0.6}
""",
    "executor.yaml": """\
major_coin_leverage: 20
altcoin_leverage: 10
min_confidence: 75
min_risk_reward: 3.0
max_positions: 4
decision_interval: 3m
decision_timeout: 60s
max_concurrent_decisions: 1
""",
    "exchange.yaml": """\
default: hyperliquid_testnet
providers:
  hyperliquid_testnet:
    type: hyperliquid
    private_key: ${HYPERLIQUID_PRIVATE_KEY}
    main_address: ${HYPERLIQUID_MAIN_ADDRESS}
    testnet: true
    timeout: 30s
    vault_address: ${HYPERLIQUID_VAULT_ADDRESS}
  paper_trading:
    type: sim
""",
    "market.yaml": """\
default: hyperliquid_testnet
providers:
  hyperliquid: {type: hyperliquid, testnet: false, timeout: 8s, http_timeout: 10s, max_retries: 3}
  hyperliquid_testnet: {type: hyperliquid, testnet: true, timeout: 8s, http_timeout: 10s, max_retries: 3}
""",
    "manager.yaml": """\
manager:
  total_equity_usd: 10000
  reserve_equity_pct: 10
  allocation_strategy: performance_based
  rebalance_interval: 1h
  state_storage_backend: file
  state_storage_path: ../data/manager_state.json
traders:
  - id: trader_aggressive_short
    name: Aggressive Short
    exchange_provider: hyperliquid_testnet
    market_provider: hyperliquid_testnet
    order_style: market_ioc
    market_ioc_slippage_bps: 75
    prompt_template: prompts/manager/aggressive_short.tmpl
    executor_prompt_template: prompts/executor/default_prompt.tmpl
    model: deepseek-chat
    decision_interval: 3m
    allocation_pct: 40
    auto_start: true
    risk_params:
      max_positions: 3
      max_position_size_usd: 500
      max_margin_usage_pct: 60
      major_coin_leverage: 20
      altcoin_leverage: 10
      min_risk_reward_ratio: 3.0
      min_confidence: 75
      stop_loss_enabled: true
      take_profit_enabled: true
monitoring:
  update_interval: 15s
  alert_webhook: ""
  metrics_exporter: prometheus
""",
}


def test_every_key_of_the_first_description_is_known(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST_DESCRIPTION)
    for name in ("manager/aggressive_short.tmpl", "executor/default_prompt.tmpl"):
        template = tmp_path / "etc" / "prompts" / name
        template.parent.mkdir(parents=True)
        template.write_text("{# Version: 1.0.0 #}\n")

    with pytest.raises(ConfigFaults) as caught:
        load(path, KEYS | {"HYPERLIQUID_VAULT_ADDRESS": "0xvault"})

    # Only what this version has no adapter for is refused: metrics, the venue, its prices.
    assert sorted(fault.key for fault in caught.value.faults) == [
        "monitoring.metrics_exporter",
        "traders[0].exchange_provider",
        "traders[0].market_provider",
    ]
