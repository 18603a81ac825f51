"""Solvency: how far prices go from each bar to the end of its block, on which the promises are built."""

import numpy as np

from engine.backtest.solvency import BLOCK, moves_ahead
from engine.market.bars import Bars


def bars_of(opens: list[float], highs: list[float], lows: list[float]) -> Bars:
    count = len(opens)
    return Bars(
        interval_ms=60_000,
        open_ms=60_000 * np.arange(count, dtype=np.int64),
        open=np.array(opens),
        high=np.array(highs),
        low=np.array(lows),
        close=np.array(opens),
        volume=np.ones(count),
    )


def test_the_worse_of_rise_and_fall_counts_from_each_bar_on() -> None:
    bars = bars_of([100, 100, 50], [100, 120, 50], [70, 100, 50])

    moves = moves_ahead(bars)

    assert moves.tolist() == [0.5, 0.5, 0.0]


def test_what_happens_in_the_next_block_does_not_count() -> None:
    calm = [100.0] * BLOCK
    bars = bars_of([*calm, 100], [*calm, 1000], [*calm, 100])

    moves = moves_ahead(bars)

    assert moves[:BLOCK].max() == 0
    assert moves[BLOCK] == 9


def test_without_a_price_nothing_can_be_promised() -> None:
    bars = bars_of([np.nan, 100, 100], [np.nan, 110, np.nan], [np.nan, 100, np.nan])

    moves = moves_ahead(bars)

    assert moves[0] == np.inf
    assert abs(moves[1] - 0.1) < 1e-12
    assert moves[2] == np.inf
