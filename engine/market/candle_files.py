"""Candle files: a folder of ``<COIN>_<interval>.csv[.gz]`` and ``<COIN>_funding_<n>h.csv[.gz]`` read into arrays."""

import gzip
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from msgspec import Struct

from engine.market.bars import FIELDS, HOUR_MS, Floats, Stamps, faults_in
from engine.market.funding import Funding

CANDLE_HEADER = b"t,o,h,l,c,v"
FUNDING_HEADER = b"t,rate"
FAULTS_SHOWN = 20
LARGEST_RATE = 1.0  # a period's funding beyond the whole notional is no rate

_NAME = re.compile(r"(?P<coin>[A-Za-z0-9]+)_(?P<funding>funding_)?(?P<count>[1-9]\d*)(?P<unit>[smhd])\.csv(?:\.gz)?")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": HOUR_MS, "d": 24 * HOUR_MS}
_NUMERIC = b"0123456789.,+-eE\n"


class HistoryFault(Exception):
    """Recorded history that cannot be used; ``faults`` are all that were found: file, row and what."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        shown = list(self.faults[:FAULTS_SHOWN])
        if len(self.faults) > FAULTS_SHOWN:
            shown.append(f"and {len(self.faults) - FAULTS_SHOWN} more")
        super().__init__("\n".join(shown))


class CandleRows(Struct, frozen=True, kw_only=True):
    """The rows of one candle file as they were recorded, gaps left out."""

    name: str
    open_ms: Stamps
    fields: dict[str, Floats]
    interval_ms: int


class Folder(Struct, frozen=True, kw_only=True):
    """Which files a folder has: by coin and interval (ms), and by coin the funding file with its period (hours)."""

    path: Path
    candles: dict[str, dict[int, Path]]
    funding: dict[str, tuple[int, Path]]


def survey(path: Path) -> Folder:
    """What a folder holds, coins and intervals in order. Raises ``HistoryFault`` when there is nothing to read."""
    if not path.is_dir():
        raise HistoryFault([f"{path}: there is no such folder"])
    candles: dict[str, dict[int, Path]] = {}
    funding: dict[str, tuple[int, Path]] = {}
    faults: list[str] = []
    for file in sorted(path.iterdir()):
        match = _NAME.fullmatch(file.name)
        if match is None:
            continue
        coin, interval_ms = match["coin"], int(match["count"]) * _UNIT_MS[match["unit"]]
        if match["funding"]:
            twin = coin in funding
            funding[coin] = (interval_ms // HOUR_MS, file)
            if interval_ms % HOUR_MS:
                faults.append(f"{file.name}: funding periods are whole hours")
        else:
            of_coin = candles.setdefault(coin, {})
            twin = interval_ms in of_coin
            of_coin[interval_ms] = file
        if twin:
            faults.append(f"{file.name}: a second file for the same thing; keep one")
    if not candles:
        faults.append(f"{path}: no candle files; they are named <COIN>_<interval>.csv or .csv.gz, as in BTC_5m.csv.gz")
    if faults:
        raise HistoryFault(faults)
    in_order = {coin: {span: files[span] for span in sorted(files)} for coin, files in candles.items()}
    return Folder(path=path, candles=in_order, funding=funding)


def read_candles(path: Path, interval_ms: int, allow_gaps: bool) -> CandleRows:
    """The rows of a candle file. Raises ``HistoryFault`` with everything that is wrong with it."""
    table = _read_table(path, CANDLE_HEADER)
    columns = np.ascontiguousarray(table.T)
    open_ms = columns[0].astype(np.int64)
    fields = {name: columns[place + 1] for place, name in enumerate(FIELDS)}
    faults = faults_in(open_ms, fields, interval_ms, allow_gaps)
    if faults:
        raise HistoryFault(f"{path.name}: line {row + 2}: {what}" for row, what in faults)
    return CandleRows(name=path.name, open_ms=open_ms, fields=fields, interval_ms=interval_ms)


def read_funding(path: Path, period_hours: int) -> Funding:
    """The rates of a funding file, its stamps rounded to the nearest hour: venues book some ms after it.

    Raises ``HistoryFault``.
    """
    table = _read_table(path, FUNDING_HEADER)
    hours = np.rint(table[:, 0] / HOUR_MS).astype(np.int64)
    rates = table[:, 1]
    found = [(int(row), "rate is not a finite number") for row in np.flatnonzero(~np.isfinite(rates))]
    found += [(int(row), f"a rate beyond {LARGEST_RATE}") for row in np.flatnonzero(np.abs(rates) > LARGEST_RATE)]
    steps = np.diff(hours)
    found += [(int(row) + 1, "the same hour as in the row before") for row in np.flatnonzero(steps == 0)]
    found += [(int(row) + 1, "an earlier hour than in the row before") for row in np.flatnonzero(steps < 0)]
    if found:
        raise HistoryFault(f"{path.name}: line {row + 2}: {what}" for row, what in sorted(found))
    spread = np.full(int(hours[-1] - hours[0]) + 1, np.nan)
    spread[hours - hours[0]] = rates
    return Funding(first_ms=int(hours[0]) * HOUR_MS, rates=spread, period_hours=period_hours)


def _read_table(path: Path, header: bytes) -> Floats:
    """All numbers below the header, one row a line; the first column holds whole milliseconds."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise HistoryFault([f"{path.name}: cannot be read: {error}"]) from error
    first, _, body = content.replace(b"\r\n", b"\n").partition(b"\n")
    if first != header:
        raise HistoryFault([f"{path.name}: line 1: the header was {first[:40]!r}, must be {header.decode()!r}"])
    body = body.rstrip(b"\n")
    if not body:
        raise HistoryFault([f"{path.name}: has no rows"])
    width = header.count(b",") + 1
    rows = body.count(b"\n") + 1
    if body.translate(None, _NUMERIC):
        raise HistoryFault(_unreadable(path.name, body, width))
    try:
        numbers = np.fromstring(body.replace(b"\n", b","), sep=",")
    except ValueError as error:
        raise HistoryFault(_unreadable(path.name, body, width)) from error
    if len(numbers) != rows * width or body.count(b",") != rows * (width - 1):
        raise HistoryFault(_unreadable(path.name, body, width))
    table = numbers.reshape(rows, width)
    stamps = table[:, 0]
    odd = np.flatnonzero((stamps != np.floor(stamps)) | (stamps <= 0) | (stamps > 2**52))
    if len(odd):
        raise HistoryFault(f"{path.name}: line {int(row) + 2}: the time is no count of milliseconds" for row in odd)
    return table


def _unreadable(name: str, body: bytes, width: int) -> list[str]:
    """Line by line, what made the fast reader refuse a file."""
    faults = []
    for number, line in enumerate(body.split(b"\n"), start=2):
        cells = line.split(b",")
        if len(cells) != width:
            faults.append(f"{name}: line {number}: has {len(cells)} fields, must be {width}")
            continue
        odd = next((cell for cell in cells if not _is_finite_number(cell)), None)
        if odd is not None:
            faults.append(f"{name}: line {number}: {odd.decode(errors='replace')[:20]!r} is not a finite number")
    assert faults, f"{name}: refused, and no line shows why"
    return faults


def _is_finite_number(cell: bytes) -> bool:
    if cell.translate(None, _NUMERIC):
        return False
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
