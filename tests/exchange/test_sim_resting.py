"""Orders that wait: limits, stops and targets against the bars that go by, worst case first."""

from decimal import Decimal

import msgspec
import pytest

from engine.model.order import Accepted, Cancel, Canceled, Rejected
from tests.exchange.tape import FREE, MINUTE_MS, START_MS, Account, Tape


def prices(account: Account) -> list[Decimal]:
    return [fill.price for fill in account.fills]


def test_a_limit_is_filled_at_its_price_when_a_bar_goes_through_it() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 89.9, 95), 95]))
    order = account.rest("buy", "1", "limit_gtc", "90")

    account.minutes(2)

    assert prices(account) == [90]
    assert account.found(order) == Accepted(order_id=account.fills[0].order_id, filled_quantity=Decimal(1))


def test_a_limit_that_is_only_touched_is_not_filled() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 90, 95), 95]))
    account.rest("buy", "1", "limit_gtc", "90")

    account.minutes(2)

    assert account.sim.is_flat
    assert account.sim.has_resting


def test_a_resting_limit_gains_nothing_from_a_gap() -> None:
    account = Account(Tape(BTC=[100, (80, 85, 80, 85), 85]))
    account.rest("buy", "1", "post_only", "90")

    account.minutes(2)

    assert prices(account) == [90]


def test_a_limit_takes_no_more_than_its_share_of_each_bar() -> None:
    account = Account(
        Tape(BTC=[100, (100, 100, 80, 95), (95, 95, 80, 95), 95]),
        msgspec.structs.replace(FREE, max_participation_pct=Decimal("0.4")),
    )
    order = account.rest("buy", "0.6", "limit_gtc", "90")

    account.minutes(2)
    after_one = account.found(order)
    account.minutes(1)

    assert after_one == Accepted(order_id=account.fills[0].order_id, filled_quantity=Decimal("0.4"), resting=True)
    assert [fill.quantity for fill in account.fills] == [Decimal("0.4"), Decimal("0.2")]
    assert not account.sim.has_resting


def test_a_post_only_order_rests_inside_the_spread() -> None:
    account = Account(Tape(BTC=[100]), msgspec.structs.replace(FREE, spread_bps=Decimal(200)))

    inside = account.buy("1", style="post_only", limit="100.9")
    crossing = account.buy("1", style="post_only", limit="101")

    assert isinstance(inside, Accepted)
    assert inside.resting
    assert isinstance(crossing, Rejected)
    assert crossing.detail == ("Post only order would have immediately matched, bbo was 99.0 @ 101.0. asset=0")


def test_a_stop_fires_on_the_low_of_the_bar_though_the_close_is_above() -> None:
    account = Account(Tape(BTC=[(100, 100, 95, 100)]))
    account.buy("1")
    account.rest("sell", "1", "stop_market", "95", reduce_only=True)

    account.minutes(1)

    assert prices(account) == [100, 95]
    assert account.sim.is_flat


def test_when_stop_and_target_lie_in_one_bar_the_stop_comes_first() -> None:
    account = Account(Tape(BTC=[(100, 110, 90, 100)]))
    account.buy("1")
    target = account.rest("sell", "1", "take_profit_market", "110", reduce_only=True)
    stop = account.rest("sell", "1", "stop_market", "90", reduce_only=True)

    account.minutes(1)

    assert prices(account) == [100, 90]
    assert isinstance(account.found(stop), Accepted)
    ended = account.found(target)
    assert isinstance(ended, Canceled)
    assert ended.reason == "reduceOnlyCanceled"


def test_the_worst_case_of_a_short_is_the_high() -> None:
    account = Account(Tape(BTC=[(100, 110, 90, 100)]))
    account.sell("1")
    account.rest("buy", "1", "take_profit_market", "90", reduce_only=True)
    account.rest("buy", "1", "stop_market", "110", reduce_only=True)

    account.minutes(1)

    assert prices(account) == [100, 110]


def test_a_target_fires_when_only_it_is_reached() -> None:
    account = Account(Tape(BTC=[(100, 110, 95, 100)]))
    account.buy("1")
    account.rest("sell", "1", "take_profit_market", "110", reduce_only=True)
    account.rest("sell", "1", "stop_market", "90", reduce_only=True)

    account.minutes(1)

    assert prices(account) == [100, 110]
    assert not account.sim.has_resting


def test_a_gap_through_a_stop_fills_at_the_open() -> None:
    account = Account(Tape(BTC=[100, (92, 96, 91, 95)]))
    account.buy("1")
    account.rest("sell", "1", "stop_market", "95", reduce_only=True)

    account.minutes(1)

    assert prices(account) == [100, 92]
    assert account.fills[1].time_ms == START_MS + MINUTE_MS


def test_a_gap_that_was_missed_fills_at_the_open_too() -> None:
    account = Account(Tape(BTC=[100, (92, 96, 91, 95), 95]))
    account.buy("1")
    account.rest("sell", "1", "stop_market", "95", reduce_only=True)

    account.minutes(2)

    assert prices(account) == [100, 92]


