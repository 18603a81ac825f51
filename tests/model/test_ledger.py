"""The ledger's identities, over random sequences of fills of several traders in several coins on one book.

Everything is recomputed from the raw fills with fractions, which cannot round, and must agree to the last digit.
"""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.model.account import Account, equity_usd, unrealized_total_usd, with_fill, with_funding
from engine.model.book import Book, net_quantities, total_equity_usd
from engine.model.ids import HOUSE, AccountId, TraderId
from engine.model.order import Fill
from engine.model.trade import Trade, Trip, follow
from tests.model.fills import COINS, TRADERS, Owned, an_account, fills, leverages, marks, owned_fills, payments

CAPITAL = Decimal("10000.12345678")


def a_book() -> Book:
    deposits = 3 * CAPITAL + 500
    book = Book(account=AccountId("sim"), deposits_usd=deposits, reserve_usd=Decimal(500))
    book.traders = {trader: an_account(CAPITAL, trader) for trader in TRADERS}
    return book


def booked(book: Book, owned: Owned, leverage: int = 5) -> None:
    if owned.owner == HOUSE:
        book.house, _ = with_fill(book.house, owned.fill, leverage)
    else:
        book.traders[owned.owner], _ = with_fill(book.traders[owned.owner], owned.fill, leverage)


def account_after(sequence: Iterable[Fill]) -> Account:
    account = an_account(CAPITAL)
    for fill in sequence:
        account, _ = with_fill(account, fill, 5)
    return account


def net_of(sequence: Iterable[Fill]) -> dict[str, Fraction]:
    net = dict.fromkeys(COINS, Fraction(0))
    for fill in sequence:
        net[fill.coin] += Fraction(fill.quantity) * (1 if fill.side == "buy" else -1)
    return net


def profit_of(sequence: Iterable[Fill], prices: dict[str, Decimal]) -> Fraction:
    """What the fills have earned at these prices, fees taken off: money that came in, and what is held by now."""
    own = list(sequence)
    came_in = sum(
        (Fraction(fill.quantity) * Fraction(fill.price) * (-1 if fill.side == "buy" else 1) for fill in own),
        Fraction(0),
    )
    paid = sum((Fraction(fill.fee_usd) for fill in own), Fraction(0))
    worth = sum((quantity * Fraction(prices[coin]) for coin, quantity in net_of(own).items()), Fraction(0))
    return came_in - paid + worth


@given(owned_fills)
def test_traders_and_house_hold_together_what_the_venue_does_at_every_step(sequence: list[Owned]) -> None:
    book = a_book()
    for place, owned in enumerate(sequence, start=1):
        booked(book, owned)

        expected = net_of(each.fill for each in sequence[:place])
        held = net_quantities(book)
        assert {coin: Fraction(quantity) for coin, quantity in held.items()} == {
            coin: quantity for coin, quantity in expected.items() if quantity != 0
        }
        assert all(position.quantity != 0 for account in book.accounts() for position in account.positions.values())


@given(sequence=owned_fills, prices=marks, funding=st.lists(st.tuples(st.sampled_from(TRADERS), payments), max_size=5))
def test_every_account_is_worth_exactly_what_its_own_fills_say(
    sequence: list[Owned], prices: dict[str, Decimal], funding: list[tuple[TraderId, Decimal]]
) -> None:
    book = a_book()
    for owned in sequence:
        booked(book, owned)
    for trader, usd in funding:
        book.traders[trader] = with_funding(book.traders[trader], usd)

    for account in book.accounts():
        own = [owned.fill for owned in sequence if owned.owner == account.trader]
        received = sum((Fraction(usd) for trader, usd in funding if trader == account.trader), Fraction(0))
        equity = equity_usd(account, prices.__getitem__)
        assert Fraction(equity) == Fraction(account.capital_usd) + received + profit_of(own, prices)
        cash = account.capital_usd + account.realized_usd - account.fees_usd + account.funding_usd
        assert account.cash_usd == cash
        assert equity == cash + unrealized_total_usd(account, prices.__getitem__)
        assert {coin: Fraction(held.quantity) for coin, held in account.positions.items()} == {
            coin: quantity for coin, quantity in net_of(own).items() if quantity != 0
        }


