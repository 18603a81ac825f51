"""Funding: what the venue books on a net position, split among the virtual positions that make it up."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

from engine.manager.record import Funded
from engine.manager.state import AccountState
from engine.model.book import Book, funding_shares
from engine.model.ids import HOUSE, TraderId
from engine.model.market import MarketSnapshot
from engine.model.order import FundingPayment
from engine.model.position import ZERO

Holdings = Mapping[tuple[int, str], Mapping[TraderId, Decimal]]  # by hour and coin: the traders' signed quantities


def funded(
    book: Book,
    hour_ms: int,
    paid: Mapping[tuple[int, str], FundingPayment],
    look: Callable[[int], MarketSnapshot],
) -> Iterator[Funded]:
    """The funding records of one full hour, one a coin that anybody holds or that the venue booked for.

    Where long and short traders net to nothing the venue books nothing, and yet one owes the other: the rate and mark
    of the market then decide, and the shares add up to zero. A coin whose rate nobody knows is not funded.
    """
    booked = [coin for time_ms, coin in paid if time_ms == hour_ms]
    for coin in dict.fromkeys([*_held(book), *booked]):
        quantities = _quantities(book, coin)
        payment = paid.get((hour_ms, coin))
        if payment is not None:
            total, price, rate = payment.usd, payment.price, payment.rate
        elif sum(quantities.values(), ZERO) == 0:
            found = look(hour_ms).coin(coin)
            if found is None or found.funding_rate is None:
                continue
            total, price, rate = ZERO, found.mark, found.funding_rate
        else:
            continue
        yield _split(book, coin, hour_ms, total, quantities, price, rate)


def funded_late(
    account: AccountState, payments: Iterable[FundingPayment], before_ms: int, paid: Holdings
) -> Iterator[Funded]:
    """The funding records of payments for hours before ``before_ms`` that were told after these hours were funded.

    ``paid`` tells who held what in such an hour; where it does not, those who hold the coin now share it, and what
    their positions do not explain is the house's.
    """
    for payment in sorted(payments, key=lambda one: (one.time_ms, one.coin)):
        known_ms = max(account.opened_ms, account.funded_ms.get(payment.coin, 0))
        if known_ms < payment.time_ms < before_ms:
            held = paid.get((payment.time_ms, payment.coin))
            quantities = _quantities(account.book, payment.coin) if held is None else held
            yield _split(
                account.book, payment.coin, payment.time_ms, payment.usd, quantities, payment.price, payment.rate
            )


def untold(book: Book, hour_ms: int, paid: Mapping[tuple[int, str], FundingPayment]) -> Holdings:
    """Who holds what in an hour in the coins that the venue has booked nothing for, as far as it tells by now."""
    return {(hour_ms, coin): _quantities(book, coin) for coin in _held(book) if (hour_ms, coin) not in paid}


def _quantities(book: Book, coin: str) -> dict[TraderId, Decimal]:
    return {
        account.trader: account.positions[coin].quantity for account in book.accounts() if coin in account.positions
    }


def _split(
    book: Book,
    coin: str,
    hour_ms: int,
    total: Decimal,
    quantities: Mapping[TraderId, Decimal],
    price: Decimal,
    rate: Decimal,
) -> Funded:
    shares, remainder = funding_shares(total, quantities, price, rate)
    house = shares.pop(HOUSE, ZERO) + remainder
    return Funded(
        account=book.account, coin=coin, time_ms=hour_ms, total_usd=total, shares=dict(shares.items()), house_usd=house
    )


def _held(book: Book) -> list[str]:
    return list(dict.fromkeys(coin for account in book.accounts() for coin in account.positions))
