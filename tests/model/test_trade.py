"""Trades: round trips from flat to flat, with net = gross - fees and funding on its own line."""

from decimal import Decimal

import pytest

from engine.model.order import Fill
from engine.model.trade import CloseReason, Trade, Trip, follow, with_trip_funding
from tests.model.fills import a_fill, exact


def followed(*fills: Fill, reason: CloseReason = "decision", leverage: int = 5) -> tuple[Trip | None, list[Trade]]:
    trip: Trip | None = None
    trades: list[Trade] = []
    for fill in fills:
        trip, trade = follow(trip, fill, leverage, reason)
        if trade is not None:
            trades.append(trade)
    return trip, trades


def test_in_and_out_is_one_trade() -> None:
    trip, (trade,) = followed(
        a_fill("buy", 2, 100, fee="0.09", time_ms=7, trade_id="11", order_id=21, liquidity="maker"),
        a_fill("sell", 2, 110, fee="0.10", time_ms=9, trade_id="12", order_id=22),
        reason="take_profit",
    )

    assert trip is None
    assert (trade.quantity, trade.entry_price, trade.exit_price) == exact(2, 100, 110)
    assert (trade.gross_usd, trade.entry_fee_usd, trade.exit_fee_usd) == exact(20, "0.09", "0.10")
    assert trade.net_usd == Decimal("19.81")
    assert (trade.trade_id, trade.entry_trade_id, trade.exit_trade_id) == ("11-12", "11", "12")
    assert (trade.entry_order_id, trade.exit_order_id, trade.entry_ms, trade.exit_ms) == (21, 22, 7, 9)
    assert (trade.entry_crossed, trade.exit_crossed) == (False, True)
    assert (trade.coin, trade.leverage, trade.reason, trade.liquidation) == ("BTC", 5, "take_profit", False)


def test_a_short_gains_when_the_price_falls_and_its_quantity_is_negative() -> None:
    _, (trade,) = followed(a_fill("sell", 2, 100, fee=1), a_fill("buy", 2, 90, fee=1))

    assert (trade.quantity, trade.gross_usd, trade.net_usd) == exact(-2, 20, 18)
    assert trade.gross_usd == trade.quantity * (trade.exit_price - trade.entry_price)


def test_in_and_out_at_one_price_loses_the_fees() -> None:
    _, (trade,) = followed(a_fill("buy", 1, 100, fee="0.045"), a_fill("sell", 1, 100, fee="0.045"))

    assert (trade.gross_usd, trade.net_usd) == exact(0, "-0.09")


def test_why_parts_were_closed_and_how_much_was_held_at_most_is_remembered() -> None:
    """Four, three, five, three, one and none: two exits by decision, one at the target, and the stop took the rest."""
    steps: list[tuple[Fill, CloseReason]] = [
        (a_fill("buy", 4, 100), "decision"),
        (a_fill("sell", 1, 100), "decision"),
        (a_fill("buy", 2, 100), "decision"),
        (a_fill("sell", 2, 100), "take_profit"),
        (a_fill("sell", 2, 100), "decision"),
        (a_fill("sell", 3, 100), "stop_loss"),
    ]
    trip, trade = None, None
    for fill, reason in steps:
        trip, trade = follow(None if trip is None else with_trip_funding(trip, Decimal(1)), fill, 5, reason)

    assert trade is not None
    assert (trade.reason, trade.reasons_before) == ("stop_loss", ("decision", "take_profit"))
    assert (trade.quantity, trade.most_held) == exact(6, 5)
    assert trip is not None
    assert (trip.exit_reasons, trip.most_held) == ((), Decimal(2))  # what the stop sold beyond it is a new trip


def test_several_entries_and_partial_exits_are_one_trade_at_average_prices() -> None:
    trip, (trade,) = followed(
        a_fill("buy", 2, 100, fee="0.1", time_ms=1, trade_id="1"),
        a_fill("buy", 2, 110, fee="0.2", time_ms=2, trade_id="2"),
        a_fill("sell", 1, 120, fee="0.05", time_ms=3, trade_id="3"),
        a_fill("sell", 3, 130, fee="0.3", time_ms=4, trade_id="4"),
    )

    assert trip is None
    assert (trade.quantity, trade.entry_price, trade.exit_price) == exact(4, 105, "127.5")
    assert (trade.entry_fee_usd, trade.exit_fee_usd) == exact("0.3", "0.35")
    assert (trade.gross_usd, trade.net_usd) == exact(90, "89.35")  # 120 + 390 - 200 - 220
    assert (trade.entry_ms, trade.exit_ms, trade.trade_id) == (1, 4, "1-4")


