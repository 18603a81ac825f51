"""Orders and what a venue answers to them."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

Side = Literal["buy", "sell"]
OrderStyle = Literal["market_ioc", "limit_ioc", "limit_gtc", "post_only", "stop_market", "take_profit_market"]
Liquidity = Literal["maker", "taker"]
MarginMode = Literal["cross", "isolated"]


class Order(Struct, frozen=True, kw_only=True, gc=False, tag="order"):
    """One order as it is sent to a venue.

    ``quantity`` is positive, in coins, on the lot. ``limit_price`` is the worst price that is accepted: for
    ``market_ioc`` the mark moved by the allowed slippage. Trigger styles rest until ``trigger_price`` is touched.
    ``expires_ms`` ends a resting order by itself.
    """

    client_order_id: str
    coin: str
    side: Side
    quantity: Decimal
    style: OrderStyle
    limit_price: Decimal
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    expires_ms: int | None = None


class Cancel(Struct, frozen=True, kw_only=True, gc=False, tag="cancel"):
    """The wish that a resting order ends. ``client_order_id`` names the order to cancel."""

    client_order_id: str
    coin: str


class SetLeverage(Struct, frozen=True, kw_only=True, gc=False, tag="leverage"):
    """The leverage and margin mode of one coin on the venue account."""

    coin: str
    leverage: int
    mode: MarginMode = "cross"


Action = Order | Cancel | SetLeverage


class Envelope(Struct, frozen=True, kw_only=True, gc=False):
    """An action with everything that makes sending it unrepeatable: the venue's nonce and the end of its validity.

    ``expires_after_ms`` is the venue time after which the venue refuses the envelope; ``None`` where it cannot.
    """

    action: Action
    nonce: int
    expires_after_ms: int | None = None


class Fill(Struct, frozen=True, kw_only=True, gc=False):
    """One execution as the venue reports it: ``quantity`` positive in coins, ``fee_usd`` positive when paid.

    ``client_order_id`` is ``None`` where nobody's order caused it (liquidation, auto-deleveraging, a manual trade).
    """

    trade_id: str
    order_id: int
    client_order_id: str | None
    coin: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee_usd: Decimal
    time_ms: int
    liquidity: Liquidity = "taker"
    liquidation: bool = False

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a purchase, negative for a sale."""
        return self.quantity if self.side == "buy" else -self.quantity


class Accepted(Struct, frozen=True, kw_only=True, gc=False, tag="accepted"):
    """The venue took the action. ``filled_quantity`` is what was executed at once; the rest rests if ``resting``."""

    order_id: int = 0
    filled_quantity: Decimal = Decimal(0)
    resting: bool = False


class Rejected(Struct, frozen=True, kw_only=True, gc=False, tag="rejected"):
    """The venue refused the action for good; ``code`` is the venue's own word."""

    code: str
    detail: str = ""


class Canceled(Struct, frozen=True, kw_only=True, gc=False, tag="canceled"):
    """The order ended without being filled completely."""

    order_id: int = 0
    reason: str
    filled_quantity: Decimal = Decimal(0)


class Unresolved(Struct, frozen=True, kw_only=True, gc=False, tag="unresolved"):
    """Nobody knows whether the venue took the action; only evidence may end this state."""

    detail: str


OrderReport = Accepted | Rejected | Canceled | Unresolved


class VenuePosition(Struct, frozen=True, kw_only=True, gc=False):
    """A net position as the venue reports it; ``quantity`` signed, ``liquidation_price`` ``None`` when unreachable."""

    coin: str
    quantity: Decimal
    entry_price: Decimal
    unrealized_usd: Decimal
    margin_used_usd: Decimal
    leverage: int
    mode: MarginMode = "cross"
    liquidation_price: Decimal | None = None


class VenueAccount(Struct, frozen=True, kw_only=True):
    """A venue account as the venue reports it at ``time_ms``; money in USD, ``deposits_usd`` all money ever paid in."""

    time_ms: int
    equity_usd: Decimal
    margin_used_usd: Decimal
    maintenance_usd: Decimal
    withdrawable_usd: Decimal
    deposits_usd: Decimal
    positions: tuple[VenuePosition, ...] = ()
    open_orders: tuple[Order, ...] = ()


class FundingPayment(Struct, frozen=True, kw_only=True, gc=False):
    """Funding that the venue booked on a net position: ``usd`` positive when received, ``rate`` a fraction."""

    coin: str
    time_ms: int
    usd: Decimal
    quantity: Decimal
    rate: Decimal
    price: Decimal
