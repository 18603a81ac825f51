"""Bars: what is wrong with rows, coarser bars out of finer ones, prices as decimals, extremes over ranges."""

from decimal import Decimal

import numpy as np
import pytest

from engine.market.bars import FIELDS, Bars, extended_back, faults_in, on_grid, price_of, resampled
from engine.market.touch import Extremes
from tests.market.tapes import MINUTE_MS, T0, rising_rows


def bars_of(count: int, start_ms: int = T0, interval_ms: int = MINUTE_MS, first: float = 100.0) -> Bars:
    table = np.array(rising_rows(count, interval_ms, start_ms, first)).T
    fields = dict(zip(FIELDS, table[1:], strict=True))
    return on_grid(table[0].astype(np.int64), fields, interval_ms, start_ms, count)


def test_sound_rows_have_no_faults() -> None:
    bars = bars_of(5)

    assert faults_in(bars.open_ms, bars.fields(), MINUTE_MS, allow_gaps=False) == []


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("close", np.nan, "close is not a finite number"),
        ("high", np.inf, "high is not a finite number"),
        ("low", 0.0, "low is not positive"),
        ("high", 102.5, "high is below open or close"),
        ("low", 102.5, "low is above open or close"),
        ("volume", -1.0, "volume is negative"),
    ],
)
def test_each_kind_of_bad_value_is_named_with_its_row(field: str, value: float, complaint: str) -> None:
    bars = bars_of(5)
    fields = {name: values.copy() for name, values in bars.fields().items()}
    fields[field][2] = value

    assert (2, complaint) in faults_in(bars.open_ms, fields, MINUTE_MS, allow_gaps=True)


def test_resampling_takes_first_open_last_close_extremes_and_the_sum_of_volumes() -> None:
    five = resampled(bars_of(11), 5 * MINUTE_MS)

    assert five is not None
    assert five.open_ms.tolist() == [T0, T0 + 5 * MINUTE_MS]  # the eleventh minute is of a bar that has not closed
    assert five.open.tolist() == [100, 105]
    assert five.high.tolist() == [105.5, 110.5]
    assert five.low.tolist() == [99.5, 104.5]
    assert five.close.tolist() == [105, 110]
    assert five.volume.tolist() == [10 + 11 + 12 + 13 + 14, 15 + 16 + 17 + 18 + 19]


def test_a_coarser_bar_that_began_before_the_first_row_is_left_out() -> None:
    five = resampled(bars_of(9, start_ms=T0 + MINUTE_MS), 5 * MINUTE_MS)

    assert five is not None
    assert five.open_ms.tolist() == [T0 + 5 * MINUTE_MS]
    assert resampled(bars_of(3), 5 * MINUTE_MS) is None


def test_rows_without_data_are_left_out_of_a_coarser_bar() -> None:
    bars = bars_of(10)
    for values in bars.fields().values():
        values[[0, 4, 5, 6, 7, 8, 9]] = np.nan

    five = resampled(bars, 5 * MINUTE_MS)

    assert five is not None
    assert (five.open[0], five.close[0], five.volume[0]) == (101, 104, 11 + 12 + 13)
    assert np.isnan([five.open[1], five.high[1], five.low[1], five.close[1], five.volume[1]]).all()


def test_older_bars_are_put_before_newer_ones_where_they_adjoin() -> None:
    newer, older = bars_of(3, T0, first=50), bars_of(4, T0 - 2 * MINUTE_MS, first=48)

    both = extended_back(newer, older)

    assert both is not None
    assert both.open.tolist() == [48, 49, 50, 51, 52]
    assert extended_back(newer, bars_of(2, T0 - 3 * MINUTE_MS)) is newer  # a hole would lie between


@pytest.mark.parametrize(("value", "text"), [(117524.0, "117524"), (0.23814, "0.23814"), (1e-05, "0.00001")])
def test_a_price_is_the_decimal_that_was_recorded(value: float, text: str) -> None:
    assert price_of(value) == Decimal(text)


def test_extremes_over_any_range_are_those_of_its_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prices = rng.uniform(90, 110, 1500)
    fields = dict(zip(FIELDS, (prices, prices + 1, prices - 1, prices, prices), strict=True))
    bars = on_grid(np.arange(1500, dtype=np.int64) * MINUTE_MS, fields, MINUTE_MS, 0, 1500)
    extremes = Extremes(bars)

    for first, last in [(0, 1500), (0, 1), (255, 257), (256, 512), (3, 1499), *rng.integers(0, 750, (50, 2)) * (1, 2)]:
        first, last = sorted((int(first), int(last)))
        last = max(last, first + 1)
        assert extremes.over(first, last) == (bars.low[first:last].min(), bars.high[first:last].max())
