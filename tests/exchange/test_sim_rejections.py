"""Every code with which the simulated venue refuses, and that a refusal leaves nothing behind."""

from decimal import Decimal

import msgspec
import pytest

from engine.exchange.sim.settings import SimSettings
from engine.model.order import Cancel, Envelope, OrderReport, Rejected, SetLeverage
from tests.exchange.tape import FREE, START_MS, Account, Tape, answer


def code(report: OrderReport) -> str:
    assert isinstance(report, Rejected), report
    return report.code


def account_at_100(settings: SimSettings = FREE) -> Account:
    return Account(Tape(BTC=[100] * 20, ETH=[100] * 20, TIER=[100] * 20), settings)


REFUSED = {
    "InvalidSize": {"quantity": "1.000001"},
    "InvalidPrice": {"quantity": "1", "limit": "NaN"},
    "Tick": {"quantity": "1", "limit": "100.123"},
    "MinTradeNtl": {"quantity": "0.09"},
    "PerpMargin": {"quantity": "2001"},
    "ReduceOnly": {"quantity": "1", "reduce_only": True},
    "BadAloPx": {"quantity": "1", "style": "post_only", "limit": "100"},
    "IocCancel": {"quantity": "1", "limit": "99"},
    "BadTriggerPx": {"quantity": "1", "style": "stop_market", "limit": "99", "trigger": "99"},
    "Oracle": {"quantity": "1", "limit": "196"},
    "UnknownAsset": {"quantity": "1", "coin": "NONE"},
    "Expired": {"quantity": "1", "style": "limit_gtc", "limit": "90", "expires_ms": START_MS},
}


@pytest.mark.parametrize("expected", REFUSED)
def test_a_refused_order_says_why_and_leaves_no_position(expected: str) -> None:
    account = account_at_100()

    report = account.buy(**REFUSED[expected])  # type: ignore[arg-type]

    assert code(report) == expected
    assert account.sim.is_flat
    assert not account.sim.has_resting
    assert account.fills == []
    assert account.equity == 10_000


def test_a_refused_order_is_found_as_refused() -> None:
    account = account_at_100()
    order = account.order("buy", "1", limit="99")

    report = account.send(order)

    assert account.found(order) == report
    assert report == Rejected(
        code="IocCancel", detail="Order could not immediately match against any resting orders. asset=0"
    )


def test_an_order_in_a_coin_without_a_price_finds_no_liquidity() -> None:
    account = account_at_100()
    account.tape.silent.append("BTC")

    assert code(account.buy("1")) == "MarketOrderNoLiquidity"


def test_a_position_cannot_grow_beyond_what_its_leverage_allows_by_tier() -> None:
    account = account_at_100()
    account.send(SetLeverage(coin="TIER", leverage=20))

    assert code(account.buy("100.01", coin="TIER")) == "PerpMaxPosition"
    assert account.sim.is_flat


def test_at_the_open_interest_cap_a_position_may_only_shrink() -> None:
    account = account_at_100(msgspec.structs.replace(FREE, capped_coins=("BTC",)))

    refused = account.buy("1")
    account.sim.manual_trade("BTC", "buy", Decimal(1))
    flipped = account.sell("3")
    account.sell("1")

    assert code(refused) == "PositionIncreaseAtOpenInterestCap"
    assert code(flipped) == "PositionFlipAtOpenInterestCap"
    assert account.sim.is_flat


def test_a_test_can_have_any_code_answered() -> None:
    account = account_at_100()
    account.sim.refuse_next("TooAggressiveAtOpenInterestCap")

    assert code(account.buy("1")) == "TooAggressiveAtOpenInterestCap"
    assert account.sim.is_flat


def test_a_replayed_nonce_is_refused_and_the_order_happens_once() -> None:
    account = account_at_100()
    envelope = account.sim.prepare(account.order("buy", "1"), START_MS)

    answer(account.sim.submit(envelope))
    again = answer(account.sim.submit(envelope))

    assert again == Rejected(code="InvalidNonce", detail=f"Invalid nonce: duplicate nonce {START_MS}")
    assert account.held() == 1


