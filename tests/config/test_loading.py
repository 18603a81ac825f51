"""Six files and an environment become one value: references filled in, defaults applied, limits put together."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.config import ConfigFaults, load, redacted, redacted_text
from engine.config.document import parse_document
from engine.config.exchange import CcxtExchange, HyperliquidExchange, SimExchange, venue_of
from engine.config.faults import Fault
from tests.config.example import load_example, with_line, with_more, write


def test_a_trader_gets_its_providers_its_model_and_its_capital(tmp_path: Path) -> None:
    settings = load_example(tmp_path)

    ann, bob = settings.traders

    assert (ann.id, ann.kind, ann.account, ann.market, ann.model) == ("ann", "direct", "paper", "synthetic", "script")
    assert (ann.interval_ms, bob.interval_ms) == (180_000, 300_000)
    assert (ann.capital_usd, bob.capital_usd) == (Decimal("400.00"), Decimal("500.00"))
    assert ann.coins == ("BTC", "ETH", "SOL")
    assert ann.system_template == tmp_path / "prompts" / "executor" / "default.j2"


def test_a_simulated_account_is_given_the_capital_of_its_traders_and_the_reserve(tmp_path: Path) -> None:
    settings = load_example(tmp_path)

    (paper,) = settings.accounts

    assert (paper.id, paper.market, paper.traders) == ("paper", "synthetic", ("ann", "bob"))
    assert (paper.capital_usd, paper.initial_balance_usd) == (Decimal("900.00"), Decimal("1000.00"))


def test_two_accounts_split_the_reserve_in_proportion_to_the_capital_on_them(tmp_path: Path) -> None:
    changes = with_line("manager.yaml", "model: script", "exchange_provider: second")

    settings = load_example(tmp_path, changes)

    balances = {account.id: account.initial_balance_usd for account in settings.accounts}
    assert balances == {"second": Decimal("444.44"), "paper": Decimal("555.55")}  # 400 and 500 of the 1000


def test_equal_parts_need_no_allocation(tmp_path: Path) -> None:
    text = "manager: {total_equity_usd: 1000, reserve_equity_pct: 10, allocation_strategy: equal}\n"
    text += "traders: [{id: ann}, {id: bob}, {id: cid}]\n"

    settings = load_example(tmp_path, {"manager.yaml": text})

    assert [trader.capital_usd for trader in settings.traders] == [Decimal("300.00")] * 3


def test_limits_come_from_the_executor_then_the_trader_then_its_override(tmp_path: Path) -> None:
    defaults = "risk_params: {max_position_size_usd: 50}\nexec_guards: {max_opens_per_day: 9}\n"
    override = "overrides: {bob: {min_confidence: 60}}\n"

    ann, bob = load_example(tmp_path, with_more("executor.yaml", defaults + override)).traders

    assert (ann.limits.max_positions, bob.limits.max_positions) == (4, 2)
    assert (ann.limits.min_confidence, bob.limits.min_confidence) == (Decimal(75), Decimal(60))
    assert ann.limits.max_position_size_usd == bob.limits.max_position_size_usd == 50
    assert ann.limits.max_opens_per_day == bob.limits.max_opens_per_day == 9


def test_a_limit_of_zero_and_a_guard_that_is_not_enabled_are_off(tmp_path: Path) -> None:
    guards = "exec_guards: {cooldown_after_close: 5m, max_opens_per_day: 3}\n"
    own = "risk_params: {min_confidence: 0}\n    exec_guards: {enable_cooldown_guard: false, max_opens_per_day: 0}"
    changes = with_more("executor.yaml", guards) | with_line("manager.yaml", "model: script", own)

    ann, bob = load_example(tmp_path, changes).traders

    assert (ann.limits.min_confidence, ann.limits.cooldown_ms, ann.limits.max_opens_per_day) == (None, None, None)
    assert (bob.limits.min_confidence, bob.limits.cooldown_ms, bob.limits.max_opens_per_day) == (
        Decimal(75),
        300_000,
        3,
    )


def test_of_two_margin_caps_the_lower_holds(tmp_path: Path) -> None:
    own = "risk_params: {max_margin_usage_pct: 50}\n    exec_guards: {max_margin_usage_pct: 40}"

    ann, _ = load_example(tmp_path, with_line("manager.yaml", "model: script", own)).traders

    assert ann.limits.max_margin_usage_pct == 40


def test_fees_and_caps_of_an_account_reach_its_limits(tmp_path: Path) -> None:
    text = "    max_coin_notional_usd: 500\n    sim:\n      taker_fee_bps: 3"

    (paper,) = load_example(tmp_path, with_line("exchange.yaml", "    sim:\n      seed: 1", text)).accounts

    assert paper.limits.taker_fee_rate == Decimal("0.0003")
    assert (paper.limits.max_coin_notional_usd, paper.limits.max_account_notional_usd) == (Decimal(500), None)


def test_variables_are_filled_in_and_read_by_the_type_of_their_key(tmp_path: Path) -> None:
    lines = "Host: ${HOST}\nPort: ${PORT}\nName: ${PREFIX}-${SUFFIX:-x}\nLogging:\n  VerboseLLM: ${V}"
    environ = {"HOST": "no", "PORT": "9000", "PREFIX": "a", "V": "true"}

    root = load_example(tmp_path, with_line("nof0.yaml", "Name: nof0", lines), environ).root

    assert (root.host, root.port, root.name, root.logging.verbose_llm) == ("no", 9000, "a-x", True)


def test_what_a_variable_holds_is_not_expanded_again(tmp_path: Path) -> None:
    changes = with_line("nof0.yaml", "Name: nof0", "Host: ${A}")

    settings = load_example(tmp_path, changes, {"A": "${B}", "B": "deep"})

    assert settings.root.host == "${B}"


@pytest.mark.parametrize("value", ["line\nbreak", "tab\there", "\x00", ""])
def test_a_variable_with_control_characters_or_without_anything_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigFaults, match="Host needs the environment variable A"):
        load_example(tmp_path, with_line("nof0.yaml", "Name: nof0", "Host: ${A}"), {"A": value})


def test_unset_variables_of_entries_that_nobody_uses_cost_nothing(tmp_path: Path) -> None:
    settings = load_example(tmp_path)  # HYPERLIQUID_PRIVATE_KEY, ZENMUX_API_KEY, Postgres__DataSource are unset

    testnet = settings.exchanges.providers["testnet"]
    assert isinstance(testnet, HyperliquidExchange)
    assert not testnet.private_key


def test_an_unset_variable_of_an_entry_that_a_trader_uses_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path, with_line("manager.yaml", "model: script", "exchange_provider: testnet"))

    with pytest.raises(ConfigFaults) as caught:
        load(path, {})

    assert ("providers.testnet.private_key", "needs the environment variable HYPERLIQUID_PRIVATE_KEY") in [
        (fault.key, fault.message.split(",")[0]) for fault in caught.value.faults
    ]


def test_words_that_yaml_takes_for_switches_and_times_stay_texts_where_a_text_belongs(tmp_path: Path) -> None:
    text = "name: {}\n    model: script"

    names = [
        load_example(tmp_path, with_line("manager.yaml", "model: script", text.format(word))).traders[0].name
        for word in ("no", "on", "12:30:45", "1e3", "0x10", "2025-01-01")
    ]

    assert names == ["no", "on", "12:30:45", "1e3", "0x10", "2025-01-01"]


def test_an_exponent_is_a_number_where_a_number_belongs(tmp_path: Path) -> None:
    settings = load_example(tmp_path, with_line("manager.yaml", "1000", "1e3"))

    assert settings.manager.manager.total_equity_usd == Decimal(1000)


def test_money_is_read_without_passing_through_binary_fractions(tmp_path: Path) -> None:
    settings = load_example(tmp_path, with_line("manager.yaml", "1000", "1000.10"))

    assert settings.manager.manager.total_equity_usd == Decimal("1000.10")


def test_relative_paths_start_at_the_folder_of_their_file(tmp_path: Path) -> None:
    changes = with_line("nof0.yaml", "Name: nof0", "DataPath: ../out\nJournal: {Folder: /var/journal}")

    root = load_example(tmp_path, changes).root

    assert (root.data_path, root.journal.folder) == (tmp_path / "out", Path("/var/journal"))


def test_a_readable_file_a_decision_is_written_only_where_it_is_asked_for(tmp_path: Path) -> None:
    ann, bob = load_example(tmp_path, with_line("manager.yaml", "model: script", "journal_enabled: true")).traders

    assert (ann.cycles_folder, bob.cycles_folder) == (tmp_path / "journal" / "cycles" / "ann", None)


def test_the_same_files_give_the_same_text_and_another_folder_too(tmp_path: Path) -> None:
    once = redacted_text(load_example(tmp_path / "a"))

    assert redacted_text(load_example(tmp_path / "a")) == once
    assert redacted_text(load_example(tmp_path / "b")) == once
    assert redacted_text(load_example(tmp_path / "a", with_line("manager.yaml", "15s", "16s"))) != once


def test_the_redacted_text_is_what_was_written_with_defaults_and_without_secrets(tmp_path: Path) -> None:
    environ = {"HYPERLIQUID_PRIVATE_KEY": "0xsecret", "ZENMUX_API_KEY": "sk-secret"}

    settings = load_example(tmp_path, environ=environ)
    shown = redacted(settings)

    assert "secret" not in redacted_text(settings).replace("api_secret", "")
    assert shown["exchange.yaml"]["providers"]["testnet"]["private_key"] == "${HYPERLIQUID_PRIVATE_KEY}"
    assert shown["llm.yaml"]["timeout"] == "1m"
    assert shown["manager.yaml"]["traders"][0]["allocation_pct"] == 40
    assert shown["nof0.yaml"]["Journal"]["Folder"] == "../journal"
    assert shown["in_force"]["traders"]["ann"]["limits"]["max_positions"] == 4


def test_the_redacted_configuration_can_be_loaded_again(tmp_path: Path) -> None:
    settings = load_example(tmp_path)
    texts = {
        name: msgspec.yaml.encode(part).decode() for name, part in redacted(settings).items() if name != "in_force"
    }
    texts["nof0.yaml"] = texts["nof0.yaml"].replace("'${", "${").replace("}'", "}")

    again = load_example(tmp_path, texts)

    assert again.traders == settings.traders


@pytest.mark.parametrize(
    ("exchange", "venue"),
    [
        (SimExchange(), "sim"),
        (HyperliquidExchange(testnet=True), "testnet"),
        (CcxtExchange(exchange="okx"), "real"),
    ],
)
def test_whose_money_a_venue_account_trades_with(
    exchange: SimExchange | HyperliquidExchange | CcxtExchange, venue: str
) -> None:
    assert venue_of(exchange) == venue


@pytest.mark.parametrize(("env", "allowed"), [("test", False), ("dev", False), ("prod", True)])
def test_real_money_is_for_prod_alone(tmp_path: Path, env: str, allowed: bool) -> None:
    real = with_line("exchange.yaml", "testnet: true", "testnet: false")
    named = with_line("manager.yaml", "model: script", "exchange_provider: testnet")
    changes = real | named | with_line("nof0.yaml", "Env: test", f"Env: {env}")

    with pytest.raises(ConfigFaults) as caught:
        load_example(tmp_path, changes, {"HYPERLIQUID_PRIVATE_KEY": "k"})

    assert ("forbids" in str(caught.value)) is not allowed


def test_a_document_is_a_tree_of_what_was_written() -> None:
    faults: list[Fault] = []

    tree = parse_document("a: [yes, 'yes']\nb: {}\n", "x.yaml", faults)

    assert faults == []
    assert repr(tree["a"]) == "[Scalar(text='yes', plain=True), Scalar(text='yes', plain=False)]"
    assert tree["b"] == {}