@given(sequence=owned_fills, prices=marks)
def test_the_book_is_worth_exactly_what_was_paid_in_and_what_all_fills_earned(
    sequence: list[Owned], prices: dict[str, Decimal]
) -> None:
    book = a_book()
    for owned in sequence:
        booked(book, owned)

    total = total_equity_usd(book, prices.__getitem__)

    assert Fraction(total) == Fraction(book.deposits_usd) + profit_of((each.fill for each in sequence), prices)


@given(sequence=st.lists(fills(), max_size=20))
def test_when_everything_is_closed_cash_is_all_there_is(sequence: list[Fill]) -> None:
    account = account_after(sequence)
    prices = dict.fromkeys(COINS, Decimal("123.456789"))
    before = equity_usd(account, prices.__getitem__)

    for held in list(account.positions.values()):
        closing = closing_fill(held.coin, held.quantity, prices[held.coin])
        account, _ = with_fill(account, closing, 5)

    assert account.positions == {}
    assert account.cash_usd == before


def closing_fill(coin: str, quantity: Decimal, price: Decimal) -> Fill:
    return Fill(
        trade_id="close",
        order_id=0,
        client_order_id=None,
        coin=coin,
        side="sell" if quantity > 0 else "buy",
        quantity=abs(quantity),
        price=price,
        fee_usd=Decimal(0),
        time_ms=0,
    )


@given(sequence=st.lists(fills(), max_size=20), shuffle=st.integers(0, 2**32))
def test_the_order_among_different_coins_does_not_matter(sequence: list[Fill], shuffle: int) -> None:
    queues = {coin: [fill for fill in sequence if fill.coin == coin] for coin in COINS}
    coins = [fill.coin for fill in sequence]
    Random(shuffle).shuffle(coins)

    shuffled = account_after(queues[coin].pop(0) for coin in coins)

    assert shuffled == account_after(sequence)


@given(sequence=st.lists(fills(), max_size=20), leverage=leverages)
def test_leverage_moves_no_money(sequence: list[Fill], leverage: int) -> None:
    account = an_account(CAPITAL)
    for fill in sequence:
        account, _ = with_fill(account, fill, leverage, "isolated")

    assert account.cash_usd == account_after(sequence).cash_usd


@given(sequence=st.lists(fills(), max_size=25))
def test_trades_add_up_to_what_the_account_realised_and_paid(sequence: list[Fill]) -> None:
    account = an_account(CAPITAL)
    trips: dict[str, Trip] = {}
    trades: list[Trade] = []
    realized = dict.fromkeys(COINS, Decimal(0))
    for fill in sequence:
        account, gained = with_fill(account, fill, 5)
        realized[fill.coin] += gained
        trip, trade = follow(trips.pop(fill.coin, None), fill, 5, "decision")
        if trip is not None:
            trips[fill.coin] = trip
        if trade is not None:
            trades.append(trade)

        open_fees = [trip.entry_fee_usd + trip.exit_fee_usd for trip in trips.values()]
        assert (
            sum((trade.gross_usd - trade.net_usd for trade in trades), sum(open_fees, Decimal(0))) == account.fees_usd
        )
        assert {coin: trip.direction * (trip.entry_quantity - trip.exit_quantity) for coin, trip in trips.items()} == {
            coin: held.quantity for coin, held in account.positions.items()
        }
        if fill.coin not in trips:  # flat: every dollar that this coin realised is in its trades
            of_coin = [trade for trade in trades if trade.coin == fill.coin]
            assert sum(trade.gross_usd for trade in of_coin) == realized[fill.coin]
    if not trips:
        assert sum(trade.net_usd for trade in trades) == account.realized_usd - account.fees_usd


@given(sequence=st.lists(fills(), max_size=20))
def test_folding_does_not_change_what_was_before(sequence: list[Fill]) -> None:
    history = [an_account(CAPITAL)]
    for fill in sequence:
        history.append(with_fill(history[-1], fill, 5)[0])

    again = [account_after(sequence[:place]) for place in range(len(sequence) + 1)]

    assert history == again
