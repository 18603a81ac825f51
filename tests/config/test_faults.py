"""A faulty configuration is refused with every fault in it, each with its file and key."""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.config import ConfigFaults, Fault, load
from tests.config.example import TEXTS, load_example, with_line, with_more, write

FILES = ("nof0.yaml", "llm.yaml", "executor.yaml", "exchange.yaml", "market.yaml", "manager.yaml")

# A line of the example, what is written instead (or at the end, where there is no line), and the fault that has to be
# found: its key, and words of its message.
NOF0 = [
    ("Env: test", "Env: production", "Env", "known: test, dev, prod"),
    ("Env: test", "Env: no", "Env", "was 'no'"),
    ("Name: nof0", "Nmae: nof0", "Nmae", "did you mean Name"),
    ("Name: nof0", "Port: 70000", "Port", "from 0 to 65535"),
    ("Name: nof0", "Port: 1e3", "Port", "whole number"),
    ("Name: nof0", "Port: 12:30:45", "Port", "was '12:30:45'"),
    ("Name: nof0", 'Port: "8888"', "Port", "without quotes"),
    ("Name: nof0", "Port: 0x22B8", "Port", "whole number"),
    ("Name: nof0", "Port: １２", "Port", "whole number"),
    ("Name: nof0", "Port:", "Port", "has no value"),
    ("Name: nof0", "Port: ${PORT}", "Port", "needs the environment variable PORT"),
    ("Name: nof0", "Port: ${1PORT}", "Port", "begins no ${VARIABLE}"),
    ("Name: nof0", "Port: [8888]", "Port", "is a list"),
    ("Name: nof0", "Logging: {VerboseLLM: on}", "Logging.VerboseLLM", "true or false"),
    ("Name: nof0", "Logging: {VerboseSQL: true}", "Logging.VerboseSQL", "cannot be changed"),
    ("Name: nof0", "Logging: [true]", "Logging", "is not a mapping"),
    ("Name: nof0", "TTL: {Short: 0}", "TTL.Short", "at least 1"),
    ("Name: nof0", "Env: dev", "Env", "stands twice, in lines 1 and 2"),
    ("Name: nof0", "Name: no spaces", "Name", "a-z"),
    ("Name: nof0", "DataPath: !!python/name:os.system x", "DataPath", "a tag of its own"),
    ("Deployment: example", "SegmentBytes: 1", "Arena.SegmentBytes", "is not a key here"),
    ("Name: nof0", "Journal: {SegmentBytes: 1}", "Journal.SegmentBytes", "from 4096"),
    ('DataSource: "${Postgres__DataSource}"', "MaxOpen: 3", "Postgres.MaxOpen", "the journal"),
    ('- Host: "${Cache__0__Host}"', "- Host: localhost", "Cache[0].Host", "cannot be changed"),
]
LLM = [
    ("style: momentum", "style: heroic", "models.script.style", "known: momentum"),
    ("type: scripted", "type: oracle", "models.script.type", "known: openai, scripted, recorded"),
    ("    type: scripted\n", "", "models.script.provider", "is missing"),
    ("provider: openai", "temperature: 0.7", "models.gpt-5.provider", "is missing"),
    ("provider: openai", "temperature: .nan", "models.gpt-5.temperature", "expected a number"),
    ("default_model: script", "default_model: gpt-6", "default_model", "known: script, gpt-5"),
    ("default_model: script", "timeout: 60", "timeout", "expected a duration"),
    ("${ZENMUX_API_KEY}", "sk-live-1234", "api_key", "name an environment variable"),
    ("${ZENMUX_API_KEY}", "${KEY:-sk-live-1234}", "api_key", "name an environment variable"),
    ("", "budget: {daily_token_limit: 0}\n", "budget.daily_token_limit", "at least 1"),
    (
        "",
        "budget: {daily_token_limit: 9, cost_per_million_tokens: {gpt-6: 1}}\n",
        "budget.cost_per_million_tokens.gpt-6",
        "names no model",
    ),
]
LLM += [
    ("model_name: openai/gpt-5", "model_name: x\n    seed: -1", "models.gpt-5.seed", "from 0"),
    ("model_name: openai/gpt-5", "model_name: x\n    reasoning_effort: much", "models.gpt-5.reasoning_effort", "low"),
    ("model_name: openai/gpt-5", "model_name: x\n    base_url: ftp://x", "models.gpt-5.base_url", "http://"),
    ("model_name: openai/gpt-5", "model_name: x\n    base_url: https://[::1", "models.gpt-5.base_url", "no address"),
    ("model_name: openai/gpt-5", "model_name: x\n    base_url: https://h:no/v1", "models.gpt-5.base_url", "no address"),
    ("model_name: openai/gpt-5", "model_name: x\n    base_url: https:///v1", "models.gpt-5.base_url", "no address"),
    (
        "model_name: openai/gpt-5",
        "model_name: x\n    base_url: https://me:pw@h/v1",
        "models.gpt-5.base_url",
        "password",
    ),
    ("model_name: openai/gpt-5", "model_name: x\n    api_key: sk-1", "models.gpt-5.api_key", "${VARIABLE}"),
    (
        "model_name: openai/gpt-5",
        "model_name: x\n    extra_body: {stream: true}",
        "models.gpt-5.extra_body.stream",
        "not for extra_body",
    ),
    ("model_name: openai/gpt-5", "model_name: x\n    prices: {input: 1}", "models.gpt-5.prices.input", "input_usd"),
    (
        "model_name: openai/gpt-5",
        "model_name: x\n    prices: {input_usd: -1}",
        "models.gpt-5.prices.input_usd",
        "least",
    ),
]
EXECUTOR = [
    ("min_confidence: 75", "min_confidence: 101", "min_confidence", "from 0 to 100"),
    ("min_confidence: 75", "min_confidence: 1e999", "min_confidence", "expected a number"),
    ("3m", "3", "decision_interval", "expected a duration"),
    ("3m", "0s", "decision_interval", "expected 1ms"),
    ("3m", "30m1h", "decision_interval", "larger units first"),
    ("", "signing_key: x\n", "signing_key", "leave it empty"),
    ("", "overrides: {zoe: {max_positions: 1}}\n", "overrides.zoe", "known: ann, bob"),
    ("", "risk_params: {max_positions: 1}\n", "risk_params.max_positions", "in this file as"),
    ("", "allowed_trader_ids: [ann, bob, zoe]\n", "allowed_trader_ids[2]", "was 'zoe'"),
    ("", "output_validation: {enabled: false}\n", "output_validation.enabled", "always"),
    ("", 'prompt_schema_version: "1.0.0"\n', "prompt_schema_version", "has no effect"),
]
EXCHANGE = [
    ("default: paper", "default: papier", "default", "known: paper, second, testnet"),
    ("seed: 1", "maker_fee_bps: -1", "providers.paper.sim.maker_fee_bps", "from 0"),
    ("seed: 1", "initial_balance_usd: 899", "providers.paper.sim.initial_balance_usd", "900"),
    ("seed: 1", "instruments: none.json", "providers.paper.sim.instruments", "none.json"),
    ("    sim:\n      seed: 1", "    policy: crossing", "providers.paper.policy", "a matcher"),
    ("    sim:\n      seed: 1", "    testnet: true", "providers.paper.testnet", "not a key"),
]
MARKET = [
    ("default: synthetic", "default: sine", "default", "known: synthetic, other"),
    ("SOL]", "SOL, BTC]", "providers.synthetic.coins[3]", "stands there already"),
    ("SOL]", "PEPE]", "providers.synthetic.coins[2]", "was 'PEPE'; known: BTC"),
    ("SOL]", "B/C]", "providers.synthetic.coins[2]", "letters and digits"),
    ("seed: 2", "bar_interval: 2h", "providers.other.bar_interval", "expected 1s to 1h"),
]
MANAGER = [
    ("total_equity_usd: 1000", "reserve: 0", "manager.total_equity_usd", "is missing"),
    ("total_equity_usd: 1000", "total_equity_usd: 0", "manager.total_equity_usd", "above 0"),
    ("reserve_equity_pct: 10", "reserve_equity_pct: 11", "traders", "leaves 89"),
    ("reserve_equity_pct: 10", "allocation_cap_pct: 30", "manager.allocation_cap_pct", "no effect"),
    ("- id: bob", "- id: ann", "traders[1].id", "which is traders[0] already"),
    ("- id: bob", "- id: Bob", "traders[1].id", "a-z"),
    ("- id: bob", "- id: house", "traders[1].id", "the books need"),
    ("- id: bob", "- name: Bob", "traders[1].id", "is missing"),
    ("allocation_pct: 50", "name: Bob", "traders[1].allocation_pct", "needs capital"),
    ("decision_interval: 5m", "decision_interval: 90s", "traders[1].decision_interval", "1m"),
    ("decision_interval: 5m", "series_interval: 90s", "traders[1].series_interval", "1m"),
    ("decision_interval: 5m", "coins: [BTC, DOGE]", "traders[1].coins[1]", "its market knows"),
    ("decision_interval: 5m", "coins: [BTC, BTC]", "traders[1].coins[1]", "there already"),
    ("decision_interval: 5m", "model: gpt-6", "traders[1].model", "known: script, gpt-5"),
    ("decision_interval: 5m", "kind: selector", "traders[1].selector.library", "is missing"),
    ("decision_interval: 5m", "selector: {top: 2}", "traders[1].selector.library", "is missing"),
    ("decision_interval: 5m", "selector: {library: no.yaml}", "traders[1].selector.library", "cannot be read"),
    ("decision_interval: 5m", "selector: {library: llm.yaml}", "traders[1].selector.library", "is not a key here"),
    ("decision_interval: 5m", "selector: {library: l.yaml, top: 0}", "traders[1].selector.top", "from 1 to 32"),
    ("decision_interval: 5m", "kind: baseline", "traders[1].strategy", "is missing"),
    ("model: script", "{model: script, strategy: {name: cash}}", "", "is not YAML"),
    ("model: script", "model: script\n    strategy: {name: cash}", "traders[0].strategy", "one or the other"),
    ("model: script", "strategy: {seed: 1}", "traders[0].strategy.name", "is missing"),
    ("model: script", "strategy: {on: yes}", "traders[0].strategy.on", "write true or false"),
    ("model: script", "prompt_template: no.j2", "traders[0].prompt_template", "no file"),
    ("model: script", "order_expiry: 5m", "traders[0].order_expiry", "never rest"),
    (
        "model: script",
        "exchange_provider: papr",
        "traders[0].exchange_provider",
        "was 'papr'; known: paper, second, testnet",
    ),
    ("model: script", "market_provider: other", "traders[1].market_provider", "fills on one market"),
    (
        "model: script",
        "market_provider: hyperliquid\n    exchange_provider: second",
        "traders[0].market_provider",
        "this version cannot read",
    ),
    ("max_positions: 2", "max_position_size_usd: 9.99", "traders[1].risk_params.max_position_size_usd", "at least 10"),
    ("max_positions: 2", "leverage: 2", "traders[1].risk_params.leverage", "not a key"),
    ("max_positions: 2", "stop_loss_enabled: false", "traders[1].risk_params.min_risk_reward_ratio", "set it to 0"),
    ("max_positions: 2", "major_coin_leverage: 0", "traders[1].risk_params.major_coin_leverage", "from 1 to 100"),
    (
        "    risk_params:\n      max_positions: 2",
        "    exec_guards: {sharpe_pause_threshold: 1}",
        "traders[1].exec_guards.sharpe_pause_threshold",
        "pause_duration_on_breach",
    ),
    ("update_interval: 15s", "alert_webhook: https://x", "monitoring.alert_webhook", "empty"),
    ("update_interval: 15s", "metrics_exporter: graphite", "monitoring.metrics_exporter", "was"),
    ("allocation_pct: 50", "<<: {allocation_pct: 50}", "traders[1].<<", "merging is not read"),
]
TABLE = [
    (file, *row)
    for file, rows in zip(FILES, (NOF0, LLM, EXECUTOR, EXCHANGE, MARKET, MANAGER), strict=True)
    for row in rows
]


