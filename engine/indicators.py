"""Indicators: the one definition, for every mode, of what each column of numbers over closed bars holds."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import talib
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Arrays = Mapping[str, Floats]  # bar fields by name, oldest first, all of one length

MACD_FAST, MACD_SLOW, MACD_SIGNAL = 12, 26, 9
BOLLINGER_SIGMAS = 2.0
SHORTEST_PERIOD, LONGEST_PERIOD = 2, 10_000
FLAT_RSI = 50.0


class ColumnName(Protocol):
    """What names a column, as ``Column`` of the model does: an indicator, its period, the interval of its bars."""

    @property
    def indicator(self) -> str:
        """One of ``INDICATORS``."""
        ...

    @property
    def period(self) -> int:
        """In bars; 0 where the indicator takes none."""
        ...

    @property
    def interval_ms(self) -> int:
        """How long a bar is; 0 for the base bar."""
        ...


class IndicatorError(ValueError):
    """A column that cannot be computed; the message names the column, what is wrong and what would do."""


class Indicator(Struct, frozen=True, kw_only=True):
    """One kind of column: how it is computed, which bar fields it reads, and after how many bars it has settled.

    ``settles_after`` maps the period to the number of trailing bars over which the last value is, within 1e-6 of the
    scale of its values, the one that the whole history gives. Exponential means forget their start by
    (1 - 2 / (n + 1)) a bar, Wilder's by (1 - 1 / n).
    """

    compute: Callable[[Arrays, int], Floats]
    reads: tuple[str, ...]
    takes_period: bool
    settles_after: Callable[[int], int]


def compute(column: ColumnName, arrays: Arrays) -> Floats:
    """The column over all bars of ``arrays``: float64, as long as they are, NaN before the indicator is warm.

    Every value depends on its own and earlier bars alone. Raises ``IndicatorError`` for an unknown indicator, a period
    out of range, a missing field, and for input that is not finite: one NaN would spoil every later value.
    """
    indicator = checked(column)
    for field in indicator.reads:
        if field not in arrays:
            raise IndicatorError(f"{described(column)}: there is no {field} at hand; have: {', '.join(arrays)}")
        if column.indicator != field and not np.isfinite(arrays[field]).all():
            raise IndicatorError(f"{described(column)}: {field} holds a value that is not finite")
    if column.indicator not in PASSED_THROUGH and len(arrays[indicator.reads[0]]) == 0:
        return np.empty(0)
    return indicator.compute(arrays, column.period)


def checked(column: ColumnName) -> Indicator:
    """The indicator of a column that can be computed. Raises ``IndicatorError``."""
    indicator = INDICATORS.get(column.indicator)
    if indicator is None:
        raise IndicatorError(f"{described(column)}: unknown indicator; known: {', '.join(INDICATORS)}")
    if not indicator.takes_period and column.period != 0:
        raise IndicatorError(f"{described(column)}: takes no period, leave it 0")
    if indicator.takes_period and not SHORTEST_PERIOD <= column.period <= LONGEST_PERIOD:
        raise IndicatorError(f"{described(column)}: the period must lie in {SHORTEST_PERIOD}..{LONGEST_PERIOD}")
    if column.interval_ms < 0:
        raise IndicatorError(f"{described(column)}: the interval must be a number of ms, 0 for the base bar")
    return indicator


def warmup_bars(column: ColumnName) -> int:
    """How many trailing bars give the column's last value within 1e-6 of what the whole history gives."""
    return checked(column).settles_after(column.period)


def described(column: ColumnName) -> str:
    """The column as messages call it."""
    interval = f" of {column.interval_ms} ms bars" if column.interval_ms else ""
    return f"column {column.indicator}({column.period or ''}){interval}"


def _passed(field: str) -> Callable[[Arrays, int], Floats]:
    return lambda arrays, _: arrays[field]


def _ema(arrays: Arrays, period: int) -> Floats:
    return talib.EMA(arrays["close"], period)


def _macd(place: int) -> Callable[[Arrays, int], Floats]:
    def compute_macd(arrays: Arrays, _: int) -> Floats:
        return talib.MACD(arrays["close"], MACD_FAST, MACD_SLOW, MACD_SIGNAL)[place]

    return compute_macd


