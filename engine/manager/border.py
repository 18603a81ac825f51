"""The border: what a venue says is looked at here before anything of it is written down or reckoned with."""

from decimal import Decimal

from engine.model.order import (
    Accepted,
    Action,
    Canceled,
    Fill,
    FundingPayment,
    Order,
    OrderReport,
    Unresolved,
    VenueAccount,
)
from engine.model.position import ZERO

MOST = Decimal("1E15")  # no size, price or amount lies beyond
EARLIEST_MS = 1_000_000_000_000  # 2001: an instant before it was counted in seconds
AHEAD_MS = 60_000  # a venue's clock may be that far ahead of ours


def is_bookable(fill: Fill, now_ms: int) -> bool:
    """Whether every number of a fill is one that can be booked: once booked it is in the journal for good."""
    try:
        return (
            type(fill.quantity) is type(fill.price) is type(fill.fee_usd) is Decimal
            and ZERO < fill.quantity <= MOST
            and ZERO < fill.price <= MOST
            and -MOST <= fill.fee_usd <= MOST
            and type(fill.time_ms) is int
            and EARLIEST_MS <= fill.time_ms <= now_ms + AHEAD_MS  # the next read begins where the last fill was
            and (fill.side == "buy" or fill.side == "sell")
            and type(fill.trade_id) is str
            and fill.trade_id != ""
        )
    except ArithmeticError:  # Decimal does not compare what is no number
        return False


def is_payable(payment: FundingPayment) -> bool:
    """Whether every number of a funding payment is one that can be split and booked."""
    return _are_numbers(payment.usd, payment.quantity, payment.rate, payment.price)


def is_readable(venue: VenueAccount, now_ms: int) -> bool:
    """Whether every number of an account's report is one, and its instant one that can be: else it never grows old."""
    money = (venue.equity_usd, venue.margin_used_usd, venue.maintenance_usd, venue.withdrawable_usd)
    held = [(found.quantity, found.entry_price, found.unrealized_usd) for found in venue.positions]
    return (
        type(venue.time_ms) is int
        and EARLIEST_MS <= venue.time_ms <= now_ms + AHEAD_MS
        and _are_numbers(*money, venue.deposits_usd)
        and all(_are_numbers(*numbers) for numbers in held)
    )


def believed(report: OrderReport, action: Action) -> OrderReport:
    """The report, or that nothing is known when it tells of a quantity that cannot have been filled."""
    if type(report) is not Accepted and type(report) is not Canceled:
        return report
    filled = report.filled_quantity
    most = action.quantity if type(action) is Order else MOST
    if type(filled) is Decimal and filled.is_finite() and ZERO <= filled <= most:
        return report
    return Unresolved(detail=f"the venue says that {filled} was filled, of {most} at most")


def _are_numbers(*numbers: Decimal) -> bool:
    return all(type(number) is Decimal and number.is_finite() and abs(number) <= MOST for number in numbers)
