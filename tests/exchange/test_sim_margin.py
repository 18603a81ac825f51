"""Margin, tiers, liquidation and funding of the simulated account, against numbers worked out by hand."""

from decimal import Decimal

import msgspec
import pytest

from engine.model.order import Canceled, SetLeverage, Side
from tests.exchange.tape import COINS, FREE, HOUR_MS, MINUTE_MS, START_MS, Account, Tape

WITH_FUNDING = msgspec.structs.replace(FREE, funding=True)


def test_the_account_reports_value_margin_and_what_can_be_withdrawn() -> None:
    account = Account(Tape(BTC=[100, 110]))
    account.send(SetLeverage(coin="BTC", leverage=5))
    account.buy("100")

    account.minutes(1)

    seen = account.sim.snapshot()
    assert seen.equity_usd == 11_000
    assert seen.margin_used_usd == 2_200  # 11,000 / 5
    assert seen.maintenance_usd == Decimal("137.5")  # 11,000 / 80
    assert seen.withdrawable_usd == 8_800  # 11,000 - max(2,200, 1,100)
    assert seen.deposits_usd == 10_000
    position = seen.positions[0]
    assert [position.quantity, position.entry_price, position.unrealized_usd] == [100, 100, 1_000]


def test_the_entry_price_averages_increases_and_stays_when_reduced() -> None:
    account = Account(Tape(BTC=[100, 110]))
    account.buy("1")
    account.minutes(1)
    account.buy("1")
    account.sell("0.5")

    assert account.sim.snapshot().positions[0].entry_price == 105

    account.sell("3")
    assert account.sim.snapshot().positions[0].entry_price == 110


def test_a_twenty_times_isolated_long_is_liquidated_at_six_percent_down() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 94, 96)]))
    account.send(SetLeverage(coin="BTC", leverage=20, mode="isolated"))
    account.buy("100")

    account.minutes(2)

    closed = account.fills[1]
    assert (closed.liquidation, closed.client_order_id, closed.side) == (True, None, "sell")
    assert closed.price == Decimal("96.2")  # -95 + p = p / 80 at 96.2025, down to the step of 0.1
    assert account.sim.is_flat
    assert account.equity == 10_000 - 380


def test_an_isolated_position_loses_its_margin_and_no_more() -> None:
    account = Account(Tape(BTC=[100, (50, 50, 50, 50)]))
    account.send(SetLeverage(coin="BTC", leverage=20, mode="isolated"))
    account.buy("100")

    account.minutes(1)

    assert account.fills[1].price == 95
    assert account.equity == 9_500


def test_isolated_margin_moves_out_of_the_account_and_back() -> None:
    account = Account(Tape(BTC=[100, 110]))
    account.send(SetLeverage(coin="BTC", leverage=10, mode="isolated"))
    account.buy("100")
    after_opening = account.sim.snapshot()
    account.minutes(1)
    account.sell("50")
    after_half = account.sim.snapshot()

    assert [after_opening.withdrawable_usd, after_opening.margin_used_usd] == [9_000, 1_000]
    assert [after_half.withdrawable_usd, after_half.margin_used_usd] == [10_000, 1_000]  # half of 1,000 + 1,000
    assert after_half.equity_usd == 11_000


def test_an_isolated_position_does_not_take_the_others_with_it() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 90, 90), 90], ETH=[100, 100, 100]))
    account.send(SetLeverage(coin="BTC", leverage=20, mode="isolated"))
    account.buy("100")
    account.buy("10", coin="ETH")

    account.minutes(2)

    assert account.held("BTC") == 0
    assert account.held("ETH") == 10


def test_a_cross_account_is_liquidated_as_a_whole_when_all_coins_are_at_their_worst() -> None:
    flat = (100.0, 100.0, 100.0, 100.0)
    down = (100.0, 100.0, 95.0, 100.0)
    both = Account(Tape(BTC=[flat, down, flat], ETH=[flat, down, flat]))
    one = Account(Tape(BTC=[flat, down, flat], ETH=[flat, flat, flat]))
    for account in (both, one):
        account.buy("1000")
        account.buy("900", coin="ETH")  # 9,500 of 10,000 USD as margin; at 95 both lose 9,500, maintenance is 2,897.5
        account.minutes(3)

    assert both.sim.is_flat
    assert [fill.liquidation for fill in both.fills] == [False, False, True, True]
    assert 0 < both.equity < 3_500
    assert one.held("BTC") == 1000


def test_a_cross_account_never_ends_below_zero() -> None:
    account = Account(Tape(BTC=[100, 50]))
    account.buy("1900")

    account.minutes(1)

    assert account.sim.is_flat
    assert 0 <= account.equity < 190  # nothing but what a price step of 0.1 on 1,900 BTC leaves


