"""What a prompt says of a slot, and what a change of the slot does to it."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from engine.executor.context import Context
from engine.executor.limits import Limits
from engine.executor.prompt import PromptError, PromptSet, Rendered, Template, prompt_columns, render
from engine.indicators import checked
from engine.model.market import Window, snapshot_of
from engine.model.standing import DAY_MS, Standing
from tests.executor.prompt.scene import (
    LONG_MS,
    NOW_MS,
    SERIES_MS,
    coin,
    context,
    prompt_set,
    short_eth,
    window,
)
from tests.executor.prompt.test_golden import EVERY_LIMIT


def rendered(scene: Context, strategy: str | None = None) -> Rendered:
    return render(scene, prompt_set(strategy), SERIES_MS, LONG_MS)


def told(scene: Context) -> str:
    return rendered(scene).messages[1].content


def with_eth(mark: str, **fields: Any) -> Context:
    scene = context()
    eth = structs.replace(scene.account, positions={"ETH": short_eth(**fields)})
    market = snapshot_of(NOW_MS, [coin("BTC", "110000"), coin("ETH", mark)])
    return context(market=market, account=eth)


def test_a_short_that_the_price_runs_against_by_5_percent_shows_minus_5_percent() -> None:
    text = told(with_eth("4200", entry="4000", leverage=10))

    assert "unrealised profit: -100.00 USD" in text  # 0.5 ETH, 200 USD each
    assert "price move in favour: -5.00 %" in text
    assert "profit on margin: -50.00 %" in text  # at ten times leverage
    assert "profit on equity: -1.01 %" in text  # of 9,913.37 USD


def test_a_short_gains_when_the_price_falls() -> None:
    text = told(with_eth("3800", entry="4000", leverage=1))

    assert "unrealised profit: +100.00 USD" in text
    assert "price move in favour: +5.00 %" in text
    assert "profit on margin: +5.00 %" in text


def test_series_run_from_the_oldest_to_the_newest_and_end_with_the_last_bar() -> None:
    text = told(context())

    [line] = [line for line in text.splitlines() if "close: 109" in line]
    closes = [float(value) for value in line.partition(": ")[2].split(", ")]
    assert len(closes) == 10
    assert closes == sorted(closes)
    assert closes[-1] == 110_000


def test_time_and_count_of_decisions_are_those_of_the_trader() -> None:
    text = told(context())

    assert "It is 2025-10-20 12:00 UTC. You have been trading for 120 minutes; this is decision 41." in text


def test_the_sharpe_ratio_is_shown_once_there_is_enough_to_tell() -> None:
    few = Standing(nav_hourly=[1.0, 1.01] * 20)
    enough = Standing(nav_hourly=[1.0, 1.01] * 40)

    assert "Sharpe ratio: not enough data" in told(context(standing=few))
    assert "Sharpe ratio: not" not in told(context(standing=enough))
    assert "Sharpe ratio: " in told(context(standing=enough))


def test_the_sums_of_yesterday_are_not_those_of_today() -> None:
    yesterday = Standing(day=NOW_MS // DAY_MS - 1, day_opens=9, day_turnover_usd=Decimal(5), day_fees_usd=Decimal(5))

    assert "today: 0 entries, turnover 0.00 USD, fees 0.00 USD" in told(context(standing=yesterday))


@pytest.mark.parametrize(
    ("field", "gone"),
    [
        ("funding_rate", "funding rate"),
        ("open_interest", "open interest"),
        ("change_1h", "change 1h"),
        ("change_4h", "change 4h"),
        ("day_volume_usd", "day volume"),
        ("volume", "long volume"),
    ],
)
def test_a_number_that_the_market_does_not_have_is_left_out(field: str, gone: str) -> None:
    coins = [coin("BTC", "110000", **{field: None})]
    market = snapshot_of(NOW_MS, coins, {"BTC": window("BTC", 110_000.0)})

    assert f"\n{gone}" in told(context()).replace("\n  ", "\n")
    assert gone not in told(context(coins=("BTC",), market=market, account=_no_positions()))


def test_an_indicator_that_is_not_warm_is_left_out_and_so_are_bars_that_are_not_there() -> None:
    columns = {column: [float("nan")] * 5 for column in prompt_columns(SERIES_MS, LONG_MS)}
    cold = snapshot_of(NOW_MS, [coin("BTC", "110000")], {"BTC": Window("BTC", columns, 4)})

    text = told(context(coins=("BTC",), market=cold, account=_no_positions()))

    assert "bars of 3m: none yet" in text
    assert "EMA20" not in text
    assert "nan" not in text


def test_a_column_that_the_market_was_never_told_of_is_an_error() -> None:
    market = snapshot_of(NOW_MS, [coin("BTC", "110000")], {"BTC": Window("BTC", {}, 4)})

    with pytest.raises(PromptError, match="was not told"):
        told(context(coins=("BTC",), market=market, account=_no_positions()))


def test_a_market_without_volume_is_not_asked_for_volume() -> None:
    names = {column.indicator for column in prompt_columns(SERIES_MS, LONG_MS, lacks=frozenset({"volume"}))}

    assert names == {"close", "ema", "macd", "rsi", "atr"}


def test_a_held_coin_without_a_price_is_said_to_have_none() -> None:
    text = told(context(coins=("BTC",), market=snapshot_of(NOW_MS, [coin("BTC", "110000")])))

    assert "margin used: unknown, a held coin has no fresh price" in text
    assert "mark: no fresh price" in text
    assert "liquidation" not in text


def test_a_market_without_any_fresh_price_is_said_to_have_none() -> None:
    scene = context(coins=(), market=snapshot_of(NOW_MS, []), account=_no_positions())

    assert "No coin has a fresh price." in told(scene)


def test_every_limit_of_the_gate_is_told_to_the_model() -> None:
    untold = ("max_snapshot_age_ms", "sharpe_min_sample")  # about the machinery, not about decisions
    changed: dict[str, Any] = {
        "max_positions": 7,
        "max_position_size_usd": Decimal(777),
        "max_margin_usage_pct": Decimal(33),
        "major_coin_leverage": 17,
        "altcoin_leverage": 7,
        "min_risk_reward_ratio": Decimal("2.25"),
        "min_confidence": Decimal(66),
        "stop_loss_enabled": False,
        "take_profit_enabled": False,
        "price_band_pct": Decimal("3.5"),
        "correlation_threshold": 0.55,
        **{field: 2 * value for field, value in EVERY_LIMIT.items()},
    }
    everything = Limits(**EVERY_LIMIT)
    before = rendered(context(limits=everything)).messages[0]

    silent = [
        field
        for field in Limits.__struct_fields__
        if field not in untold
        and rendered(context(limits=structs.replace(everything, **{field: changed[field]}))).messages[0] == before
    ]

    assert silent == []


def test_the_confidence_asked_for_is_on_the_scale_that_the_template_declares() -> None:
    shipped = prompt_set()
    source = shipped.system.source.replace("{# Confidence: 0-1 #}", "{# Confidence: 0-100 #}")
    percent = structs.replace(shipped, system=Template.of(source, path="p.j2", name="p"))

    assert "- confidence: at least 0.75 for an entry" in rendered(context()).messages[0].content
    assert (
        "- confidence: at least 75 for an entry" in render(context(), percent, SERIES_MS, LONG_MS).messages[0].content
    )
    assert (shipped.confidence_scale, percent.confidence_scale) == ("fraction", "percent")


def test_the_digest_names_templates_and_numbers_exactly() -> None:
    scene, shipped = context(), prompt_set()
    newer = structs.replace(shipped.user, source=shipped.user.source + "{# a remark #}\n")

    same = render(scene, shipped, SERIES_MS, LONG_MS)
    other_template = render(scene, structs.replace(shipped, user=newer), SERIES_MS, LONG_MS)
    other_equity = render(context(known_equity_usd=Decimal("9913.38")), shipped, SERIES_MS, LONG_MS)

    assert same == render(context(), prompt_set(), SERIES_MS, LONG_MS)
    assert other_template.messages == same.messages
    assert len({same.digest, other_template.digest, other_equity.digest}) == 3
    assert same.templates == other_equity.templates == shipped.digest != other_template.templates
    assert same.version == "executor/default 1.1.0, executor/user 1.1.0"


def test_the_books_of_others_are_not_shown() -> None:
    text = "".join(message.content for message in rendered(context()).messages)

    assert "sim" not in text.split()
    assert "reserve" not in text


@pytest.mark.parametrize("name", ["BTC\n# Account", "ВTC", "xyz:GOLD", "A" * 13, "", "BTC}}"])
def test_a_coin_whose_name_no_reply_could_give_is_refused_by_name(name: str) -> None:
    scene = context()
    market = snapshot_of(NOW_MS, [coin(name, "1")])
    instruments = {**scene.instruments, name: scene.instruments["BTC"]}

    with pytest.raises(PromptError, match="has a name that no reply could give"):
        told(context(coins=(name,), market=market, instruments=instruments, account=_no_positions()))


def test_a_strategy_stands_in_the_system_message_and_a_template_without_room_for_it_is_refused() -> None:
    shipped = prompt_set("aggressive_short")
    deaf = Template.of("{# Version: 1.0.0 #}\nDo as you like.", path="deaf.j2", name="deaf")

    assert "You take short positions only" in rendered(context(), "aggressive_short").messages[0].content
    assert "You take short positions only" not in rendered(context(), "conservative_long").messages[0].content
    with pytest.raises(PromptError, match=r"deaf\.j2: has no place for"):
        PromptSet(system=deaf, user=shipped.user, strategy=shipped.strategy)


def test_a_prompt_without_end_is_refused() -> None:
    shipped = prompt_set()
    endless = Template.of("{# Version: 1.0.0 #}\n" + "{{ 'x' * 300000 }}", path="endless.j2", name="endless")

    with pytest.raises(PromptError, match="the cap is 200000"):
        render(context(), structs.replace(shipped, system=endless), SERIES_MS, LONG_MS)


def test_every_column_that_prompts_read_can_be_computed() -> None:
    for column in prompt_columns(SERIES_MS, LONG_MS):
        checked(column)


def _no_positions() -> Any:
    return structs.replace(context().account, positions={})
