"""Account totals: the curve by the hour, the row of this moment, and the rules by which the frontend reads them."""

from decimal import Decimal

import pytest

from engine.manager.record import Configured
from tests.export.arena import DAY_MS, HOUR_MS, START_MS, Arena, eventful, terms, two_models


def test_everybody_starts_at_ten_thousand_whatever_capital_it_has() -> None:
    arena = two_models()

    assert [arena.newest(trader)["dollar_equity"] for trader in ("alpha", "beta")] == [10_000, 10_000]


def test_a_gain_is_scaled_to_the_base_of_ten_thousand() -> None:
    arena = two_models()
    arena.fill("beta", "BTC", 10, 100, fee=1)

    arena.price(BTC=110, ETH=10)

    row = arena.newest("beta")
    assert row["total_unrealized_pnl"] == 2 * 100
    assert row["realized_pnl"] == 2 * -1
    assert row["dollar_equity"] == 10_198
    assert row["cum_pnl_pct"] == 1.98
    assert row["positions"]["BTC"]["quantity"] == 20
    assert row["positions"]["BTC"]["unrealized_pnl"] == 200


def test_equity_is_the_start_plus_realized_plus_unrealized_in_the_decimals_that_travel() -> None:
    arena = Arena(terms("alpha"))
    arena.fund("alpha", 7_777)
    arena.price(BTC=100)
    arena.fill("alpha", "BTC", 3.7, 101.3, fee=0.123457)
    for hour in range(30):
        arena.hours(1)
        arena.price(BTC=97.31 + hour / 7)

    for row in arena.totals("alpha"):
        parts = [Decimal(repr(row[name])) for name in ("realized_pnl", "total_unrealized_pnl")]
        assert Decimal(repr(row["dollar_equity"])) == 10_000 + sum(parts)


def test_capital_that_moves_in_does_not_move_the_equity_on_the_wire() -> None:
    arena = two_models()
    arena.fill("beta", "BTC", 10, 100)
    arena.price(BTC=110, ETH=10)
    before = arena.newest("beta")

    arena.fund("beta", 5_100, equity_before=5_100)

    after = arena.newest("beta")
    assert (before["dollar_equity"], after["dollar_equity"]) == (10_200, 10_200)
    assert after["total_unrealized_pnl"] == after["positions"]["BTC"]["unrealized_pnl"] == 100


def test_funding_and_fees_are_realized() -> None:
    arena = eventful(2)

    row = arena.newest("alpha")

    fees, funding, closed = 0.05 + 0.05 + 0.1, -0.02, (103 - 100) + (110 - 107) + 7
    assert row["realized_pnl"] == pytest.approx(closed - fees + funding)
    assert row["positions"] == {}


def test_markers_count_hours_from_the_inception_of_the_arena_for_those_who_came_later_too() -> None:
    arena = Arena(terms("alpha"))
    arena.fund("alpha", 1_000)
    arena.price(BTC=100)
    arena.hours(5)
    arena.say(Configured(config="", version=2, traders=(terms("alpha"), terms("late"))))
    arena.fund("late", 1_000)
    arena.now_ms += 90_000
    arena.price(BTC=100)

    rows = arena.document("account-totals")

    assert [(row["id"], row["since_inception_minute_marker"]) for row in rows["accountTotals"]] == [
        ("alpha_0", 0), ("alpha_5", 301), ("late_5", 301), ("buynhold_btc_5", 301),
    ]  # fmt: skip
    assert rows["lastHourlyMarkerRead"] == 5


def test_the_row_of_the_running_hour_is_overwritten_with_a_fresh_timestamp_that_all_models_share() -> None:
    arena = two_models()
    arena.hours(1)
    arena.price(BTC=100, ETH=10)
    arena.now_ms += 600_000

    arena.price(BTC=120, ETH=10)

    rows = arena.document("account-totals")["accountTotals"]
    assert [row["since_inception_hourly_marker"] for row in rows] == [0, 0, 1, 1, 1]
    assert [row["timestamp"] for row in rows[2:]] == [(START_MS + HOUR_MS + 600_000) / 1000] * 3
    assert len({row["id"] for row in rows}) == len(rows)


def test_the_closed_row_of_an_hour_is_what_was_last_known_in_it() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 10, 100)
    arena.now_ms += 50 * 60_000
    arena.price(BTC=105, ETH=10)

    arena.now_ms += 20 * 60_000
    arena.price(BTC=200, ETH=10)

    closed, live = arena.totals("alpha")
    assert (closed["dollar_equity"], closed["timestamp"]) == (10_050, (START_MS + 50 * 60_000) / 1000)
    assert live["dollar_equity"] == 11_000