def faults_of(folder: Path, changes: Mapping[str, str], environ: Mapping[str, str] | None = None) -> list[Fault]:
    with pytest.raises(ConfigFaults) as caught:
        load_example(folder, changes, environ)
    return list(caught.value.faults)


@pytest.mark.parametrize(("file", "line", "instead", "key", "words"), TABLE)
def test_a_fault_is_found_under_its_file_and_key(
    tmp_path: Path, file: str, line: str, instead: str, key: str, words: str
) -> None:
    faults = faults_of(tmp_path, with_line(file, line, instead) if line else with_more(file, instead))

    mine = [fault for fault in faults if (Path(fault.file).name, fault.key) == (file, key)]
    assert len(mine) == 1, [str(fault) for fault in faults]
    assert words in mine[0].message


def test_a_file_with_ten_faults_lists_all_ten(tmp_path: Path) -> None:
    text = """\
manager:
  total_equity_usd: -1
  reserve_equity_pct: 101
  allocation_strategy: best
traders:
  - id: Ann
    exchange_provider: hyperliqud
    model: gpt-6
    allocation_pct: 40
    decision_interval: 3
    risk_params: {max_positions: 0, levrage: 3}
  - id: bob
    allocation_pct: 5
    prompt_template: nowhere.j2
"""

    faults = faults_of(tmp_path, {"manager.yaml": text})

    assert sorted(fault.key for fault in faults) == [
        "manager.allocation_strategy",
        "manager.reserve_equity_pct",
        "manager.total_equity_usd",
        "traders[0].decision_interval",
        "traders[0].exchange_provider",
        "traders[0].id",
        "traders[0].model",
        "traders[0].risk_params.levrage",
        "traders[0].risk_params.max_positions",
        "traders[1].prompt_template",
    ]
    assert {Path(fault.file).name for fault in faults} == {"manager.yaml"}