def test_a_position_opened_inside_a_bar_does_not_suffer_what_the_bar_did_before() -> None:
    account = Account(Tape(BTC=[(100, 100, 90, 100), 100]))
    account.send(SetLeverage(coin="BTC", leverage=20, mode="isolated"))
    account.clock.set(START_MS + 30_000)
    account.buy("100")

    account.clock.set(START_MS + MINUTE_MS)
    account.sim.advance(START_MS + MINUTE_MS)

    assert account.held() == 100


def test_a_liquidation_cancels_what_rests() -> None:
    account = Account(Tape(BTC=[100, 90], ETH=[100, 100]))
    order = account.rest("buy", "1", "limit_gtc", "80", coin="ETH")
    account.buy("1900")

    account.minutes(1)

    ended = account.found(order)
    assert isinstance(ended, Canceled)
    assert ended.reason == "liquidatedCanceled"


def test_a_stop_before_the_liquidation_price_saves_the_position() -> None:
    account = Account(Tape(BTC=[(100, 100, 90, 90)]))
    account.send(SetLeverage(coin="BTC", leverage=20, mode="isolated"))
    account.buy("100")
    account.rest("sell", "100", "stop_market", "97", reduce_only=True)

    account.minutes(1)

    assert [[fill.price, fill.liquidation] for fill in account.fills] == [[100, False], [97, False]]


def test_a_stop_behind_the_liquidation_price_comes_too_late() -> None:
    account = Account(Tape(BTC=[(100, 100, 90, 90)]))
    account.send(SetLeverage(coin="BTC", leverage=20, mode="isolated"))
    account.buy("100")
    account.rest("sell", "100", "stop_market", "95.5", reduce_only=True)

    account.minutes(1)

    assert [fill.liquidation for fill in account.fills] == [False, True]
    assert not account.sim.has_resting


def test_maintenance_takes_each_slice_by_its_tier() -> None:
    account = Account(Tape(TIER=[100]))
    account.send(SetLeverage(coin="TIER", leverage=10))
    account.buy("300", coin="TIER")

    assert account.sim.snapshot().maintenance_usd == 1_250  # 10,000 / 40 + 20,000 / 20


@pytest.mark.parametrize(
    ("side", "mode"), [("buy", "cross"), ("sell", "cross"), ("buy", "isolated"), ("sell", "isolated")]
)
def test_the_liquidation_price_is_where_equity_meets_maintenance(side: Side, mode: str) -> None:
    tape = Tape(TIER=[100])
    account = Account(tape)
    account.send(SetLeverage(coin="TIER", leverage=10, mode=mode))  # type: ignore[arg-type]
    account.send(account.order(side, "800" if mode == "cross" else "200", coin="TIER"))
    reported = account.sim.snapshot().positions[0].liquidation_price
    assert reported is not None
    outwards = Decimal(-1) if side == "buy" else Decimal(1)

    for distance, alive in ((Decimal("-0.01"), True), (Decimal("0.01"), False)):
        tape.touch("TIER", str((reported + outwards * distance).quantize(Decimal("0.0001"))))
        account.clock.set(account.clock.now_ms() + 1)
        account.sim.advance(account.clock.now_ms())
        assert account.sim.is_flat is not alive


def test_a_long_that_is_fully_paid_has_no_liquidation_price() -> None:
    account = Account(Tape(BTC=[100]))
    account.buy("99")

    assert account.sim.snapshot().positions[0].liquidation_price is None


@pytest.mark.parametrize("sides", [("buy", "buy"), ("buy", "sell"), ("sell", "sell")])
def test_inside_the_band_nobody_is_liquidated_wherever_the_marks_go(sides: tuple[Side, Side]) -> None:
    for first in (-1, 1):
        for second in (-1, 1):
            tape = Tape(BTC=[100], TIER=[100])
            account = Account(tape)
            account.send(account.order(sides[0], "500"))
            account.send(account.order(sides[1], "90", coin="TIER"))
            band = account.sim.liquidation_band()
            assert band is not None
            tape.touch("BTC", str(100 * (1 + first * band)))
            tape.touch("TIER", str(100 * (1 + second * band)))

            account.clock.set(START_MS + 1)
            account.sim.advance(START_MS + 1)

            assert not account.sim.is_flat


def test_the_band_of_a_short_is_exact_and_there_is_none_when_flat() -> None:
    account = Account(Tape(BTC=[100]))
    assert account.sim.liquidation_band() is None

    account.sell("1000")

    assert account.sim.liquidation_band() == Decimal("0.086419753")  # (10,000 - 1,250) / (100,000 + 1,250), down


