"""A trader's account: what fills, funding and transfers do to it, and what it is worth."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.account import (
    Account,
    equity_usd,
    gross_notional_usd,
    maintenance_total_usd,
    margin_used_usd,
    net_asset_value,
    unrealized_total_usd,
    with_fill,
    with_funding,
    with_model_cost,
    with_transfer,
    without_position,
)
from engine.model.instrument import hyperliquid_instrument
from engine.model.order import Fill
from tests.model.fills import ANN, a_fill, an_account, exact

MARKS = {"BTC": Decimal(110), "ETH": Decimal(9)}
INSTRUMENTS = {"BTC": hyperliquid_instrument("BTC", 5, 40), "ETH": hyperliquid_instrument("ETH", 4, 25)}


def after(account: Account, *fills: Fill, leverage: int = 5) -> Account:
    for fill in fills:
        account, _ = with_fill(account, fill, leverage)
    return account


def test_a_fill_moves_its_fee_out_of_cash_and_nothing_else() -> None:
    before = an_account(1_000)

    account, realized = with_fill(before, a_fill("buy", 2, 100, fee="0.09", time_ms=7), 5, "isolated")

    assert realized == 0
    assert account.cash_usd == Decimal("999.91")
    held = account.positions["BTC"]
    assert (held.quantity, held.cost_usd) == exact(2, 200)
    assert (held.leverage, held.mode, held.opened_ms) == (5, "isolated", 7)
    assert before == an_account(1_000)  # the account before is as it was


def test_a_fill_that_closes_realises_and_leaves_no_position() -> None:
    account = after(an_account(1_000), a_fill("buy", 2, 100, fee="0.09"))

    account, realized = with_fill(account, a_fill("sell", 2, 105, fee="0.10"), 5)

    assert realized == 10
    assert (account.realized_usd, account.fees_usd, account.cash_usd) == exact(10, "0.19", "1009.81")
    assert account.positions == {}


def test_in_and_out_at_the_same_price_costs_the_fees() -> None:
    account = after(an_account(1_000), a_fill("sell", 3, 100, fee="0.135"), a_fill("buy", 3, 100, fee="0.135"))

    assert equity_usd(account, MARKS.__getitem__) == Decimal("999.73")


def test_a_rebate_is_a_negative_fee() -> None:
    account = after(an_account(1_000), a_fill("buy", 1, 100, fee="-0.01"))

    assert (account.fees_usd, account.cash_usd) == exact("-0.01", "1000.01")


def test_positions_in_several_coins_are_worth_their_sum() -> None:
    account = after(an_account(1_000), a_fill("buy", 2, 100), a_fill("sell", 10, 10, coin="ETH"), leverage=5)

    mark = MARKS.__getitem__
    assert unrealized_total_usd(account, mark) == 30  # 2 x 10 + 10 x 1
    assert equity_usd(account, mark) == 1_030
    assert gross_notional_usd(account, mark) == 310  # 220 + 90
    assert margin_used_usd(account, mark) == 62
    assert maintenance_total_usd(account, mark, INSTRUMENTS) == Decimal("4.55")  # 220 / 80 + 90 / 50


def test_an_account_without_positions_asks_for_no_mark() -> None:
    account = an_account(1_000)
    none: dict[str, Decimal] = {}

    assert equity_usd(account, none.__getitem__) == 1_000
    assert gross_notional_usd(account, none.__getitem__) == margin_used_usd(account, none.__getitem__) == 0


@pytest.mark.parametrize(("paid", "cash"), [("-1.25", "998.75"), ("1.25", "1001.25")])
def test_funding_is_received_when_positive_and_paid_when_negative(paid: str, cash: str) -> None:
    account = with_funding(an_account(1_000), Decimal(paid))

    assert (account.funding_usd, account.cash_usd) == exact(paid, cash)


def test_eight_hours_of_funding_are_what_a_calculation_by_hand_says() -> None:
    account = after(an_account(10_000), a_fill("buy", "0.5", 100_000))

    for _ in range(8):  # a long pays 0.5 x 100,000 x 0.0000125 an hour
        account = with_funding(account, -account.positions["BTC"].quantity * 100_000 * Decimal("0.0000125"))

    assert account.funding_usd == -5
    assert equity_usd(account, lambda _: Decimal(100_000)) == 9_995


def test_model_cost_is_a_memo_line() -> None:
    account = with_model_cost(with_model_cost(an_account(1_000), Decimal("0.02")), Decimal("0.03"))

    assert account.model_cost_usd == Decimal("0.05")
    assert account.cash_usd == 1_000


def test_the_first_money_buys_a_unit_a_dollar() -> None:
    account = with_transfer(Account(trader=ANN), Decimal(500), Decimal(0))

    assert (account.capital_usd, account.units) == exact(500, 500)
    assert net_asset_value(account, Decimal(500)) == 1


def test_a_transfer_buys_and_redeems_units_at_their_value() -> None:
    doubled = after(an_account(500), a_fill("buy", 5, 100), a_fill("sell", 5, 200))

    richer = with_transfer(doubled, Decimal(300), Decimal(1_000))
    poorer = with_transfer(doubled, Decimal(-400), Decimal(1_000))

    assert (richer.capital_usd, richer.units) == exact(800, 650)  # 300 USD at 2 USD a unit
    assert (poorer.capital_usd, poorer.units) == exact(100, 300)
    assert [net_asset_value(richer, richer.cash_usd), net_asset_value(poorer, poorer.cash_usd)] == [2, 2]


@pytest.mark.parametrize("equity", [0, -50])
def test_money_for_an_account_that_has_lost_everything_buys_a_unit_a_dollar(equity: int) -> None:
    broke = after(an_account(1_000), a_fill("buy", 10, 100), a_fill("sell", 10, Decimal(equity) / 10))

    account = with_transfer(broke, Decimal(500), Decimal(equity))

    assert account.units == 1_500
    assert net_asset_value(account, account.cash_usd) == Decimal(500 + equity) / 1_500


def test_an_account_that_never_held_money_has_units_of_no_value() -> None:
    assert net_asset_value(Account(trader=ANN), Decimal(0)) == 0


def test_a_position_is_taken_away_at_a_price_and_the_others_stay() -> None:
    account = after(an_account(1_000), a_fill("buy", 2, 100, fee=1), a_fill("sell", 10, 10, coin="ETH"))

    left, realized = without_position(account, "BTC", Decimal(90))

    assert realized == -20
    assert list(left.positions) == ["ETH"]
    assert (left.realized_usd, left.fees_usd, left.cash_usd) == exact(-20, 1, 979)
    assert list(account.positions) == ["BTC", "ETH"]


def test_accounts_do_not_share_their_positions() -> None:
    ann, bob = Account(trader=ANN), Account(trader=ANN)

    after(ann, a_fill("buy", 1, 100))

    assert ann.positions == bob.positions == {}
    assert ann.positions is not bob.positions


@given(
    units=st.decimals(1, 10**6, places=8, allow_nan=False),
    equity=st.decimals("0.01", 10**7, places=8, allow_nan=False),
    moves=st.lists(st.decimals(-1, 2, places=3, allow_nan=False), max_size=6),
)
def test_transfers_leave_the_net_asset_value_alone(units: Decimal, equity: Decimal, moves: list[Decimal]) -> None:
    account = Account(trader=ANN, capital_usd=equity, units=units)
    value = net_asset_value(account, equity)

    for share in moves:
        usd = (account.cash_usd * share).quantize(Decimal("1E-8"))
        if account.cash_usd + usd < Decimal("0.01"):
            continue  # nothing would be left to measure
        account = with_transfer(account, usd, account.cash_usd)

    assert abs(net_asset_value(account, account.cash_usd) / value - 1) < Decimal("1E-20")
