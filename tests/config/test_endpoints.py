"""Models behind endpoints: what becomes of their keys in a request."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.config import ConfigFaults
from engine.config.endpoints import model_terms
from engine.llm.client import ModelTerms
from tests.config.example import TEXTS, load_example


def terms(folder: Path, model: str, more: str = "") -> ModelTerms:
    """The terms of one model ``m``, whose entry is written in one line."""
    text = f"{TEXTS['llm.yaml']}  m: {{type: openai, provider: maker, {model}}}\n{more}"
    return model_terms(load_example(folder, {"llm.yaml": text}, {"ZENMUX_API_KEY": "common", "OWN": "own"}).llm)["m"]


@pytest.mark.parametrize(
    ("model", "model_id"),
    [
        ("model_name: large", "maker/large"),
        ("model_name: other/large", "other/large"),
        ('model_name: large, base_url: "https://api.example.com/v1"', "large"),
        ('model_name: large, base_url: "https://openrouter.ai/api/v1"', "maker/large"),
    ],
)
def test_only_gateways_want_the_provider_before_the_name(tmp_path: Path, model: str, model_id: str) -> None:
    assert terms(tmp_path, model).model_id == model_id


def test_endpoint_and_key_are_the_models_own_or_the_common_ones(tmp_path: Path) -> None:
    common = terms(tmp_path, "model_name: large")
    own = terms(tmp_path, 'model_name: large, base_url: "http://localhost:1/v1", api_key: "${OWN}"')

    assert (common.base_url, common.reveal_key()) == ("https://zenmux.ai/api/v1", "common")
    assert (own.base_url, own.reveal_key()) == ("http://localhost:1/v1", "own")
    assert "own" not in repr(own.reveal_key)


@pytest.mark.parametrize("key", ["sk 1234567", "sk-1234567 ", "sk-1234567\u00e9"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    model = '  m: {type: openai, provider: maker, model_name: large, api_key: "${OWN}"}\n'

    with pytest.raises(ConfigFaults) as caught:
        load_example(tmp_path, {"llm.yaml": TEXTS["llm.yaml"] + model}, {"ZENMUX_API_KEY": "common", "OWN": key})

    assert "models.m.api_key" in str(caught.value)
    assert "no header can carry" in str(caught.value)
    assert "34567" not in str(caught.value)


def test_what_is_not_written_is_not_sent(tmp_path: Path) -> None:
    bare = terms(tmp_path, "model_name: large")
    full = terms(
        tmp_path,
        "model_name: large, temperature: 0, top_p: 0.9, seed: 3, reasoning_effort: high, max_completion_tokens: 5, "
        "extra_body: {verbosity: low}, structured_output: 'off', priority: 2, cost_tier: low",
    )

    assert (dict(bare.parameters), bare.max_completion_tokens, bare.structured, bare.priority) == ({}, None, True, 0)
    assert full.parameters == {
        "temperature": 0.0,
        "top_p": 0.9,
        "seed": 3,
        "reasoning_effort": "high",
        "verbosity": "low",
    }
    assert (full.max_completion_tokens, full.structured, full.priority, full.cost_tier) == (5, False, 2, "low")


def test_a_model_that_chooses_by_itself_is_told_among_which(tmp_path: Path) -> None:
    routing = "routing_defaults: {available_models: [a/x, b/y], preference: price}\n"

    chooses = terms(tmp_path, "model_name: zenmux/auto", routing)
    does_not = terms(tmp_path, "model_name: large", routing)

    assert chooses.parameters == {"model_routing_config": {"available_models": ["a/x", "b/y"], "preference": "price"}}
    assert does_not.parameters == {}


def test_prices_are_the_models_own_then_the_budgets_then_nothing(tmp_path: Path) -> None:
    budget = "budget: {cost_per_million_tokens: {m: 4}}\n"

    unpriced = terms(tmp_path, "model_name: large").prices
    blended = terms(tmp_path, "model_name: large", budget).prices
    own = terms(tmp_path, "model_name: large, prices: {input_usd: 1, cached_usd: 0.1}", budget).prices

    assert [unpriced.input_usd, unpriced.output_usd, unpriced.cached_usd] == [0, 0, 0]
    assert [blended.input_usd, blended.output_usd, blended.cached_usd] == [4, 4, 4]
    assert [own.input_usd, own.output_usd, own.cached_usd] == [1, 4, Decimal("0.1")]


def test_time_and_retries_are_those_of_the_file(tmp_path: Path) -> None:
    found = terms(tmp_path, "model_name: large", "timeout: 7s\nmax_retries: 1\n")

    assert (found.timeout_ms, found.retries) == (7_000, 1)
