"""Funding: what the venue books on a net position, split among the virtual positions that make it up."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from engine.manager.record import Funded
from engine.model.book import Book, funding_shares
from engine.model.ids import HOUSE, TraderId
from engine.model.market import MarketSnapshot
from engine.model.order import FundingPayment
from engine.model.position import ZERO


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
        quantities = {
            account.trader: account.positions[coin].quantity for account in book.accounts() if coin in account.positions
        }
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


def _split(
    book: Book,
    coin: str,
    hour_ms: int,
    total: Decimal,
    quantities: dict[TraderId, Decimal],
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
