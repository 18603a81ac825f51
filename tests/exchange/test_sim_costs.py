"""What trading costs at the simulated venue: fees, spread, impact, partial fills, latency."""

from decimal import Decimal

import msgspec
import pytest

from engine.exchange.sim.settings import SimSettings
from engine.model.order import Accepted, Rejected
from tests.exchange.tape import FREE, START_MS, Account, Tape


def terms(**changes: object) -> SimSettings:
    return msgspec.structs.replace(FREE, **changes)


def test_without_costs_an_order_fills_at_the_open_of_the_bar() -> None:
    account = Account(Tape(BTC=[(100.25, 110, 90, 105)]))

    account.buy("1")

    assert [[fill.price, fill.quantity, fill.fee_usd] for fill in account.fills] == [[Decimal("100.25"), 1, 0]]


def test_a_taker_pays_four_and_a_half_basis_points() -> None:
    account = Account(Tape(BTC=[100]), terms(taker_fee_bps=Decimal("4.5")))

    account.buy("10")

    assert account.fills[0].fee_usd == Decimal("0.45")
    assert account.equity == Decimal("9999.55")


def test_a_maker_pays_one_and_a_half_basis_points() -> None:
    account = Account(Tape(BTC=[100, (100, 100, 89, 90)]), terms(maker_fee_bps=Decimal("1.5")))
    account.rest("buy", "10", "limit_gtc", "90")

    account.minutes(2)

    assert [[fill.price, fill.fee_usd, fill.liquidity] for fill in account.fills] == [[90, Decimal("0.135"), "maker"]]


def test_a_fee_is_rounded_up_to_a_millionth_of_a_dollar() -> None:
    account = Account(Tape(BTC=[100]), terms(taker_fee_bps=Decimal("4.5")))

    account.buy("0.10001")

    assert account.fills[0].fee_usd == Decimal("0.004501")  # 10.001 x 0.00045 = 0.00450045


def test_a_buyer_pays_half_the_spread_above_the_middle_and_a_seller_gets_half_below() -> None:
    account = Account(Tape(BTC=[1000]), terms(spread_bps=Decimal(20)))

    account.buy("1")
    account.sell("1")

    assert [fill.price for fill in account.fills] == [1001, 999]


def test_impact_grows_with_the_square_root_of_the_share_of_the_bar() -> None:
    account = Account(Tape(BTC=[1000]), terms(impact_bps=Decimal(100)))

    account.buy("1")
    account.buy("4")

    assert [fill.price for fill in account.fills] == [1001, 1002]  # 1 % of the volume: a tenth of 100 bp; 4 %: a fifth


def test_in_and_out_of_a_flat_market_loses_fees_and_spread_and_nothing_else() -> None:
    account = Account(Tape(BTC=[1000]), terms(taker_fee_bps=Decimal("4.5"), spread_bps=Decimal(20)))

    account.buy("1")
    account.sell("1")

    assert account.equity == 10_000 - 2 - Decimal("0.45045") - Decimal("0.44955")


def test_an_order_takes_no_more_than_its_share_of_the_bar_and_the_rest_is_gone() -> None:
    account = Account(Tape(BTC=[100]), terms(max_participation_pct=Decimal("0.4")))

    report = account.buy("1")

    assert isinstance(report, Accepted)
    assert (report.filled_quantity, report.resting) == (Decimal("0.4"), False)
    assert account.held() == Decimal("0.4")
    assert not account.sim.has_resting


def test_what_a_gtc_order_does_not_get_at_once_rests() -> None:
    account = Account(Tape(BTC=[100]), terms(max_participation_pct=Decimal("0.4")))

    report = account.buy("1", style="limit_gtc", limit="101")

    assert isinstance(report, Accepted)
    assert (report.filled_quantity, report.resting) == (Decimal("0.4"), True)
    assert [order.quantity for order in account.sim.snapshot().open_orders] == [Decimal("0.6")]


def test_a_bar_without_volume_fills_nothing() -> None:
    tape = Tape()
    tape.add("BTC", 100, volume=0.0)
    account = Account(tape, terms(max_participation_pct=Decimal(10)))

    report = account.buy("1")

    assert isinstance(report, Rejected)
    assert report.code == "MarketOrderNoLiquidity"


def test_an_order_meets_the_price_at_its_arrival() -> None:
    account = Account(Tape(BTC=[100, 105]), terms(latency_ms=200))
    account.clock.set(START_MS + 59_900)

    account.buy("1")

    assert [[fill.price, fill.time_ms] for fill in account.fills] == [[105, START_MS + 60_100]]


def test_jitter_is_the_same_for_the_same_seed_and_never_reorders() -> None:
    def arrivals(seed: int) -> list[int]:
        account = Account(Tape(BTC=[100]), terms(latency_ms=100, latency_jitter_ms=50), seed=seed)
        for _ in range(20):
            account.buy("0.2")
        return [fill.time_ms - START_MS for fill in account.fills]

    first = arrivals(1)

    assert first == arrivals(1) == sorted(first)
    assert first != arrivals(2)
    assert all(100 <= arrival <= 150 for arrival in first)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("taker_fee_bps", Decimal(-1)),
        ("spread_bps", Decimal("NaN")),
        ("impact_bps", Decimal("Infinity")),
        ("max_participation_pct", Decimal(0)),
        ("latency_ms", -1),
        ("initial_balance_usd", Decimal(-5)),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        SimSettings(**{field: value})  # type: ignore[arg-type]