def _rsi(arrays: Arrays, period: int) -> Floats:
    """Wilder's relative strength index, 0 to 100; 50 where the close has not moved for the whole period.

    TA-Lib says 0 for a market that never moved, which would read as oversold.
    """
    close = arrays["close"]
    index = talib.RSI(close, period)
    zeros = np.flatnonzero(index == 0.0)
    if len(zeros):
        moves = np.concatenate(([0], np.cumsum(close[1:] != close[:-1])))
        index[zeros[moves[zeros] == moves[zeros - period]]] = FLAT_RSI
    return index


def _atr(arrays: Arrays, period: int) -> Floats:
    """Average true range in the unit of the prices, smoothed Wilder's way; the first value stands at bar ``period``.

    Source: Wilder, New Concepts in Technical Trading Systems (1978).
    """
    return talib.ATR(arrays["high"], arrays["low"], arrays["close"], period)


def _bollinger(place: int) -> Callable[[Arrays, int], Floats]:
    def compute_band(arrays: Arrays, period: int) -> Floats:
        return talib.BBANDS(arrays["close"], period, BOLLINGER_SIGMAS, BOLLINGER_SIGMAS)[place]

    return compute_band


def _volume_average(arrays: Arrays, period: int) -> Floats:
    return talib.SMA(arrays["volume"], period)


def _momentum(arrays: Arrays, period: int) -> Floats:
    """The close less the close ``period`` bars before, in the unit of the prices."""
    return talib.MOM(arrays["close"], period)


def _channel(field: str, extreme: Callable[[Floats, int], Floats]) -> Callable[[Arrays, int], Floats]:
    """The extreme of the ``period`` bars before each bar, its own left out: what the bar has to leave to break out.

    Source: Donchian's rule of the channel, with the channel that was known before the bar began.
    """

    def compute_channel(arrays: Arrays, period: int) -> Floats:
        before: Floats = np.full(len(arrays[field]), np.nan)
        before[1:] = extreme(arrays[field], period)[:-1]
        return before

    return compute_channel


def _at_once(_: int) -> int:
    return 1


def _own_length(period: int) -> int:
    return period


def _one_more(period: int) -> int:
    return period + 1


def _exponential(period: int) -> int:
    return 10 * period


def _wilder(period: int) -> int:
    return 20 * period


def _both_averages(_: int) -> int:
    return 10 * (MACD_SLOW + MACD_SIGNAL)


def _field(name: str) -> Indicator:
    return Indicator(compute=_passed(name), reads=(name,), takes_period=False, settles_after=_at_once)


def _of_close(function: Callable[[Arrays, int], Floats], settles_after: Callable[[int], int]) -> Indicator:
    return Indicator(compute=function, reads=("close",), takes_period=True, settles_after=settles_after)


def _macd_line(place: int) -> Indicator:
    return Indicator(compute=_macd(place), reads=("close",), takes_period=False, settles_after=_both_averages)


PASSED_THROUGH = ("open", "high", "low", "close", "volume", "funding_rate", "open_interest")

INDICATORS: Mapping[str, Indicator] = {
    "ema": _of_close(_ema, _exponential),
    "macd": _macd_line(0),
    "macd_signal": _macd_line(1),
    "macd_histogram": _macd_line(2),
    "rsi": _of_close(_rsi, _wilder),
    "atr": Indicator(compute=_atr, reads=("high", "low", "close"), takes_period=True, settles_after=_wilder),
    "bollinger_upper": _of_close(_bollinger(0), _own_length),
    "bollinger_middle": _of_close(_bollinger(1), _own_length),
    "bollinger_lower": _of_close(_bollinger(2), _own_length),
    "volume_average": Indicator(
        compute=_volume_average, reads=("volume",), takes_period=True, settles_after=_own_length
    ),
    "momentum": _of_close(_momentum, _one_more),
    "channel_high": Indicator(
        compute=_channel("high", talib.MAX), reads=("high",), takes_period=True, settles_after=_one_more
    ),
    "channel_low": Indicator(
        compute=_channel("low", talib.MIN), reads=("low",), takes_period=True, settles_after=_one_more
    ),
    **{name: _field(name) for name in PASSED_THROUGH},
}
