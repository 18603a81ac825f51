"""Indicators: known values, warm-up, the same from a trailing window as from the whole column, clear refusals."""

import numpy as np
import pytest

from engine.indicators import INDICATORS, PASSED_THROUGH, Arrays, IndicatorError, compute, warmup_bars
from engine.model.market import Column

COMPUTED = [name for name in INDICATORS if name not in PASSED_THROUGH]


def column_of(name: str, period: int = 14) -> Column:
    return Column(name, period if INDICATORS[name].takes_period else 0)


def random_walk(seed: int, count: int) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    open_ = np.concatenate(([100.0], close[:-1]))
    shadow = rng.exponential(0.05, (2, count))
    return {
        "open": open_,
        "high": np.maximum(open_, close) + shadow[0],
        "low": np.minimum(open_, close) - shadow[1],
        "close": close,
        "volume": rng.exponential(50, count),
    }


def closes(*values: float) -> Arrays:
    return {"close": np.array(values, dtype=float)}


def test_an_ema_starts_as_the_mean_of_its_first_bars() -> None:
    ema = compute(Column("ema", 3), closes(1, 2, 3, 7))

    assert np.isnan(ema[:2]).all()
    assert list(ema[2:]) == [2.0, 4.5]  # (1 + 2 + 3) / 3, then half of the way to 7


def test_an_atr_is_smoothed_wilders_way() -> None:
    # Ranges of 2 each, then one of 8: (2 * 2 + 8) / 3 with period 3, where an exponential mean would say 5.
    high, low = np.array([11.0, 11, 11, 11, 15]), np.array([9.0, 9, 9, 9, 7])
    arrays = {"high": high, "low": low, "close": np.full(5, 10.0)}

    atr = compute(Column("atr", 3), arrays)

    assert np.isnan(atr[:3]).all()
    assert list(atr[3:]) == [2.0, 4.0]


def test_an_rsi_is_100_without_losses_0_without_gains_and_50_when_nothing_moves() -> None:
    rising = compute(Column("rsi", 3), closes(1, 2, 3, 4, 5))
    falling = compute(Column("rsi", 3), closes(5, 4, 3, 2, 1))
    still = compute(Column("rsi", 3), closes(5, 5, 5, 5, 5))

    assert (rising[-1], falling[-1], still[-1]) == (100.0, 0.0, 50.0)
    assert np.isnan(still[:3]).all()


def test_bollinger_bands_lie_two_population_deviations_off_the_mean() -> None:
    arrays = closes(2, 4, 4, 4, 5, 5, 7, 9)  # mean 5, deviation 2

    bands = [compute(Column(f"bollinger_{band}", 8), arrays)[-1] for band in ("lower", "middle", "upper")]

    assert bands == pytest.approx([1.0, 5.0, 9.0], abs=1e-12)


def test_the_macd_histogram_is_the_line_less_its_signal(seed: int) -> None:
    arrays = random_walk(seed, 300)
    ema_12, ema_26 = compute(Column("ema", 12), arrays), compute(Column("ema", 26), arrays)

    line, signal, histogram = (compute(Column(name), arrays) for name in ("macd", "macd_signal", "macd_histogram"))

    assert histogram[33:] == pytest.approx(line[33:] - signal[33:])
    assert line[250:] == pytest.approx(ema_12[250:] - ema_26[250:], abs=1e-6)
    assert np.isnan(line[:33]).all()


def test_momentum_is_what_the_close_has_moved() -> None:
    assert compute(Column("momentum", 2), closes(1, 2, 4, 3))[2:].tolist() == [3.0, 1.0]


def test_a_channel_is_that_of_the_bars_before() -> None:
    high, low = np.array([3.0, 5.0, 4.0, 9.0, 1.0]), np.array([2.0, 1.0, 3.0, 8.0, 0.0])

    above, below = compute(Column("channel_high", 2), {"high": high}), compute(Column("channel_low", 2), {"low": low})

    assert np.isnan(above[:2]).all()
    assert above[2:].tolist() == [5.0, 5.0, 9.0]
    assert below[2:].tolist() == [1.0, 1.0, 3.0]


def test_a_volume_average_is_the_plain_mean() -> None:
    assert compute(Column("volume_average", 2), {"volume": np.array([1.0, 3.0, 5.0])})[1:].tolist() == [2.0, 4.0]


@pytest.mark.parametrize("name", PASSED_THROUGH)
def test_bar_fields_pass_through(name: str) -> None:
    values = np.array([1.0, np.nan])

    assert compute(Column(name), {name: values}) is values


@pytest.mark.parametrize("name", COMPUTED)
def test_a_trailing_window_gives_the_value_of_the_whole_column(name: str, seed: int) -> None:
    arrays = random_walk(seed, 3000)
    column = column_of(name)
    whole = compute(column, arrays)
    scale = {"macd": 0.01, "macd_signal": 0.01, "macd_histogram": 0.01}.get(
        name, 1.0
    )  # of the price, near zero as they are

    for end in (1500, 2222, 3000):
        window = {field: values[end - warmup_bars(column) : end] for field, values in arrays.items()}
        assert compute(column, window)[-1] == pytest.approx(whole[end - 1], rel=1e-6, abs=1e-6 * scale)


@pytest.mark.parametrize("name", COMPUTED)
def test_later_bars_change_no_earlier_value(name: str, seed: int) -> None:
    arrays = random_walk(seed, 400)
    whole = compute(column_of(name), arrays)

    cut = compute(column_of(name), {field: values[:300] for field, values in arrays.items()})

    assert np.array_equal(cut, whole[:300], equal_nan=True)
    assert len(whole) == 400
    assert np.isfinite(whole[warmup_bars(column_of(name)) :]).all()


@pytest.mark.parametrize("name", COMPUTED)
def test_too_little_history_is_nan_all_over(name: str) -> None:
    arrays = random_walk(1, 5)

    assert np.isnan(compute(column_of(name), arrays)).all()
    assert len(compute(column_of(name), {field: values[:0] for field, values in arrays.items()})) == 0


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (Column("emma", 20), "unknown indicator; known: ema, macd"),
        (Column("ema", 1), "the period must lie in 2..10000"),
        (Column("rsi"), "the period must lie in 2..10000"),
        (Column("macd", 12), "takes no period"),
        (Column("close", 3), "takes no period"),
        (Column("ema", 20, -60_000), "the interval must be"),
        (Column("atr", 14), "there is no high at hand; have: close"),
    ],
)
def test_a_column_that_cannot_be_computed_is_refused(column: Column, complaint: str) -> None:
    with pytest.raises(IndicatorError, match=complaint):
        compute(column, closes(1, 2, 3))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_input_that_is_not_finite_is_refused_and_never_spreads(bad: float) -> None:
    with pytest.raises(IndicatorError, match=r"column ema\(3\): close holds a value that is not finite"):
        compute(Column("ema", 3), closes(1, 2, bad, 4))
