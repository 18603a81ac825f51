"""Fills as a test writes them down, and random sequences of them: several traders, several coins, exact numbers."""

from decimal import Decimal
from typing import NamedTuple

from hypothesis import strategies as st

from engine.model.account import Account
from engine.model.ids import HOUSE, TraderId
from engine.model.order import Fill, Liquidity, Side

ANN, BOB, EVE = TraderId("ann"), TraderId("bob"), TraderId("eve")
TRADERS = (ANN, BOB, EVE)
COINS = ("BTC", "ETH", "DOGE")


def exact(*numbers: object) -> tuple[Decimal, ...]:
    """The numbers as decimals, to be compared with what the ledger holds."""
    return tuple(Decimal(str(number)) for number in numbers)


def a_fill(
    side: Side,
    quantity: object,
    price: object,
    *,
    fee: object = 0,
    coin: str = "BTC",
    time_ms: int = 0,
    trade_id: str = "1",
    order_id: int = 1,
    liquidity: Liquidity = "taker",
    liquidation: bool = False,
) -> Fill:
    """A fill; quantity, price and fee as they are written down."""
    return Fill(
        trade_id=trade_id,
        order_id=order_id,
        client_order_id=None,
        coin=coin,
        side=side,
        quantity=Decimal(str(quantity)),
        price=Decimal(str(price)),
        fee_usd=Decimal(str(fee)),
        time_ms=time_ms,
        liquidity=liquidity,
        liquidation=liquidation,
    )


def an_account(capital: object = 0, trader: TraderId = ANN) -> Account:
    """An account with its capital, a unit a dollar."""
    return Account(trader=trader, capital_usd=Decimal(str(capital)), units=Decimal(str(capital)))


# Small numbers often, so that positions close exactly and flip; long ones as well, so that quotients do not end.
quantities = st.one_of(
    st.integers(1, 4).map(Decimal),
    st.decimals(Decimal("0.00001"), Decimal(1000), places=5, allow_nan=False),
)
prices = st.one_of(
    st.integers(90, 110).map(Decimal),
    st.decimals(Decimal("0.000001"), Decimal(200_000), places=6, allow_nan=False),
)
fees = st.decimals(Decimal("-0.5"), Decimal(50), places=8, allow_nan=False)
payments = st.decimals(Decimal(-100), Decimal(100), places=8, allow_nan=False)
marks = st.fixed_dictionaries(dict.fromkeys(COINS, prices))
leverages = st.integers(1, 50)


@st.composite
def fills(draw: st.DrawFn, coins: tuple[str, ...] = COINS) -> Fill:
    """One fill."""
    return a_fill(
        draw(st.sampled_from(("buy", "sell"))),
        draw(quantities),
        draw(prices),
        fee=draw(fees),
        coin=draw(st.sampled_from(coins)),
        liquidation=draw(st.booleans()),
    )


class Owned(NamedTuple):
    """A fill, and whose it is."""

    owner: TraderId
    fill: Fill


owned_fills = st.lists(st.builds(Owned, st.sampled_from((*TRADERS, HOUSE)), fills()), max_size=25)