def test_a_trip_that_is_reduced_and_grown_again_stays_one_trade() -> None:
    trip, (trade,) = followed(
        a_fill("sell", 4, 100),
        a_fill("buy", 3, 90),
        a_fill("sell", 1, 80),
        a_fill("buy", 2, 85),
    )

    assert trip is None
    assert (trade.quantity, trade.entry_price, trade.exit_price) == exact(-5, 96, 88)  # 480 / 5, 440 / 5
    assert trade.gross_usd == 40


def test_until_flat_there_is_no_trade() -> None:
    trip, trades = followed(a_fill("buy", 3, 100, fee="0.3"), a_fill("sell", 1, 110, fee="0.1"))

    assert trades == []
    assert trip is not None
    assert trip.direction == 1
    assert (trip.entry_quantity, trip.exit_quantity) == exact(3, 1)
    assert (trip.entry_notional_usd, trip.exit_notional_usd) == exact(300, 110)
    assert (trip.entry_fee_usd, trip.exit_fee_usd) == exact("0.3", "0.1")


@pytest.mark.parametrize(("opening", "closing", "gross"), [("buy", "sell", -20), ("sell", "buy", 20)])
def test_a_fill_that_flips_ends_one_trade_and_begins_the_next_sharing_its_fee(
    opening: str, closing: str, gross: int
) -> None:
    trip, (trade,) = followed(
        a_fill(opening, 2, 100, trade_id="1", time_ms=1),  # type: ignore[arg-type]
        a_fill(closing, 5, 90, fee=1, trade_id="2", time_ms=2, order_id=9, liquidity="maker"),  # type: ignore[arg-type]
    )

    assert (trade.gross_usd, trade.exit_fee_usd) == exact(gross, "0.4")
    assert (trade.exit_trade_id, trade.exit_ms) == ("2", 2)
    assert trip is not None
    assert trip.direction == (-1 if opening == "buy" else 1)
    assert (trip.entry_quantity, trip.entry_notional_usd, trip.entry_fee_usd) == exact(3, 270, "0.6")
    assert (trip.entry_trade_id, trip.entry_ms, trip.entry_order_id, trip.entry_crossed) == ("2", 2, 9, False)
    assert (trip.exit_quantity, trip.exit_fee_usd, trip.funding_usd) == exact(0, 0, 0)


def test_a_fee_that_cannot_be_shared_evenly_is_shared_in_the_ledgers_quantum() -> None:
    trip, (trade,) = followed(a_fill("buy", 1, 100), a_fill("sell", 3, 100, fee=1))

    assert trip is not None
    assert (trade.exit_fee_usd, trip.entry_fee_usd) == exact("0.33333333", "0.66666667")


def test_fees_add_up_exactly_over_many_uneven_flips() -> None:
    flips = [a_fill("sell" if place % 2 else "buy", 3, 100, fee="1000000.00000001") for place in range(99)]

    trip, trades = followed(a_fill("sell", 1, 100), *flips, a_fill("sell", 2, 100))

    assert trip is None
    assert sum(trade.entry_fee_usd + trade.exit_fee_usd for trade in trades) == 99 * Decimal("1000000.00000001")


def test_a_rebate_raises_the_net() -> None:
    _, (trade,) = followed(a_fill("buy", 1, 100, fee="-0.5"), a_fill("sell", 1, 110, fee="0.25"))

    assert trade.net_usd == Decimal("10.25")


def test_funding_is_kept_through_the_trip_and_does_not_touch_the_net() -> None:
    trip, _ = followed(a_fill("buy", 2, 100))
    assert trip is not None
    paid = with_trip_funding(with_trip_funding(trip, Decimal("-0.25")), Decimal("0.05"))

    grown, _ = follow(paid, a_fill("buy", 1, 100), 5, "decision")
    reduced, _ = follow(grown, a_fill("sell", 1, 110), 5, "decision")
    flipped, trade = follow(reduced, a_fill("sell", 3, 110), 5, "decision")

    assert trade is not None
    assert (trade.funding_usd, trade.net_usd) == exact("-0.20", 30)
    assert flipped is not None
    assert flipped.funding_usd == 0


@pytest.mark.parametrize(
    ("forced", "reason", "liquidation"),
    [(False, "stop_loss", False), (True, "decision", True), (False, "liquidation", True)],
)
def test_a_trade_says_whether_it_ended_in_liquidation(forced: bool, reason: CloseReason, liquidation: bool) -> None:
    _, (trade,) = followed(a_fill("buy", 1, 100), a_fill("sell", 1, 90, liquidation=forced), reason=reason)

    assert (trade.liquidation, trade.reason) == (liquidation, reason)


def test_a_trade_carries_the_leverage_of_its_last_entry() -> None:
    trip, _ = follow(None, a_fill("buy", 1, 100), 5, "decision")
    trip, _ = follow(trip, a_fill("buy", 1, 100), 3, "decision")

    _, trade = follow(trip, a_fill("sell", 2, 100), 9, "decision")

    assert trade is not None
    assert trade.leverage == 3