def test_only_the_newest_row_carries_positions() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 1, 100)
    for _ in range(3):
        arena.hours(1)
        arena.price(BTC=100, ETH=10)

    assert [list(row["positions"]) for row in arena.totals("alpha")] == [[], [], [], ["BTC"]]


def test_rows_come_in_the_order_of_time() -> None:
    rows = eventful(9).document("account-totals")["accountTotals"]

    times = [row["timestamp"] for row in rows]
    assert times == sorted(times)


def test_a_marked_trader_is_worth_what_its_own_venue_says() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 10, 100)

    arena.now_ms += 1
    arena.mark("alpha", 10_010, 10, BTC=101)

    row = arena.newest("alpha")
    assert (row["dollar_equity"], row["positions"]["BTC"]["current_price"]) == (10_010, 101)


def test_the_sharpe_ratio_is_that_of_hourly_returns() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 10, 100)
    for price in (100, 110, 100):
        arena.price(BTC=price, ETH=10)
        arena.hours(1)
    arena.price(BTC=100, ETH=10)

    returns = [0, 0.01, -100 / 10_100]
    mean = sum(returns) / 3
    deviation = (sum((value - mean) ** 2 for value in returns) / 2) ** 0.5
    assert arena.newest("alpha")["sharpe_ratio"] == pytest.approx(mean / deviation)


def test_buy_and_hold_follows_bitcoin_from_its_first_price_and_is_not_the_first_row() -> None:
    arena = two_models()
    arena.hours(1)
    arena.price(BTC=125, ETH=10)

    rows = arena.document("account-totals")["accountTotals"]

    assert [row["model_id"] for row in rows] == ["alpha", "beta", "alpha", "beta", "buynhold_btc"]
    assert rows[-1]["dollar_equity"] == 12_500
    assert rows[-1]["positions"] == {}


def test_a_benchmark_trader_has_a_curve_and_nothing_else() -> None:
    arena = eventful(3)

    assert [row["since_inception_hourly_marker"] for row in arena.totals("cash")] == [1, 2]
    for name, key in (("leaderboard", "leaderboard"), ("analytics", "analytics"), ("positions", "accountTotals")):
        assert [row["id"] for row in arena.document(name)[key]] == ["alpha", "beta", "rules"]
    assert {trade["model_id"] for trade in arena.document("trades")["trades"]} == {"alpha", "beta"}


def test_a_trader_called_like_the_benchmark_is_not_shown_twice() -> None:
    arena = Arena(terms("alpha"), terms("buynhold_btc", kind="baseline", benchmark=True))
    arena.fund("alpha", 100)
    arena.fund("buynhold_btc", 100)
    arena.price(BTC=100)
    arena.hours(1)
    arena.price(BTC=100)

    newest = [row["id"] for row in arena.document("account-totals")["accountTotals"]][1:]
    assert newest == ["alpha_1", "buynhold_btc_1"]


def test_a_trader_without_capital_is_shown_nowhere() -> None:
    arena = Arena(terms("alpha"), terms("poor"))
    arena.fund("alpha", 100)
    arena.price(BTC=100)

    shown = [row["id"] for row in arena.document("leaderboard")["leaderboard"]]

    assert shown == ["alpha"]
    assert arena.totals("poor") == []


def test_hours_in_which_nothing_was_heard_leave_a_gap() -> None:
    arena = two_models()
    arena.hours(7)

    arena.price(BTC=100, ETH=10)

    assert [row["since_inception_hourly_marker"] for row in arena.totals("alpha")] == [0, 7]


def test_the_curve_keeps_hours_for_30_days_six_hours_for_180_and_a_row_a_day_for_ever() -> None:
    arena = two_models()
    days = 200
    for _ in range(days * 24):
        arena.hours(1)
        arena.price(BTC=100, ETH=10)

    now_s = arena.now_ms / 1000
    times = [row["timestamp"] for row in arena.totals("alpha")]
    ages = [(now_s - time) / 86_400 for time in times]
    assert sum(1 for age in ages if age <= 30) == 30 * 24 + 1
    assert sum(1 for age in ages if 30.5 < age <= 179.5) == 149 * 4
    assert times[0] == START_MS / 1000
    per_day = {int(time * 1000) // DAY_MS for time in times}
    assert per_day == set(range(START_MS // DAY_MS, arena.now_ms // DAY_MS + 1))
    assert sum(1 for age in ages if age > 180.5) == pytest.approx(20 + 1, abs=1)


def test_a_price_that_is_no_number_changes_nothing() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 10, 100)
    before = arena.newest("alpha")["dollar_equity"]

    arena.price(BTC=float("nan"), ETH=10)

    assert arena.newest("alpha")["dollar_equity"] == before == 10_000
    assert arena.document("crypto-prices")["prices"]["BTC"]["price"] == 100