@pytest.mark.parametrize(("opened", "sold"), [(86, True), (85, False)])
def test_a_trigger_order_gives_way_by_ten_percent_and_no_more(opened: float, sold: bool) -> None:
    account = Account(Tape(BTC=[100, opened]))
    account.buy("1")
    stop = account.rest("sell", "1", "stop_market", "95", reduce_only=True)

    account.minutes(1)

    assert account.sim.is_flat is sold
    assert isinstance(account.found(stop), Accepted if sold else Canceled)


def test_a_stop_pays_the_costs_of_a_taker() -> None:
    account = Account(
        Tape(BTC=[(1000, 1000, 900, 1000)]),
        msgspec.structs.replace(FREE, spread_bps=Decimal(20), taker_fee_bps=Decimal(10)),
    )
    account.buy("1")
    account.rest("sell", "1", "stop_market", "900", reduce_only=True)

    account.minutes(1)

    assert (account.fills[1].price, account.fills[1].fee_usd) == (Decimal("899.1"), Decimal("0.8991"))


def test_an_order_placed_inside_a_bar_does_not_see_what_the_bar_did_before() -> None:
    account = Account(Tape(BTC=[(100, 110, 90, 100), 100]))
    account.buy("1")
    account.clock.set(START_MS + 30_000)
    account.rest("sell", "1", "stop_market", "95", reduce_only=True)

    account.clock.set(START_MS + MINUTE_MS)
    account.sim.advance(START_MS + MINUTE_MS)

    assert account.held() == 1


def test_a_price_that_is_seen_now_fires_what_lies_behind_it() -> None:
    account = Account(Tape(BTC=[100]))
    account.buy("1")
    account.rest("sell", "1", "stop_market", "95", reduce_only=True)

    account.tape.touch("BTC", "94.5")
    account.clock.set(START_MS + 1000)
    account.sim.advance(START_MS + 1000)

    assert prices(account) == [100, Decimal("94.5")]


def test_an_entry_and_its_stop_can_both_happen_in_one_bar() -> None:
    account = Account(Tape(BTC=[(100, 100, 100, 100), (100, 101, 80, 100), 100]))
    account.rest("buy", "1", "limit_gtc", "90")
    account.rest("sell", "1", "stop_market", "85")

    account.minutes(2)

    assert prices(account) == [90, 85]
    assert account.sim.is_flat


def test_resting_reduce_only_orders_shrink_with_the_position() -> None:
    account = Account(Tape(BTC=[100]))
    account.buy("2")
    account.rest("sell", "2", "stop_market", "90", reduce_only=True)

    account.sell("1.5")

    assert [order.quantity for order in account.sim.snapshot().open_orders] == [Decimal("0.5")]


def test_an_order_ends_at_its_expiry_and_fills_nothing_in_that_bar() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 80, 100), 100]))
    order = account.rest("buy", "1", "limit_gtc", "90", expires_ms=START_MS + MINUTE_MS + 30_000)

    account.minutes(2)

    assert account.found(order) == Canceled(order_id=_id(account, order.client_order_id), reason="scheduledCancel")
    assert account.sim.is_flat


def test_a_canceled_order_does_not_fill() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 80, 100), 100]))
    order = account.rest("buy", "1", "limit_gtc", "90")

    report = account.send(Cancel(client_order_id=order.client_order_id, coin="BTC"))
    account.minutes(2)

    assert isinstance(report, Canceled)
    assert report.reason == "canceled"
    assert account.found(order) == report
    assert account.fills == []


def test_a_limit_that_the_account_cannot_bear_when_it_is_met_ends() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 80, 100), 100], ETH=[100, 100, 100]))
    order = account.rest("buy", "2000", "limit_gtc", "90")  # 180,000 USD at 20x: 9,000 of 10,000 USD
    account.buy("500", coin="ETH")  # another 2,500 USD

    account.minutes(2)

    ended = account.found(order)
    assert isinstance(ended, Canceled)
    assert ended.reason == "marginCanceled"
    assert account.held() == 0


def test_an_order_that_would_trade_with_an_own_one_ends_the_resting_one() -> None:
    account = Account(Tape(BTC=[100]), msgspec.structs.replace(FREE, spread_bps=Decimal(200)))
    resting = account.rest("sell", "1", "post_only", "100.5")

    account.buy("1")

    ended = account.found(resting)
    assert isinstance(ended, Canceled)
    assert ended.reason == "selfTradeCanceled"
    assert account.held() == 1


def test_advancing_twice_to_the_same_time_does_nothing_more() -> None:
    account = Account(
        Tape(BTC=[100, (100, 100, 80, 95), 95]),
        msgspec.structs.replace(FREE, max_participation_pct=Decimal("0.4")),
    )
    account.rest("buy", "1", "limit_gtc", "90")

    account.minutes(2)
    account.sim.advance(account.clock.now_ms())
    account.sim.advance(account.clock.now_ms() - 1)

    assert account.held() == Decimal("0.4")


def _id(account: Account, client_order_id: str) -> int:
    report = account.sim._ledger.reports[client_order_id]
    assert isinstance(report, Canceled)
    return report.order_id
