"""Real recordings: they load, resample to what the venue itself recorded, and give no look ahead."""

from pathlib import Path

import numpy as np
import pytest

from engine.market.bars import FIELDS, resampled
from engine.market.candle_files import read_candles
from engine.market.history import HistoryMarket
from engine.model.market import Column

FIVE_MINUTES, HOUR_MS = 300_000, 3_600_000


def test_hyperliquids_recordings_load_whole(shared_data: Path) -> None:
    market = HistoryMarket.load(shared_data / "hyperliquid", base_interval_ms=FIVE_MINUTES)

    assert market.coins == ("BTC", "ETH", "SOL", "BNB", "DOGE", "XRP", "HYPE")
    assert len(market.arrays("BTC")) > 38_000
    assert market.lacks == {"open_interest", "oracle"}
    assert all(missing <= 1 for missing in market.missing_funding.values())


@pytest.mark.parametrize(("name", "interval_ms"), [("1h", HOUR_MS), ("4h", 4 * HOUR_MS)])
@pytest.mark.parametrize("coin", ["BTC", "DOGE", "HYPE"])
def test_resampled_bars_are_those_that_the_venue_recorded(
    shared_data: Path, coin: str, name: str, interval_ms: int
) -> None:
    market = HistoryMarket.load(shared_data / "hyperliquid", coins=[coin], base_interval_ms=FIVE_MINUTES)
    recorded = read_candles(shared_data / "hyperliquid" / f"{coin}_{name}.csv.gz", interval_ms, allow_gaps=False)

    made = resampled(market.arrays(coin), interval_ms)

    assert made is not None
    first = int(np.searchsorted(recorded.open_ms, made.first_ms))
    count = min(len(made), len(recorded.open_ms) - first)
    assert count > 750
    assert made.open_ms[:count].tolist() == recorded.open_ms[first : first + count].tolist()
    for field in FIELDS:
        same = np.isclose(
            getattr(made, field)[:count], recorded.fields[field][first : first + count], rtol=1e-6, atol=0
        )
        # The venue's 5m bars of one outage are empty, its 1h and 4h bars are not; a few opens differ by late prints.
        assert count - same.sum() <= 4, f"{field} at {made.open_ms[:count][~same]}"


def test_four_hour_indicators_are_warm_from_the_first_slot_on(shared_data: Path) -> None:
    market = HistoryMarket.load(shared_data / "hyperliquid", coins=["BTC"], base_interval_ms=FIVE_MINUTES)
    columns = [Column("ema", 50, 4 * HOUR_MS), Column("atr", 14, 4 * HOUR_MS), Column("macd", 0, HOUR_MS)]
    market.declare(columns)

    window = market.look(market.first_ms).window("BTC")

    assert window is not None
    assert all(len(window.last(column, 300)) == 300 for column in columns)
    assert np.isfinite([window.last(column, 300) for column in columns]).all()


def test_binances_eight_hourly_funding_is_read_as_such(shared_data: Path) -> None:
    market = HistoryMarket.load(shared_data / "binance_2025", coins=["BTC", "XRP"])
    eight = 8 * HOUR_MS
    stamp = market.first_ms - market.first_ms % eight + eight

    booked = market.funding_rate("BTC", stamp)

    assert booked is not None
    assert market.funding_rate("BTC", stamp + HOUR_MS) is None
    coin = market.look(stamp + HOUR_MS).coin("BTC")
    assert coin is not None
    assert float(coin.funding_rate or 0) == pytest.approx(float(booked) / 8)
