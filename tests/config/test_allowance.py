"""What the files allow a trader's model to use up: ceilings, overrides, and the worst case of a call."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.config import ConfigFaults, Settings
from engine.config.allowance import allowance_of, arena_ceiling
from engine.manager.budget import Allowance, Ceiling
from engine.model.spending import Usage
from tests.config.example import TEXTS, load_example

MODELS = """\
api_key: ${ZENMUX_API_KEY}
default_model: gpt-5
models:
  script:
    type: scripted
    style: momentum
  gpt-5:
    type: openai
    provider: openai
    model_name: openai/gpt-5
    max_completion_tokens: 1000
    prices: {input_usd: 2, output_usd: 10}
"""
STAND_IN = """\
  large:
    type: openai
    provider: vendor
    model_name: vendor/large
    max_completion_tokens: 4000
    priority: 1
    prices: {input_usd: 5, output_usd: 20}
"""


def example(tmp_path: Path, llm: str, manager: tuple[str, str] = ("", "")) -> Settings:
    texts = {
        "llm.yaml": llm,
        "manager.yaml": TEXTS["manager.yaml"].replace("    model: script\n", "").replace(*manager, 1),
    }
    return load_example(tmp_path, texts, {"ZENMUX_API_KEY": "key"})


def allowed(settings: Settings, index: int = 0) -> Allowance:
    found = allowance_of(settings.llm, settings.traders[index])
    assert found is not None
    return found


def test_the_worst_case_of_a_call_is_its_prompt_and_the_longest_reply_at_the_dearest_prices(tmp_path: Path) -> None:
    """2,000,000 bytes are at most a million tokens: 2 USD, and 1,000 tokens of reply at 10 USD a million."""
    alone = allowed(example(tmp_path / "alone", MODELS)).worst_cases(2_000_000)
    backed = allowed(example(tmp_path / "backed", MODELS + STAND_IN)).worst_cases(2_000_000)

    own = Usage(tokens=1_001_000, usd=Decimal("2.01"))
    assert alone == (own,)
    assert backed == (Usage(tokens=1_004_000, usd=Decimal("5.08")), own)


def test_ceilings_are_those_of_the_budget_and_of_the_trader(tmp_path: Path) -> None:
    budget = """\
budget:
  daily_token_limit: 900
  daily_usd_limit: 9
  trader_daily_token_limit: 300
  trader_daily_usd_limit: 3
  alert_threshold_pct: 70
  strict_enforcement: false
"""
    settings = example(tmp_path, MODELS + budget, ("- id: ann\n", "- id: ann\n    budget: {daily_usd_limit: 4}\n"))

    ann = allowed(settings)

    assert ann.arena == arena_ceiling(settings.llm) == Ceiling(tokens=900, usd=Decimal(9))
    assert ann.trader == Ceiling(tokens=300, usd=Decimal(4))
    assert (ann.alert_pct, ann.strict) == (Decimal(70), False)


def test_without_a_budget_everything_is_counted_and_nothing_limited(tmp_path: Path) -> None:
    ann = allowed(example(tmp_path, MODELS))

    assert (ann.arena, ann.trader) == (Ceiling(), Ceiling())


def test_a_model_that_calls_nobody_has_no_allowance(tmp_path: Path) -> None:
    settings = example(tmp_path, MODELS.replace("default_model: gpt-5", "default_model: script"))

    assert allowance_of(settings.llm, settings.traders[0]) is None


def test_a_budget_for_a_strategy_is_refused(tmp_path: Path) -> None:
    entry = "- id: ann\n    strategy: {name: cash}\n    budget: {daily_usd_limit: 4}\n"

    with pytest.raises(ConfigFaults) as caught:
        example(tmp_path, MODELS, ("- id: ann\n", entry))

    assert [(fault.key, "asks no model" in fault.message) for fault in caught.value.faults] == [
        ("traders[0].budget", True)
    ]


PRICE = "    prices: {input_usd: 2, output_usd: 10}\n"


@pytest.mark.parametrize("limit", ["daily_usd_limit", "trader_daily_usd_limit"])
@pytest.mark.parametrize("price", ["", "    prices: {input_usd: 2}\n"])
def test_a_limit_in_dollars_wants_a_price_of_every_model_that_may_be_asked(
    tmp_path: Path, limit: str, price: str
) -> None:
    budget = f"budget: {{{limit}: 1}}\n"

    with pytest.raises(ConfigFaults, match=r"models\.gpt-5\.prices leaves out a price"):
        example(tmp_path / "own", MODELS.replace(PRICE, price) + budget)
    with pytest.raises(ConfigFaults, match=r"models\.large\.prices leaves out a price"):
        example(tmp_path / "stand_in", MODELS + STAND_IN.replace("output_usd: 20", "cached_usd: 1") + budget)


@pytest.mark.parametrize(
    ("price", "budget"),
    [
        ("    prices: {input_usd: 0, output_usd: 0}\n", "daily_usd_limit: 1"),
        ("", "daily_usd_limit: 1, cost_per_million_tokens: {gpt-5: 3}"),
        ("", "daily_token_limit: 1"),
    ],
)
def test_a_model_that_is_free_says_so_and_tokens_need_no_price(tmp_path: Path, price: str, budget: str) -> None:
    settings = example(tmp_path, MODELS.replace(PRICE, price) + f"budget: {{{budget}}}\n")

    assert allowed(settings).worst_cases(2)[0].tokens == 1_001
