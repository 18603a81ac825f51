"""Folders of candle files: how they are read, joined and extended, and each kind of bad data refused by its line."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.market.bars import DAY_MS
from engine.market.candle_files import HistoryFault
from engine.market.history import HistoryMarket
from engine.model.market import Column
from tests.market.tapes import HOUR_MS, MINUTE_MS, T0, rising_rows, write_candles

FIVE_MINUTES = 5 * MINUTE_MS
Cells = list[list[object]]


def test_the_finest_interval_that_all_coins_have_is_the_base(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_1m.csv", rising_rows(20))
    write_candles(tmp_path, "BTC_5m.csv.gz", rising_rows(30, FIVE_MINUTES))
    write_candles(tmp_path, "ETH_5m.csv.gz", rising_rows(30, FIVE_MINUTES))
    (tmp_path / "README.md").write_text("not a candle file")

    both = HistoryMarket.load(tmp_path)
    alone = HistoryMarket.load(tmp_path, coins=["BTC"])

    assert (both.coins, both.interval_ms) == (("BTC", "ETH"), FIVE_MINUTES)
    assert (alone.coins, alone.interval_ms) == (("BTC",), MINUTE_MS)


def test_a_coarser_interval_is_taken_where_the_finer_does_not_reach_back(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_1m.csv", rising_rows(200, start_ms=T0 + HOUR_MS))
    write_candles(tmp_path, "BTC_5m.csv", rising_rows(60, FIVE_MINUTES))

    market = HistoryMarket.load(tmp_path, from_ms=T0 + HOUR_MS // 2, to_ms=T0 + 2 * HOUR_MS)

    assert (market.interval_ms, market.first_ms, market.last_ms) == (FIVE_MINUTES, T0 + HOUR_MS // 2, T0 + 2 * HOUR_MS)
    assert market.index_at(market.first_ms) == 5  # what is older than first_ms is kept to warm up
    assert len(market.arrays("BTC")) == 24


def test_coarser_series_reach_into_the_past_by_the_coarser_files(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_5m.csv", rising_rows(24, FIVE_MINUTES, T0 + HOUR_MS, first=500))
    write_candles(tmp_path, "BTC_1h.csv", rising_rows(3, HOUR_MS, T0 - HOUR_MS, first=50))
    hourly = Column("close", 0, HOUR_MS)
    market = HistoryMarket.load(tmp_path, base_interval_ms=FIVE_MINUTES)
    market.declare([hourly])

    early, late = (market.look(T0 + HOUR_MS + minutes * MINUTE_MS).window("BTC") for minutes in (5, 60))

    assert early is not None
    assert late is not None
    # The files' bars of T0 - 1 h and T0; then the hour of the 5m bars themselves, once it has closed.
    assert early.last(hourly, 9) == [51, 52]
    assert late.last(hourly, 9) == [51, 52, 512]


def test_before_a_coin_has_fine_bars_its_coarser_file_is_used_and_never_a_part_of_a_bar(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_5m.csv", rising_rows(48, FIVE_MINUTES))
    write_candles(tmp_path, "ETH_5m.csv", rising_rows(42, FIVE_MINUTES, T0 + HOUR_MS // 2, first=500))
    write_candles(tmp_path, "ETH_1h.csv", rising_rows(4, HOUR_MS, T0 - HOUR_MS, first=50))
    hourly = Column("close", 0, HOUR_MS)
    market = HistoryMarket.load(tmp_path, base_interval_ms=FIVE_MINUTES)
    market.declare([hourly])

    window = market.look(T0 + 3 * HOUR_MS).window("ETH")

    assert window is not None
    assert window.last(hourly, 9) == [51, 52, 518, 530]  # fine bars reach whole hours from T0 + 1 h on


def test_funding_stamps_are_rounded_to_the_nearest_hour(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_5m.csv", rising_rows(36, FIVE_MINUTES))
    stamps = [[T0 + 43, "0.00001"], [T0 + HOUR_MS - 7, "-3.5e-06"], [T0 + 3 * HOUR_MS + 500, "0.0000125"]]
    write_candles(tmp_path, "BTC_funding_1h.csv.gz", stamps, header="t,rate")

    market = HistoryMarket.load(tmp_path)

    booked = [market.funding_rate("BTC", T0 + hour * HOUR_MS) for hour in range(4)]
    assert booked == [Decimal("0.00001"), Decimal("-0.0000035"), None, Decimal("0.0000125")]
    assert market.missing_funding == {"BTC": 1}
    assert market.lacks == {"open_interest", "oracle"}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda rows: rows[3].__setitem__(2, "nan"), "line 5: 'nan' is not a finite number"),
        (lambda rows: rows[3].__setitem__(2, "1e999"), "line 5: high is not a finite number"),
        (lambda rows: rows[3].__setitem__(2, "x"), "line 5: 'x' is not a finite number"),
        (lambda rows: rows[3].__setitem__(2, ""), "line 5: '' is not a finite number"),
        (lambda rows: rows[3].__setitem__(2, " "), "line 5: ' ' is not a finite number"),
        (lambda rows: rows[3].pop(), "line 5: has 5 fields, must be 6"),
        (lambda rows: rows[3].__setitem__(1, 0), "line 5: open is not positive"),
        (lambda rows: rows[3].__setitem__(4, -4), "line 5: close is not positive"),
        (lambda rows: rows[3].__setitem__(2, 1), "line 5: high is below open or close"),
        (lambda rows: rows[3].__setitem__(3, 999), "line 5: low is above open or close"),
        (lambda rows: rows[3].__setitem__(5, -1), "line 5: volume is negative"),
        (lambda rows: rows[3].__setitem__(0, rows[2][0]), "line 5: the time is the same as in the row before"),
        (lambda rows: rows.insert(2, rows.pop(4)), "line 5: the time is earlier than in the row before"),
        (lambda rows: rows[3].__setitem__(0, T0 + 1), "line 5: the time is not a multiple of 60000 ms"),
        (lambda rows: rows[3].__setitem__(0, "1.5"), "line 5: the time is no count of milliseconds"),
        (lambda rows: rows.pop(3), "line 5: 1 bars are missing before it"),
        (lambda rows: rows.clear(), "has no rows"),
    ],
)
def test_each_kind_of_bad_row_is_refused_by_file_and_line(
    tmp_path: Path, spoil: Callable[[Cells], object], complaint: str
) -> None:
    rows: Cells = [list(row) for row in rising_rows(8)]
    spoil(rows)
    write_candles(tmp_path, "BTC_1m.csv", rows)

    with pytest.raises(HistoryFault) as refused:
        HistoryMarket.load(tmp_path)

    assert f"BTC_1m.csv: {complaint}" in refused.value.faults


def test_all_faults_of_all_files_are_told_at_once_and_the_message_stays_readable(tmp_path: Path) -> None:
    bad_high = [(t, o, 1.0, low, c, v) for t, o, h, low, c, v in rising_rows(30)]
    write_candles(tmp_path, "BTC_1m.csv", bad_high)
    write_candles(tmp_path, "ETH_1m.csv", rising_rows(30), header="time,o,h,l,c,v")
    write_candles(tmp_path, "BTC_funding_1h.csv", [[T0, "0.1"], [T0 + 5, "9"]], header="t,rate")

    with pytest.raises(HistoryFault) as refused:
        HistoryMarket.load(tmp_path)

    faults = refused.value.faults
    assert "BTC_funding_1h.csv: line 3: the same hour as in the row before" in faults
    assert "BTC_funding_1h.csv: line 3: a rate beyond 1.0" in faults
    assert any(fault.startswith("ETH_1m.csv: line 1: the header was") for fault in faults)
    assert len(str(refused.value).splitlines()) == 21
    assert str(refused.value).endswith("more")


def test_zero_volume_and_a_missing_newline_at_the_end_are_fine(tmp_path: Path) -> None:
    rows = [(t, o, h, low, c, 0) for t, o, h, low, c, _ in rising_rows(4)]
    path = write_candles(tmp_path, "BTC_1m.csv", rows)
    path.write_bytes(path.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n"))

    market = HistoryMarket.load(tmp_path)

    assert market.arrays("BTC").volume.tolist() == [0, 0, 0, 0]


def test_a_missing_file_folder_or_instrument_is_refused(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_1m.csv", rising_rows(9))
    write_candles(tmp_path, "NOPE_1m.csv", rising_rows(9))

    def complaint(folder: Path, *coins: str) -> str:
        with pytest.raises(HistoryFault) as refused:
            HistoryMarket.load(folder, coins=coins or None)
        return str(refused.value)

    assert "no candle file of SOL; there are: BTC, NOPE" in complaint(tmp_path, "BTC", "SOL")
    assert "NOPE: there is no such instrument" in complaint(tmp_path, "NOPE")
    assert "there is no such folder" in complaint(tmp_path / "elsewhere")
    (tmp_path / "empty").mkdir()
    assert "no candle files; they are named" in complaint(tmp_path / "empty")


def test_two_files_for_the_same_bars_are_refused(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_1m.csv", rising_rows(9))
    write_candles(tmp_path, "BTC_1m.csv.gz", rising_rows(9))

    with pytest.raises(HistoryFault, match=r"BTC_1m.csv.gz: a second file for the same thing"):
        HistoryMarket.load(tmp_path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = write_candles(tmp_path, "BTC_1m.csv.gz", rising_rows(99))
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(HistoryFault, match=r"BTC_1m.csv.gz: cannot be read"):
        HistoryMarket.load(tmp_path)


def test_time_that_a_file_does_not_cover_is_refused(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_1m.csv", rising_rows(60))
    write_candles(tmp_path, "ETH_1m.csv", rising_rows(50, start_ms=T0 + 10 * MINUTE_MS))

    with pytest.raises(HistoryFault, match=r"ETH_1m.csv: begins at"):
        HistoryMarket.load(tmp_path, from_ms=T0 - DAY_MS)
    with pytest.raises(HistoryFault, match=r"BTC_1m.csv: ends at"):
        HistoryMarket.load(tmp_path, to_ms=T0 + DAY_MS + 90 * MINUTE_MS)
    with pytest.raises(HistoryFault, match="nothing is left"):
        HistoryMarket.load(tmp_path, from_ms=T0 + 30 * MINUTE_MS, to_ms=T0 + 20 * MINUTE_MS)


def test_less_than_a_day_that_is_missing_at_either_end_cuts_the_span_to_what_all_have(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_1m.csv", rising_rows(60))
    write_candles(tmp_path, "ETH_1m.csv", rising_rows(50, start_ms=T0 + 10 * MINUTE_MS))

    market = HistoryMarket.load(tmp_path, from_ms=T0 + 5 * MINUTE_MS, to_ms=T0 + 90 * MINUTE_MS)

    assert (market.first_ms, market.last_ms) == (T0 + 11 * MINUTE_MS, T0 + 60 * MINUTE_MS)


def test_a_coin_listed_later_joins_when_it_has_a_bar(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTC_1m.csv", rising_rows(60))
    write_candles(tmp_path, "ETH_1m.csv", rising_rows(50, start_ms=T0 + 10 * MINUTE_MS))

    market = HistoryMarket.load(tmp_path, from_ms=T0 + 5 * MINUTE_MS, allow_gaps=True)

    assert [coin.coin for coin in market.look(T0 + 10 * MINUTE_MS)] == ["BTC"]
    assert [coin.coin for coin in market.look(T0 + 11 * MINUTE_MS)] == ["BTC", "ETH"]
    assert HistoryMarket.load(tmp_path).first_ms == T0 + 11 * MINUTE_MS


def test_funding_of_one_coin_but_not_of_another_is_refused(tmp_path: Path) -> None:
    for coin in ("BTC", "ETH"):
        write_candles(tmp_path, f"{coin}_1m.csv", rising_rows(9))
    write_candles(tmp_path, "BTC_funding_1h.csv", [[T0, "0.00001"]], header="t,rate")

    with pytest.raises(HistoryFault, match="no funding file of ETH"):
        HistoryMarket.load(tmp_path)
    assert HistoryMarket.load(tmp_path, allow_gaps=True).funding_rate("ETH", T0) is None