@pytest.mark.parametrize("nonce", [START_MS - 3 * 86_400_000, START_MS + 2 * 86_400_000])
def test_a_nonce_far_from_the_time_is_refused(nonce: int) -> None:
    account = account_at_100()

    report = answer(account.sim.submit(Envelope(action=account.order("buy", "1"), nonce=nonce)))

    assert code(report) == "InvalidNonce"


def test_nonces_may_arrive_out_of_order() -> None:
    account = account_at_100()
    first, second = (account.sim.prepare(account.order("buy", "1"), START_MS) for _ in range(2))

    answer(account.sim.submit(second))
    answer(account.sim.submit(first))

    assert account.held() == 2


def test_an_envelope_that_arrives_after_its_validity_is_never_known() -> None:
    account = account_at_100()
    order = account.order("buy", "1")
    envelope = account.sim.prepare(order, START_MS)
    account.clock.set(START_MS + 10_001)

    report = answer(account.sim.submit(envelope))

    assert report == Rejected(code="Expired", detail="Action already expired")
    assert account.found(order) is None


def test_the_same_client_order_id_is_taken_once() -> None:
    account = account_at_100()
    order = account.order("buy", "1")

    first = account.send(order)
    second = account.send(order)

    assert first == second
    assert account.held() == 1


def test_what_only_reduces_may_be_smaller_than_the_minimum() -> None:
    account = account_at_100()
    account.buy("1")

    account.sell("0.05")
    account.sell("0.05", reduce_only=True)

    assert account.held() == Decimal("0.9")


def test_a_reduce_only_order_shrinks_to_the_position_and_never_flips_it() -> None:
    account = account_at_100()
    account.buy("1")

    account.sell("3", reduce_only=True)

    assert account.held() == 0
    assert [fill.quantity for fill in account.fills] == [1, 1]


def test_a_reduce_only_order_on_the_side_of_the_position_is_refused() -> None:
    account = account_at_100()
    account.buy("1")

    assert code(account.buy("1", reduce_only=True)) == "ReduceOnly"


def test_canceling_what_does_not_rest_is_refused() -> None:
    account = account_at_100()

    report = account.send(Cancel(client_order_id="0x1", coin="BTC"))

    assert report == Rejected(
        code="MissingOrder", detail="Order was never placed, already canceled, or filled. asset=0"
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (SetLeverage(coin="BTC", leverage=41), "InvalidLeverage"),
        (SetLeverage(coin="BTC", leverage=0), "InvalidLeverage"),
        (SetLeverage(coin="NONE", leverage=1), "UnknownAsset"),
        (SetLeverage(coin="BTC", leverage=20, mode="isolated"), "LeverageSwitch"),
        (SetLeverage(coin="BTC", leverage=1), "LeverageMargin"),
    ],
)
def test_leverage_that_cannot_be_is_refused(wanted: SetLeverage, expected: str) -> None:
    account = account_at_100()
    account.buy("200")  # 20,000 USD at 20x: 1,000 of 10,000 USD

    report = account.send(wanted)

    assert code(report) == expected
    assert account.sim.snapshot().positions[0].leverage == 20


def test_an_initial_margin_that_fits_exactly_is_enough() -> None:
    account = account_at_100()
    account.send(SetLeverage(coin="BTC", leverage=2))

    refused = account.buy("200.00001")
    account.buy("200")

    assert code(refused) == "PerpMargin"
    assert account.sim.snapshot().withdrawable_usd == 0


def test_margin_counts_positions_in_other_coins_at_their_marks() -> None:
    account = account_at_100()
    account.send(SetLeverage(coin="BTC", leverage=1))
    account.send(SetLeverage(coin="ETH", leverage=1))
    account.buy("60")

    account.tape.touch("BTC", "150")  # 3,000 USD richer and 3,000 USD more margin: still 4,000 free

    assert code(account.buy("40.01", coin="ETH")) == "PerpMargin"
    account.buy("40", coin="ETH")
    assert account.held("ETH") == 40
