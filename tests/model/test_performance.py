"""Performance figures against values worked out by hand; undefined ones are ``None`` and nothing is ever NaN."""

from math import isfinite, sqrt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.performance import (
    Performance,
    annual_return,
    calmar,
    max_drawdown,
    mean,
    performance,
    profit_factor,
    returns,
    sample_deviation,
    sharpe,
    sortino,
    win_rate_pct,
)

HOUR_MS = 3_600_000
YEAR_MS = 365 * 24 * HOUR_MS


def test_returns_are_relative_changes_one_fewer_than_points() -> None:
    assert returns([100, 150, 75]) == [0.5, -0.5]
    assert returns([100]) == returns([]) == []


def test_from_nothing_or_less_there_is_no_return() -> None:
    assert returns([100, -50, 0, 25]) == [-1.5, 0.0, 0.0]


def test_mean_and_deviation_need_enough_values() -> None:
    assert (mean([]), mean([3]), mean([1, 2, 6])) == (None, 3, 3)
    assert (sample_deviation([]), sample_deviation([3])) == (None, None)
    assert sample_deviation([1, 2, 6]) == pytest.approx(sqrt(7))  # (4 + 1 + 9) / 2


def test_sharpe_is_mean_over_sample_deviation_times_the_root_of_periods() -> None:
    # mean 0.03, deviations of 0.01 on both sides: sample deviation 0.01 x sqrt 2
    assert sharpe([0.02, 0.04], 1) == pytest.approx(3 / sqrt(2))
    assert sharpe([0.02, 0.04], 4) == pytest.approx(6 / sqrt(2))
    assert sharpe([-0.02, -0.04], 1) == pytest.approx(-3 / sqrt(2))


def test_sortino_counts_losses_only_but_divides_by_all_periods() -> None:
    # mean 0.01, downside deviation sqrt(0.01^2 / 2)
    assert sortino([0.03, -0.01], 1) == pytest.approx(sqrt(2))
    assert sortino([0.03, -0.01], 9) == pytest.approx(3 * sqrt(2))


@pytest.mark.parametrize("steady", [[], [0.1], [0.0, 0.0], [0.1, 0.1, 0.1], [0.1 + 1e-16, 0.1, 0.1]])
def test_without_variation_there_is_no_sharpe_ratio(steady: list[float]) -> None:
    assert sharpe(steady, 1) is None


def test_a_curve_that_grows_evenly_has_no_sharpe_ratio_though_its_floats_differ() -> None:
    curve = [1.0001**hour for hour in range(1_000)]

    assert len(dict.fromkeys(returns(curve))) > 1
    assert sharpe(returns(curve), 8_760) is None
    assert sortino(returns(curve), 8_760) is None


@pytest.mark.parametrize("gains", [[], [-0.1], [0.1, 0.2], [0.0, 0.0], [0.1, -1e-16]])
def test_without_a_loss_there_is_no_sortino_ratio(gains: list[float]) -> None:
    assert sortino(gains, 1) is None


@pytest.mark.parametrize(
    ("equity", "drawdown"),
    [
        ([], 0),
        ([100], 0),
        ([100, 110, 120], 0),
        ([100, 120, 90, 130, 117], 0.25),  # 30 of 120, more than 13 of 130
        ([100, 0], 1),
        ([100, -50], 1.5),
        ([-5, -10], 0),  # there never was a peak to fall from
    ],
)
def test_drawdown_is_the_largest_loss_from_a_peak(equity: list[float], drawdown: float) -> None:
    assert max_drawdown(equity) == pytest.approx(drawdown)


def test_calmar_is_the_compound_return_a_year_over_the_drawdown() -> None:
    assert annual_return(100, 121, 2) == pytest.approx(0.1)
    assert calmar(100, 121, 2, 0.05) == pytest.approx(2)
    assert calmar(100, 81, 2, 0.2) == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("first", "last", "years"),
    [(0, 100, 1), (100, 0, 1), (100, -1, 1), (100, 110, 0), (100, 200, 1e-9), (5e-324, 1e300, 1)],
)
def test_a_yearly_return_that_means_nothing_is_none(first: float, last: float, years: float) -> None:
    assert annual_return(first, last, years) is None
    assert calmar(first, last, years, 0.1) is None


def test_without_a_drawdown_there_is_no_calmar_ratio() -> None:
    assert calmar(100, 121, 2, 0) is None


def test_a_trade_is_won_when_its_net_is_above_zero() -> None:
    assert win_rate_pct([30, -10, -5, 0]) == 25
    assert win_rate_pct([]) is None


def test_the_profit_factor_is_what_was_won_over_what_was_lost() -> None:
    assert profit_factor([30, -10, -5, 0]) == 2
    assert profit_factor([-10]) == 0
    assert (profit_factor([]), profit_factor([30, 0])) == (None, None)


def test_all_figures_of_a_curve_with_one_point_a_year() -> None:
    found = performance([100, 110, 88, 132], YEAR_MS, [10, -22, 44])

    # returns 0.1, -0.2, 0.5: mean 0.4 / 3, squares about it 0.37 - 0.37 / 3 in all
    assert found.return_pct == pytest.approx(32)
    assert found.max_drawdown_pct == pytest.approx(20)
    assert found.sharpe == pytest.approx(0.4 / 3 / sqrt(0.37 / 3))
    assert found.sortino == pytest.approx(0.4 / 3 / sqrt(0.04 / 3))
    assert found.calmar == pytest.approx((1.32 ** (1 / 3) - 1) / 0.2)
    assert found.trades == 3
    assert found.win_rate_pct == pytest.approx(200 / 3)
    assert found.profit_factor == pytest.approx(54 / 22)


def test_hourly_points_are_annualised_by_8760_hours() -> None:
    hourly = performance([100, 102, 106.08], HOUR_MS, [])

    assert hourly.sharpe == pytest.approx(3 / sqrt(2) * sqrt(8_760))


def test_a_curve_without_history_has_no_figures() -> None:
    nothing = Performance(
        return_pct=0,
        max_drawdown_pct=0,
        sharpe=None,
        sortino=None,
        calmar=None,
        trades=0,
        win_rate_pct=None,
        profit_factor=None,
    )

    assert (
        performance([], HOUR_MS, []) == performance([100], HOUR_MS, []) == performance([0, 0], HOUR_MS, []) == nothing
    )


worths = st.one_of(st.floats(1e-9, 1e12), st.floats(-1e12, 0), st.floats(9_990, 10_010), st.just(10_000.0))
profits = st.floats(-1e9, 1e9)


@given(equity=st.lists(worths, max_size=12), period_ms=st.integers(1_000, YEAR_MS), net=st.lists(profits, max_size=6))
def test_no_curve_and_no_trades_ever_give_nan(equity: list[float], period_ms: int, net: list[float]) -> None:
    found = performance(equity, period_ms, net)

    numbers = [number for number in msgspec.structs.astuple(found) if number is not None]
    assert all(isfinite(number) for number in numbers)
    assert found.max_drawdown_pct >= 0


def test_losses_too_small_to_divide_by_give_no_profit_factor() -> None:
    assert profit_factor([2.0, -1.1125369292536007e-308]) is None
    assert profit_factor([2.0, -0.5]) == 4


@given(st.lists(st.floats(1e-300, 1e300), max_size=6))
def test_ratios_of_absurd_curves_are_finite_or_none(equity: list[float]) -> None:
    changes = returns(equity)

    for ratio in (sharpe(changes, 8_760), sortino(changes, 8_760)):
        assert ratio is None or isfinite(ratio)
