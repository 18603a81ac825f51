"""A recording: a stretch of market history that has been checked, out of a folder of files or out of arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from engine.market.bars import DAY_MS, FIELDS, Bars, faults_in, on_grid
from engine.market.candle_files import CandleRows, Folder, HistoryFault, read_candles, read_funding, survey
from engine.market.funding import Funding
from engine.model.instrument import Instrument

RAGGED_END_MS = DAY_MS  # files fetched one after the other begin and end some bars apart: what all have counts
Rows = dict[str, dict[int, CandleRows]]  # by coin and interval


class Recording(Struct, frozen=True, kw_only=True):
    """Per coin its base bars, all coins on one grid, and coarser bars (finest first) to warm indicators up with.

    ``drawn`` holds coarser bars, by interval, of a market that makes its own: there nothing is resampled.
    Decisions may fall from ``first_ms`` to ``last_ms``; what is older only warms up.
    """

    bars: Mapping[str, Bars]
    coarser: Mapping[str, tuple[Bars, ...]]
    funding: Mapping[str, Funding]
    instruments: Mapping[str, Instrument]
    first_ms: int
    last_ms: int
    drawn: Mapping[str, Mapping[int, Bars]] = {}


def read_recording(
    folder: Path,
    instruments: Mapping[str, Instrument],
    coins: Sequence[str] | None = None,
    base_interval_ms: int | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    allow_gaps: bool = False,
) -> Recording:
    """The history that a folder holds of ``coins`` (of all that it has files and ``instruments`` of, if not given).

    The base bars are of ``base_interval_ms``, else of the finest interval that every coin has over the time asked for.
    Without ``from_ms`` decisions begin when the coin that was listed last has closed a bar; without ``to_ms`` they end
    with the file that ends first (with ``allow_gaps`` the last). Raises ``HistoryFault`` with all faults of all files;
    with ``allow_gaps`` missing rows, and files that do not cover the time asked for, leave a coin without data there
    instead.
    """
    files = survey(folder)
    chosen = _chosen(files, instruments, coins)
    rows, funding = _read(files, chosen, base_interval_ms or 0, allow_gaps)
    base = _base_interval(rows, base_interval_ms, from_ms, to_ms, allow_gaps)
    based = {coin: of_coin[base] for coin, of_coin in rows.items()}
    start_ms = min(int(found.open_ms[0]) for found in based.values())
    last_rows_ms = [int(found.open_ms[-1]) for found in based.values()]
    end_ms = (max(last_rows_ms) if allow_gaps else min(last_rows_ms)) + base
    if to_ms is not None:
        end_ms = min(end_ms, to_ms - to_ms % base)
    first_ms = max(int(found.open_ms[0]) for found in based.values()) + base
    if from_ms is not None:
        asked_ms = -(-from_ms // base) * base
        first_ms = max(asked_ms, start_ms) if allow_gaps else max(asked_ms, first_ms)
    if first_ms >= end_ms:
        raise HistoryFault([f"{folder}: nothing is left between {first_ms} and {end_ms} of bars of {base} ms"])
    count = (end_ms - start_ms) // base
    return Recording(
        bars={coin: on_grid(found.open_ms, found.fields, base, start_ms, count) for coin, found in based.items()},
        coarser={coin: _coarser(of_coin, base, end_ms) for coin, of_coin in rows.items()},
        funding=funding,
        instruments={coin: instruments[coin] for coin in chosen},
        first_ms=first_ms,
        last_ms=end_ms,
    )


def recording_of_arrays(
    open_ms: ArrayLike,
    bars: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike]],
    interval_ms: int,
    funding: Mapping[str, Funding],
    instruments: Mapping[str, Instrument],
    allow_gaps: bool,
) -> Recording:
    """A recording of arrays (open, high, low, close, volume) a coin. Raises ``HistoryFault``."""
    stamps = np.ascontiguousarray(open_ms, dtype=np.int64)
    faults = [f"{coin}: there is no such instrument" for coin in bars if coin not in instruments]
    if not len(stamps) or not bars:
        raise HistoryFault(["there are no bars"])
    fields = {
        coin: {
            name: np.ascontiguousarray(values, dtype=np.float64) for name, values in zip(FIELDS, of_coin, strict=True)
        }
        for coin, of_coin in bars.items()
    }
    for coin, of_coin in fields.items():
        lengths = {name: len(values) for name, values in of_coin.items() if len(values) != len(stamps)}
        faults += [f"{coin}: {length} values of {name} for {len(stamps)} times" for name, length in lengths.items()]
        if not lengths:
            found = faults_in(stamps, of_coin, interval_ms, allow_gaps)
            faults += [f"{coin}: row {row}: {what}" for row, what in found]
    if faults:
        raise HistoryFault(faults)
    start_ms, end_ms = int(stamps[0]), int(stamps[-1]) + interval_ms
    count = (end_ms - start_ms) // interval_ms
    return Recording(
        bars={coin: on_grid(stamps, of_coin, interval_ms, start_ms, count) for coin, of_coin in fields.items()},
        coarser={},
        funding=funding,
        instruments={coin: instruments[coin] for coin in bars},
        first_ms=start_ms + interval_ms,
        last_ms=end_ms,
    )


def _chosen(files: Folder, instruments: Mapping[str, Instrument], coins: Sequence[str] | None) -> tuple[str, ...]:
    if coins is None:
        found = tuple(coin for coin in instruments if coin in files.candles)
        if not found:
            raise HistoryFault(
                [f"{files.path}: has no coin of the instrument table; it has {', '.join(files.candles)}"]
            )
        return found
    there = ", ".join(files.candles)
    faults = [
        f"{files.path}: no candle file of {coin}; there are: {there}" for coin in coins if coin not in files.candles
    ]
    faults += [f"{coin}: there is no such instrument" for coin in coins if coin not in instruments]
    if faults or not coins:
        raise HistoryFault(faults or [f"{files.path}: no coins were asked for"])
    return tuple(dict.fromkeys(coins))


def _read(files: Folder, coins: Sequence[str], finest_ms: int, allow_gaps: bool) -> tuple[Rows, dict[str, Funding]]:
    """All files of the coins, of intervals not finer than asked for; every fault of every file at once."""
    faults: list[str] = []
    rows: Rows = {coin: {} for coin in coins}
    funding: dict[str, Funding] = {}

    for coin in coins:
        for interval_ms, path in files.candles[coin].items():
            if interval_ms < finest_ms:
                continue
            try:
                rows[coin][interval_ms] = read_candles(path, interval_ms, allow_gaps)
            except HistoryFault as fault:
                faults.extend(fault.faults)
        if coin in files.funding:
            hours, path = files.funding[coin]
            try:
                funding[coin] = read_funding(path, hours)
            except HistoryFault as fault:
                faults.extend(fault.faults)
        elif not allow_gaps and any(other in files.funding for other in coins):
            faults.append(f"{files.path}: no funding file of {coin}, but of other coins")
    if faults:
        raise HistoryFault(faults)
    return rows, funding


def _base_interval(rows: Rows, asked_ms: int | None, from_ms: int | None, to_ms: int | None, allow_gaps: bool) -> int:
    """The interval of the base bars: the one asked for, or the finest that all coins have over the time asked for.

    Where none covers that time to the bar, one that lacks up to a day at either end is taken, and the span is cut.
    """
    first = next(iter(rows.values()))
    shared = [interval for interval in first if all(interval in of_coin for of_coin in rows.values())]
    if asked_ms is not None:
        shared = [interval for interval in shared if interval == asked_ms]
    if not shared:
        wanted = "one and the same interval" if asked_ms is None else f"bars of {asked_ms} ms"
        have = "; ".join(f"{coin}: {', '.join(map(str, of_coin))} ms" for coin, of_coin in rows.items())
        raise HistoryFault([f"not every coin has {wanted}; {have}"])
    if allow_gaps:
        return shared[0]
    refused: list[str] = []
    for slack_ms in (0, RAGGED_END_MS):
        refused = []
        for interval in shared:
            of_interval = {coin: of_coin[interval] for coin, of_coin in rows.items()}
            faults = _uncovered(of_interval, from_ms, to_ms, slack_ms)
            if not faults:
                return interval
            refused += faults
    raise HistoryFault(refused)


def _uncovered(rows: Mapping[str, CandleRows], from_ms: int | None, to_ms: int | None, slack_ms: int) -> list[str]:
    """Which files begin or end too far off what was asked for; without ``to_ms`` all end within a day of each other."""
    ends = {coin: int(found.open_ms[-1]) + found.interval_ms for coin, found in rows.items()}
    until_ms = max(ends.values()) - RAGGED_END_MS if to_ms is None else to_ms - slack_ms
    faults = []
    for coin, found in rows.items():
        starts_ms = int(found.open_ms[0])
        if from_ms is not None and starts_ms > from_ms + slack_ms:
            faults.append(f"{found.name}: begins at {starts_ms}, later than the {from_ms} asked for")
        if ends[coin] + found.interval_ms <= until_ms:
            faults.append(f"{found.name}: ends at {ends[coin]}, earlier than {until_ms}")
    return faults


def _coarser(rows: Mapping[int, CandleRows], base_ms: int, end_ms: int) -> tuple[Bars, ...]:
    """The coarser recordings of a coin, finest first, as far as they closed by ``end_ms``."""
    found = []
    for interval_ms, candles in rows.items():
        start_ms = int(candles.open_ms[0])
        count = (min(int(candles.open_ms[-1]) + interval_ms, end_ms) - start_ms) // interval_ms
        if interval_ms > base_ms and count > 0:
            found.append(on_grid(candles.open_ms, candles.fields, interval_ms, start_ms, count))
    return tuple(found)
