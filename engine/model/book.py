"""The accounts of one venue account together: traders + reserve + house = venue."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, Decimal

from msgspec import Struct

from engine.model.account import Account, Mark, equity_usd
from engine.model.ids import HOUSE, AccountId, TraderId
from engine.model.position import CENT_OF_A_MICRO, ZERO


class Book(Struct, kw_only=True):
    """All virtual accounts of one venue account, owned and changed by the fold of records alone.

    ``reserve_usd`` is capital nobody trades. ``house`` absorbs what no trader did and is empty unless an incident says
    why it is not.
    """

    account: AccountId
    deposits_usd: Decimal = ZERO
    reserve_usd: Decimal = ZERO
    house: Account = Account(trader=HOUSE)
    traders: dict[TraderId, Account] = {}

    def accounts(self) -> Iterator[Account]:
        """Every account that may hold positions, the house last."""
        yield from self.traders.values()
        yield self.house


def net_quantities(book: Book) -> dict[str, Decimal]:
    """The signed sum of all accounts' positions per coin, in coins; flat coins are left out."""
    net: dict[str, Decimal] = {}
    for account in book.accounts():
        for coin, position in account.positions.items():
            net[coin] = net.get(coin, ZERO) + position.quantity
    return {coin: quantity for coin, quantity in net.items() if quantity != 0}


def gross_notional_by_coin(book: Book, mark: Mark) -> dict[str, Decimal]:
    """The sum over accounts of absolute position values per coin, USD."""
    gross: dict[str, Decimal] = {}
    for account in book.accounts():
        for coin, position in account.positions.items():
            gross[coin] = gross.get(coin, ZERO) + abs(position.quantity) * mark(coin)
    return gross


def total_equity_usd(book: Book, mark: Mark) -> Decimal:
    """Traders + reserve + house, at the mark."""
    return sum((equity_usd(account, mark) for account in book.accounts()), book.reserve_usd)


def funding_shares(
    total_usd: Decimal, quantities: Mapping[TraderId, Decimal], price: Decimal, rate: Decimal
) -> tuple[dict[TraderId, Decimal], Decimal]:
    """What each holder receives of a funding payment, and the remainder that nobody's position explains.

    A holder's own amount is -quantity x price x rate. Amounts are rounded down to the ledger's quantum and what is
    missing is handed out one quantum at a time by largest remainder, so that the parts add up to what the venue booked.
    A difference that rounding cannot explain (the venue booked for another quantity) stays in the remainder.
    """
    exact = {holder: -quantity * price * rate for holder, quantity in quantities.items()}
    shares = {holder: amount.quantize(CENT_OF_A_MICRO, rounding=ROUND_FLOOR) for holder, amount in exact.items()}
    missing = total_usd - sum(shares.values(), ZERO)
    quanta = missing / CENT_OF_A_MICRO
    if not shares or quanta != quanta.to_integral_value() or abs(total_usd - sum(exact.values(), ZERO)) > ROUNDING_USD:
        return shares, missing
    by_remainder = sorted(shares, key=lambda holder: (shares[holder] - exact[holder], holder))
    whole, extra = divmod(int(quanta), len(by_remainder))
    for place, holder in enumerate(by_remainder):
        shares[holder] += CENT_OF_A_MICRO * (whole + (1 if place < extra else 0))
    return shares, ZERO


ROUNDING_USD = Decimal("0.000002")  # venues round a payment to a micro-dollar at the coarsest
