"""Weights: regimes are told by one rule, scores follow the regime, and the few best share what there is."""

import pytest

from engine.executor.selector.regime import regime_of
from engine.executor.selector.selector import weighed
from engine.executor.selector.weights import regimes_of, scores_now, top_shares
from tests.executor.selector.libraries import HOUR_MS, Told, a_library, a_regime, a_selector
from tests.executor.strategies.markets import at

NAN = float("nan")
TWO = a_library({"trend": Told(), "swing": Told()}, {"trend": {"trend_up": 3.0}, "swing": {"range": 2.0}})


@pytest.mark.parametrize(
    ("fast", "short", "regime"),
    [
        (100.7, 1.0, "range"),
        (100.75, 1.0, "trend_up"),
        (99.25, 1.0, "trend_down"),
        (99.3, 1.0, "range"),
        (105.0, 1.3, "turbulent"),
        (105.0, 1.29, "trend_up"),
        (NAN, 1.0, None),
        (100.0, NAN, None),
    ],
)
def test_averages_and_ranges_tell_the_regime(fast: float, short: float, regime: str | None) -> None:
    """The slow average is 100 USD and the usual range one."""
    window = a_regime(fast, 100.0, short, 1.0).window("BTC")

    assert regime_of(window, HOUR_MS) == regime


def test_a_coin_without_bars_or_ranges_is_in_no_regime() -> None:
    assert regime_of(None, HOUR_MS) is None
    assert regime_of(a_regime(100.0, 100.0, 0.0, 0.0).window("BTC"), HOUR_MS) is None
    assert regimes_of(at(a_regime(NAN, 1, 1, 1)), TWO) == {"BTC": "unknown"}


@pytest.mark.parametrize(
    ("raw", "top", "shares"),
    [
        ({"a": 3.0, "b": 1.0}, 2, {"a": 0.75, "b": 0.25}),
        ({"a": 1.0, "b": 3.0}, 2, {"b": 0.75, "a": 0.25}),
        ({"a": 3.0, "b": 1.0, "c": 2.0}, 2, {"a": 0.6, "c": 0.4}),
        ({"a": 50.0, "b": 50.0}, 3, {"a": 0.5, "b": 0.5}),
        ({"a": 2.0, "b": 2.0, "c": 2.0}, 1, {"a": 1.0}),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, 3, {"a": 0.3334, "b": 0.3333, "c": 0.3333}),
        ({"a": 0.0, "b": -1.0, "c": NAN}, 3, {}),
        ({"a": 100.0, "b": 0.001}, 2, {"a": 1.0}),
        ({}, 3, {}),
    ],
)
def test_the_best_few_share_one(raw: dict[str, float], top: int, shares: dict[str, float]) -> None:
    found = top_shares(raw, top)

    assert found == shares
    assert list(found) == list(shares)
    assert sum(found.values()) == pytest.approx(1.0 if shares else 0.0, abs=1e-12)


def test_scores_are_those_of_the_regimes_of_all_coins() -> None:
    assert scores_now(TWO, ["trend_up"]) == {"trend": 3.0, "swing": 0.0}
    assert scores_now(TWO, ["trend_up", "range", "unknown"]) == pytest.approx({"trend": 1.0, "swing": 2 / 3})
    assert scores_now(TWO, []) == {"trend": 0.0, "swing": 0.0}


def test_without_a_model_the_scores_give_the_weights() -> None:
    selection = weighed(a_selector(TWO), at(a_regime(101.0, 100.0, 1.0, 1.0)), None)

    assert (selection.by, selection.weights) == ("scores", {"trend": 1.0})
    assert (selection.regimes, selection.library) == ({"BTC": "trend_up"}, "test 1 (0)")


def test_what_a_model_gives_is_cut_to_the_best_and_adds_up_to_one() -> None:
    selection = weighed(a_selector(TWO, top=1), at(a_regime(101.0, 100.0, 1.0, 1.0)), {"swing": 30.0, "trend": 10.0})

    assert (selection.by, selection.weights) == ("model", {"swing": 1.0})


def test_where_nothing_scored_nothing_is_held() -> None:
    selection = weighed(a_selector(TWO), at(a_regime(99.0, 100.0, 1.0, 1.0)), None)

    assert selection.weights == {}
    assert selection.weighed_ms >= 0