def test_faults_of_several_files_come_together_in_the_order_of_the_files(tmp_path: Path) -> None:
    changes = {
        **with_line("nof0.yaml", "Env: test", "Env: x"),
        **with_line("market.yaml", "seed: 2", "sed: 2"),
        **with_line("manager.yaml", "- id: bob", "- id: ann"),
    }

    faults = faults_of(tmp_path, changes)

    assert [Path(fault.file).name for fault in faults] == ["nof0.yaml", "market.yaml", "manager.yaml"]


def test_a_fault_reads_as_one_sentence_that_says_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, with_line("manager.yaml", "model: script", "exchange_provider: hyperliqud"))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigFaults) as caught:
        load(Path("etc/nof0.yaml"), {})

    assert str(caught.value) == (
        "etc/manager.yaml: traders[0].exchange_provider was 'hyperliqud'; known: paper, second, testnet"
    )


@pytest.mark.parametrize("file", sorted(TEXTS))
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    path = write(tmp_path)
    (path.parent / file).unlink()

    with pytest.raises(ConfigFaults) as caught:
        load(path, {})

    assert [(Path(fault.file).name, fault.key) for fault in caught.value.faults] == [(file, "")]


@pytest.mark.parametrize(
    "text",
    ["a: [", "\ta: 1", "just words", "- a\n- b", "a: b: c", "[1]: 2", "a: &x [1]\nb: *x", "a: \0"],
    ids=["open list", "tab", "scalar", "list", "two colons", "list as a key", "alias", "NUL"],
)
def test_what_is_no_plain_yaml_mapping_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    faults = faults_of(tmp_path, {"executor.yaml": text})

    assert {Path(fault.file).name for fault in faults} == {"executor.yaml"}