def test_funding_over_eight_hours_is_the_sum_of_eight_bookings() -> None:
    tape = Tape(BTC=[100] * 481)
    rates = [Decimal(rate) for rate in ("0.0001", "0.0002", "-0.0001", "0", "0.0001", "0.0001", "-0.0003", "0.0002")]
    for hour, rate in enumerate(rates, start=1):
        tape.rates["BTC", START_MS + hour * HOUR_MS] = rate
    account = Account(tape, WITH_FUNDING)
    account.buy("10")  # 1,000 USD

    account.minutes(480)

    assert account.equity == 10_000 - Decimal("0.3")  # 3 basis points in sum
    payments = account.sim._ledger.funding
    assert [payment.usd for payment in payments] == [
        Decimal(usd) for usd in ("-0.1", "-0.2", "0.1", "-0.1", "-0.1", "0.3", "-0.2")
    ]
    assert [payment.time_ms - START_MS for payment in payments] == [hour * HOUR_MS for hour in (1, 2, 3, 5, 6, 7, 8)]


def test_a_short_receives_what_a_long_pays() -> None:
    tape = Tape(BTC=[100] * 61)
    tape.rates["BTC", START_MS + HOUR_MS] = Decimal("0.0001")
    account = Account(tape, WITH_FUNDING)
    account.sell("10")

    account.minutes(60)

    assert account.equity == Decimal("10000.1")


def test_funding_is_rounded_against_the_account() -> None:
    tape = Tape(BTC=[100] * 61)
    tape.rates["BTC", START_MS + HOUR_MS] = Decimal("0.0000125")
    paid, received = Account(tape, WITH_FUNDING), Account(tape, WITH_FUNDING)
    paid.buy("0.11111")
    received.sell("0.11111")  # 11.111 x 0.0000125 = 0.0001388875

    paid.minutes(60)
    received.minutes(60)

    assert paid.equity == 10_000 - Decimal("0.000139")
    assert received.equity == 10_000 + Decimal("0.000138")


def test_funding_is_on_the_net_position_at_the_mark_of_the_hour() -> None:
    tape = Tape(BTC=[100] * 60 + [120])
    tape.rates["BTC", START_MS + HOUR_MS] = Decimal("0.001")
    account = Account(tape, WITH_FUNDING)
    account.buy("10")
    account.sell("4")

    account.minutes(60)

    assert account.sim._ledger.funding[0].usd == Decimal("-0.72")  # 6 x 120 x 0.001


def test_skipping_books_the_funding_of_the_hour() -> None:
    tape = Tape(BTC=[100] * 61)
    tape.rates["BTC", START_MS + HOUR_MS] = Decimal("0.0001")
    account = Account(tape, WITH_FUNDING)
    account.buy("10")

    account.clock.set(START_MS + HOUR_MS)
    account.sim.skip(START_MS + HOUR_MS)

    assert account.equity == Decimal("9999.9")


def test_skipping_over_resting_orders_is_a_mistake_of_the_caller() -> None:
    account = Account(Tape(BTC=[100] * 3))
    account.rest("buy", "1", "limit_gtc", "90")

    with pytest.raises(AssertionError, match="orders rest"):
        account.sim.skip(START_MS + MINUTE_MS)


def test_a_trade_by_hand_shows_as_a_fill_that_nobody_ordered() -> None:
    account = Account(Tape(BTC=[100]))

    account.sim.manual_trade("BTC", "buy", Decimal(2))

    assert [[fill.client_order_id, fill.liquidation, fill.quantity] for fill in account.fills] == [[None, False, 2]]
    assert account.held() == 2


def test_deposits_count() -> None:
    account = Account(Tape(BTC=[100]))

    account.sim.deposit(Decimal(500))

    seen = account.sim.snapshot()
    assert [seen.equity_usd, seen.deposits_usd] == [10_500, 10_500]


def test_a_coin_without_a_price_keeps_its_last_mark() -> None:
    tape = Tape(BTC=[100, 110, 110])
    account = Account(tape)
    account.buy("1")
    account.minutes(1)

    tape.silent.append("BTC")
    account.minutes(1)

    assert account.equity == 10_010


def test_ids_stay_within_what_a_json_number_can_hold() -> None:
    account = Account(Tape(BTC=[100]))
    account.buy("1")
    account.sell("1")

    fills = account.fills

    assert all(1 << 31 < fill.order_id < 1 << 53 and int(fill.trade_id) < 1 << 53 for fill in fills)
    assert len({fill.trade_id for fill in fills}) == len({fill.order_id for fill in fills}) == 2
    assert list(COINS) == ["BTC", "ETH", "TIER"]
