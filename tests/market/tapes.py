"""Small tapes and candle files for the tests of the recorded market."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.market.history import HistoryMarket

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
T0 = 1_700_000_400_000 - 1_700_000_400_000 % (4 * HOUR_MS)  # a full four hours of UTC

Row = tuple[int, float, float, float, float, float]


def rising_rows(count: int, interval_ms: int = MINUTE_MS, start_ms: int = T0, first: float = 100.0) -> list[Row]:
    """Row i opens at ``first + i`` and closes one higher, half a dollar of shadow on each side, volume 10 + i."""
    return [
        (start_ms + i * interval_ms, first + i, first + i + 1.5, first + i - 0.5, first + i + 1, 10.0 + i)
        for i in range(count)
    ]


def write_candles(folder: Path, name: str, rows: Sequence[Sequence[object]], header: str = "t,o,h,l,c,v") -> Path:
    """A candle or funding file; gzip where the name says so."""
    text = "\n".join([header, *(",".join(str(cell) for cell in row) for row in rows), ""]).encode()
    path = folder / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def market_of(
    rows: Sequence[Row], *coins: str, interval_ms: int = MINUTE_MS, allow_gaps: bool = False
) -> HistoryMarket:
    """A market in which each of the coins has the same rows."""
    table = np.array(rows)
    fields = (table[:, 1], table[:, 2], table[:, 3], table[:, 4], table[:, 5])
    return HistoryMarket.of_arrays(
        table[:, 0], dict.fromkeys(coins or ("BTC",), fields), interval_ms, allow_gaps=allow_gaps
    )