def test_an_anchor_bomb_is_refused_without_being_unfolded(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))

    faults = faults_of(tmp_path, {"executor.yaml": bomb})

    assert any("alias" in fault.message for fault in faults)


@pytest.mark.parametrize("depth", [17, 400_000])
def test_nesting_without_end_is_refused_before_it_is_followed(tmp_path: Path, depth: int) -> None:
    faults = faults_of(tmp_path, {"executor.yaml": "a: " + "[" * depth + "]" * depth})

    assert [fault.message for fault in faults] == ["is nested more than 16 levels deep in line 1"]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    (path.parent / "market.yaml").write_bytes(b"default: \xff\n")

    with pytest.raises(ConfigFaults, match="UTF-8"):
        load(path, {})


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = write(tmp_path)
    text = (path.parent / "market.yaml").read_text()
    (path.parent / "market.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())

    assert load(path, {}).markets.default == "synthetic"


def test_a_venue_that_cannot_be_traded_at_is_refused_only_where_a_trader_names_it(tmp_path: Path) -> None:
    load_example(tmp_path)  # the example declares a testnet that nobody names

    faults = faults_of(
        tmp_path,
        with_line("manager.yaml", "model: script", "exchange_provider: testnet"),
        {"HYPERLIQUID_PRIVATE_KEY": "k"},
    )

    assert [fault.key for fault in faults] == ["traders[0].exchange_provider"]
    assert "a testnet, which Env: test forbids" in faults[0].message


def test_the_key_of_a_real_model_is_needed_only_where_a_trader_names_it(tmp_path: Path) -> None:
    load_example(tmp_path)  # the example declares gpt-5, which nobody names
    named = with_line("manager.yaml", "model: script", "model: gpt-5")

    faults = faults_of(tmp_path, named)

    assert [(fault.file, fault.key) for fault in faults] == [(str(tmp_path / "etc" / "llm.yaml"), "api_key")]
    assert "ZENMUX_API_KEY" in faults[0].message
    assert load_example(tmp_path, named, {"ZENMUX_API_KEY": "k"}).traders[0].model == "gpt-5"


def test_a_key_does_not_travel_in_the_open(tmp_path: Path) -> None:
    environ = {"ZENMUX_API_KEY": "k"}
    open_address = with_line(
        "llm.yaml", "model_name: openai/gpt-5", "model_name: x\n    base_url: http://example.com/v1"
    )
    this_machine = with_line(
        "llm.yaml", "model_name: openai/gpt-5", "model_name: x\n    base_url: http://localhost:1/v1"
    )

    faults = faults_of(tmp_path, open_address, environ)

    assert [fault.key for fault in faults] == ["models.gpt-5.base_url"]
    assert "in the open" in faults[0].message
    load_example(tmp_path, this_machine, environ)
    load_example(tmp_path, open_address)  # without a key there is nothing to hide


def test_the_key_of_a_model_that_stands_in_is_needed_with_the_one_it_stands_in_for(tmp_path: Path) -> None:
    stand_in = "    model_name: openai/gpt-5\n  other:\n    provider: x\n    model_name: y\n    api_key: ${OTHER_KEY}\n"
    with_stand_in = with_line("llm.yaml", "    model_name: openai/gpt-5\n", stand_in + "    priority: 1\n")
    named = with_line("manager.yaml", "model: script", "model: gpt-5") | with_stand_in

    faults = faults_of(tmp_path, named, {"ZENMUX_API_KEY": "k"})

    assert [fault.key for fault in faults] == ["models.other.api_key"]
    assert load_example(tmp_path, named, {"ZENMUX_API_KEY": "k", "OTHER_KEY": "o"}).traders[0].model == "gpt-5"


def test_open_interest_that_a_recording_never_has_refuses_the_limit_that_needs_it(tmp_path: Path) -> None:
    trader = "model: script\n    exchange_provider: second\n    market_provider: tape\n    exec_guards: {}"
    guarded = trader.replace("{}", "{liquidity_threshold_usd: 1000000}")

    load_example(tmp_path, with_line("manager.yaml", "model: script", trader))
    faults = faults_of(tmp_path, with_line("manager.yaml", "model: script", guarded))

    assert [fault.key for fault in faults] == ["traders[0].exec_guards.liquidity_threshold_usd"]
    assert "'tape' never has open_interest" in faults[0].message


def test_a_template_of_another_version_is_refused_in_strict_mode(tmp_path: Path) -> None:
    wanted = 'prompt_schema_version: "2.0.0"\nprompt_validation: {strict_mode: true}\n'

    faults = faults_of(tmp_path, with_more("executor.yaml", wanted))

    assert faults[0].key == "traders[0].executor_prompt_template"
    assert "version 1.0.0; executor.yaml prompt_schema_version is '2.0.0'" in faults[0].message


def test_a_trader_that_the_executor_does_not_allow_is_refused(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, with_more("executor.yaml", "allowed_trader_ids: [ann]\n"))

    assert [fault.key for fault in faults] == ["traders[1].id"]


def test_a_damaged_text_is_read_or_refused_and_never_an_accident(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    outcomes: list[str] = []

    for _ in range(300):
        file = chance.choice(FILES)
        try:
            load_example(tmp_path, {file: damaged(TEXTS[file], chance)})
        except ConfigFaults as e:
            outcomes.append(str(e))
        else:
            outcomes.append("")

    assert len(outcomes) == 300
    assert any(outcomes)
    assert not all(outcomes)


def damaged(text: str, chance: random.Random) -> str:
    """The text with one to four small accidents: a character put in, a few lost, a piece written twice."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.randrange(len(text) + 1)
        match chance.randrange(3):
            case 0:
                text = text[:place] + chance.choice("{}[]:-#&*!|>'\"%@`,?$ \n\tab01.é\x00\x85\u2028~<") + text[place:]
            case 1:
                text = text[:place] + text[place + chance.randrange(1, 6) :]
            case _:
                start = chance.randrange(len(text) + 1)
                text = text[:place] + text[start : start + chance.randrange(12)] + text[place:]
    return text
