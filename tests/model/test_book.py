"""The book of a venue account: net positions, totals, and how funding is split to the last quantum."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.account import with_fill
from engine.model.book import (
    ROUNDING_USD,
    Book,
    funding_shares,
    gross_notional_by_coin,
    net_quantities,
    total_equity_usd,
)
from engine.model.ids import HOUSE, AccountId, TraderId
from engine.model.order import Side
from engine.model.position import CENT_OF_A_MICRO
from tests.model.fills import ANN, BOB, EVE, TRADERS, a_fill, an_account

MARKS = {"BTC": Decimal(110), "ETH": Decimal(9)}


def a_book(*trades: tuple[TraderId, Side, int, int, str]) -> Book:
    """1,000 USD for each trader and 500 in reserve."""
    book = Book(account=AccountId("sim"), deposits_usd=Decimal(3_500), reserve_usd=Decimal(500))
    book.traders = {trader: an_account(1_000, trader) for trader in TRADERS}
    for owner, side, quantity, price, coin in trades:
        fill = a_fill(side, quantity, price, coin=coin)
        if owner == HOUSE:
            book.house, _ = with_fill(book.house, fill, 1)
        else:
            book.traders[owner], _ = with_fill(book.traders[owner], fill, 5)
    return book


def test_a_new_book_is_empty_and_its_own() -> None:
    first, second = Book(account=AccountId("a")), Book(account=AccountId("b"))

    first.traders[ANN] = an_account(1)
    first.house, _ = with_fill(first.house, a_fill("buy", 1, 100), 1)

    assert (second.traders, second.house.positions, second.deposits_usd) == ({}, {}, Decimal(0))
    assert [account.trader for account in first.accounts()] == [ANN, HOUSE]


def test_opposite_positions_net_and_a_flat_coin_is_left_out() -> None:
    book = a_book((ANN, "buy", 3, 100, "BTC"), (BOB, "sell", 1, 100, "BTC"), (ANN, "buy", 2, 10, "ETH"))

    assert net_quantities(book) == {"BTC": 2, "ETH": 2}
    assert gross_notional_by_coin(book, MARKS.__getitem__) == {"BTC": 440, "ETH": 18}

    book.traders[EVE], _ = with_fill(book.traders[EVE], a_fill("sell", 2, 10, coin="ETH"), 5)

    assert net_quantities(book) == {"BTC": 2}


def test_the_house_and_the_reserve_count() -> None:
    book = a_book((ANN, "buy", 3, 100, "BTC"), (HOUSE, "sell", 2, 100, "BTC"))

    assert net_quantities(book) == {"BTC": 1}
    assert total_equity_usd(book, MARKS.__getitem__) == 3_510  # 30 won by ann, 20 lost by the house


def quanta(*amounts: int) -> list[Decimal]:
    return [amount * CENT_OF_A_MICRO for amount in amounts]


def test_funding_is_split_by_position_long_pays_short_receives() -> None:
    held = {ANN: Decimal(3), BOB: Decimal(-1)}

    shares, remainder = funding_shares(Decimal("-0.02"), held, Decimal(100), Decimal("0.0001"))

    assert shares == {ANN: Decimal("-0.03"), BOB: Decimal("0.01")}
    assert remainder == 0


def test_with_a_negative_rate_the_short_pays() -> None:
    held = {ANN: Decimal(3), BOB: Decimal(-1)}

    shares, _ = funding_shares(Decimal("0.02"), held, Decimal(100), Decimal("-0.0001"))

    assert shares == {ANN: Decimal("0.03"), BOB: Decimal("-0.01")}


def test_where_the_venue_books_nothing_one_trader_pays_the_other() -> None:
    held = {ANN: Decimal(2), BOB: Decimal(-2)}

    shares, remainder = funding_shares(Decimal(0), held, Decimal("50000.1"), Decimal("0.0000125"))

    assert shares == {ANN: Decimal("-1.2500025"), BOB: Decimal("1.2500025")}
    assert remainder == 0


def test_what_rounding_leaves_goes_to_the_largest_remainders_first() -> None:
    # ann and bob owe a third of a quantum each, eve two thirds; rounded down all three pay one, which is two too many
    held = {ANN: Decimal(1), BOB: Decimal(1), EVE: Decimal(2)}
    third = CENT_OF_A_MICRO / 3

    shares, remainder = funding_shares(quanta(-1)[0], held, Decimal(1), third)

    assert list(shares.values()) == quanta(0, 0, -1)
    assert remainder == 0


def test_equal_remainders_are_served_by_name() -> None:
    held = {EVE: Decimal(1), BOB: Decimal(1), ANN: Decimal(1)}

    shares, _ = funding_shares(quanta(-1)[0], held, Decimal(1), CENT_OF_A_MICRO / 3)

    assert shares == dict(zip((ANN, BOB, EVE), quanta(0, 0, -1), strict=True))


def test_a_payment_that_the_venue_rounded_to_a_micro_dollar_is_still_shared_out() -> None:
    held = {ANN: Decimal(3), BOB: Decimal(1)}  # 30 and 10 quanta to pay, the venue took 100

    shares, remainder = funding_shares(Decimal("-0.000001"), held, Decimal(1), Decimal("0.0000001"))

    assert [shares[ANN], shares[BOB]] == quanta(-60, -40)
    assert remainder == 0


def test_a_payment_for_another_quantity_stays_in_the_remainder() -> None:
    shares, remainder = funding_shares(Decimal(-5), {ANN: Decimal(1)}, Decimal(100), Decimal("0.0001"))

    assert (shares, remainder) == ({ANN: Decimal("-0.01")}, Decimal("-4.99"))


def test_where_the_payment_is_not_explained_a_share_is_rounded_down() -> None:
    held = {ANN: Decimal(1), BOB: Decimal(-1)}  # four tenths of a quantum each

    shares, remainder = funding_shares(Decimal(-5), held, Decimal(1), Decimal("0.000000004"))

    assert [shares[ANN], shares[BOB]] == quanta(-1, 0)
    assert remainder == Decimal("-4.99999999")


def test_a_payment_that_nobody_holds_a_position_for_is_all_remainder() -> None:
    assert funding_shares(Decimal(1), {}, Decimal(100), Decimal("0.0001")) == ({}, Decimal(1))


def test_what_is_finer_than_the_ledger_stays_in_the_remainder() -> None:
    shares, remainder = funding_shares(Decimal("-0.010000001"), {ANN: Decimal(1)}, Decimal(100), Decimal("0.0001"))

    assert (shares, remainder) == ({ANN: Decimal("-0.01")}, Decimal("-0.000000001"))


holdings = st.dictionaries(
    st.sampled_from((*TRADERS, HOUSE)),
    st.decimals(-1_000, 1_000, places=5, allow_nan=False).filter(bool),
    min_size=1,
)
levels = st.decimals("0.000001", 200_000, places=6, allow_nan=False)
rates = st.decimals("-0.0004", "0.0004", places=10, allow_nan=False)


@given(held=holdings, price=levels, rate=rates, total=st.decimals(-1_000, 1_000, places=8, allow_nan=False))
def test_shares_and_remainder_always_add_up_to_the_payment(
    held: dict[TraderId, Decimal], price: Decimal, rate: Decimal, total: Decimal
) -> None:
    shares, remainder = funding_shares(total, held, price, rate)

    assert sum(map(Fraction, shares.values())) + Fraction(remainder) == Fraction(total)
    assert shares.keys() == held.keys()


@given(held=holdings, price=levels, rate=rates, places=st.sampled_from((6, 7, 8)), off=st.integers(-1, 1))
def test_a_payment_the_positions_explain_is_shared_out_completely(
    held: dict[TraderId, Decimal], price: Decimal, rate: Decimal, places: int, off: int
) -> None:
    owed = {trader: -Fraction(quantity) * Fraction(price) * Fraction(rate) for trader, quantity in held.items()}
    step = Decimal(1).scaleb(-places)
    booked = (-sum(held.values(), Decimal(0)) * price * rate).quantize(step) + off * step / 2
    total = booked.quantize(CENT_OF_A_MICRO)

    shares, remainder = funding_shares(total, held, price, rate)

    assert remainder == 0
    assert sum(map(Fraction, shares.values())) == Fraction(total)
    for trader, share in shares.items():
        assert abs(Fraction(share) - owed[trader]) <= Fraction(ROUNDING_USD + CENT_OF_A_MICRO)
        assert share == share.quantize(CENT_OF_A_MICRO)


@given(held=holdings, price=levels, rate=rates)
def test_the_order_in_which_holders_are_named_changes_nothing(
    held: dict[TraderId, Decimal], price: Decimal, rate: Decimal
) -> None:
    total = (-sum(held.values(), Decimal(0)) * price * rate).quantize(Decimal("0.000001"))
    backwards = dict(reversed(held.items()))

    assert funding_shares(total, held, price, rate) == funding_shares(total, backwards, price, rate)


@pytest.mark.parametrize("missing", range(-7, 8))
def test_any_number_of_quanta_is_handed_out_evenly(missing: int) -> None:
    held = {ANN: Decimal(1), BOB: Decimal(1), EVE: Decimal(1)}  # each is owed ten quanta

    shares, remainder = funding_shares(quanta(30 + missing)[0], held, Decimal(1), -10 * CENT_OF_A_MICRO)

    assert remainder == 0
    assert sum(shares.values()) == quanta(30 + missing)[0]
    assert max(shares.values()) - min(shares.values()) <= CENT_OF_A_MICRO
