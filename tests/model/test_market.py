"""Windows end at the last closed bar, and a snapshot stays the same once it was looked at."""

from decimal import Decimal
from math import isnan

import pytest

from engine.model.market import CoinSnapshot, Column, GatheredSnapshot, Window, snapshot_of

CLOSE = Column("close")


def window(index: int) -> Window:
    return Window("BTC", {CLOSE: [10.0, 11.0, 12.0, 13.0]}, index)


def snapshot(coin: str, mark: int = 100) -> CoinSnapshot:
    return CoinSnapshot(coin=coin, price_ms=0, mark=Decimal(mark), mid=Decimal(mark))


def test_a_window_reads_back_from_the_last_closed_bar() -> None:
    assert [window(2).value(CLOSE, back) for back in (0, 1, 2)] == [12, 11, 10]


@pytest.mark.parametrize("back", [-1, -2, 3, 100])
def test_neither_the_future_nor_what_was_before_the_first_bar_can_be_read(back: int) -> None:
    assert isnan(window(2).value(CLOSE, back))


@pytest.mark.parametrize(
    ("count", "values"), [(0, []), (1, [12]), (2, [11, 12]), (3, [10, 11, 12]), (9, [10, 11, 12]), (-1, [])]
)
def test_the_last_values_come_oldest_first_and_end_at_the_last_closed_bar(count: int, values: list[float]) -> None:
    assert window(2).last(CLOSE, count) == values


def test_before_the_first_closed_bar_a_window_is_empty() -> None:
    assert isnan(window(-1).value(CLOSE))
    assert window(-1).last(CLOSE, 3) == []


def test_a_coin_is_assembled_when_first_asked_for_and_never_again() -> None:
    asked: list[str] = []

    def build(coin: str) -> CoinSnapshot | None:
        asked.append(coin)
        return snapshot(coin, mark=100 + len(asked)) if coin == "BTC" else None

    market = GatheredSnapshot(7, ("BTC", "ETH"), build, {"BTC": window(2)}.get)

    assert asked == []
    assert [market.mark("BTC"), market.mark("BTC"), market.mark("ETH"), market.coin("ETH")] == [101, 101, None, None]
    assert asked == ["BTC", "ETH"]
    assert market.window("ETH") is None


def test_a_snapshot_goes_through_the_coins_that_have_a_price_in_their_order() -> None:
    known = {"SOL": snapshot("SOL"), "BTC": snapshot("BTC")}
    market = GatheredSnapshot(7, ("SOL", "ETH", "BTC"), known.get, lambda _: None)

    assert [found.coin for found in market] == ["SOL", "BTC"]


def test_a_snapshot_of_coins_at_hand_knows_no_others() -> None:
    market = snapshot_of(7, [snapshot("SOL"), snapshot("BTC", 5)], {"BTC": window(1)})

    assert (market.time_ms, market.coins) == (7, ("SOL", "BTC"))
    assert [market.mark("BTC"), market.mark("ETH")] == [5, None]
    found = market.window("BTC")
    assert found is not None
    assert found.value(CLOSE) == 11
