"""Reconciliation: the book against the venue, in quantity exactly and in money to the cent."""

from decimal import Decimal

from msgspec import Struct

from engine.manager.gateway import Gateway
from engine.manager.record import Incident, Observed
from engine.manager.recorder import Recorder
from engine.model.book import Book, net_quantities
from engine.model.ids import AccountId
from engine.model.order import VenueAccount
from engine.model.position import ZERO

CENT = Decimal("0.01")


class QuantityDrift(Struct, frozen=True, kw_only=True, gc=False):
    """The book and the venue hold different quantities of a coin (signed, in coins)."""

    coin: str
    book: Decimal
    venue: Decimal


class MoneyDrift(Struct, frozen=True, kw_only=True, gc=False):
    """The book and the venue disagree about money by more than a cent; both sides without the value of positions."""

    book_usd: Decimal
    venue_usd: Decimal


Drift = QuantityDrift | MoneyDrift


def compare(book: Book, venue: VenueAccount) -> list[Drift]:
    """Every difference between the sum of the virtual accounts and what the venue reports; none when they agree.

    Money is compared as what was paid in minus what positions cost plus everything booked, so that no mark is needed:
    on both sides equity = that amount + signed quantity x mark.
    """
    drifts: list[Drift] = []
    ours = net_quantities(book)
    theirs = {position.coin: position.quantity for position in venue.positions if position.quantity != 0}
    for coin in sorted(ours.keys() | theirs.keys()):
        mine, its = ours.get(coin, ZERO), theirs.get(coin, ZERO)
        if mine != its:
            drifts.append(QuantityDrift(coin=coin, book=mine, venue=its))
    book_usd = settled_usd(book)
    venue_usd = venue.equity_usd - sum(
        (held.quantity * held.entry_price + held.unrealized_usd for held in venue.positions), ZERO
    )
    if not drifts and not abs(book_usd - venue_usd) <= CENT:
        drifts.append(MoneyDrift(book_usd=book_usd, venue_usd=venue_usd))
    return drifts


def settled_usd(book: Book) -> Decimal:
    """All money of the book minus the cost of its positions: what would be left if their value were nothing."""
    total = book.reserve_usd
    for account in book.accounts():
        total += account.cash_usd
        for position in account.positions.values():
            total -= position.cost_usd
    return total


async def reconcile(gateway: Gateway, recorder: Recorder) -> tuple[VenueAccount, list[Drift]]:
    """Read the venue account and compare; an order whose outcome is open explains a difference until it is resolved.

    What was filled a moment ago may show in one read and not yet in the other: a difference counts when it is there
    again after all fills were collected. Money is not compared while funding may have been booked that is still to be
    told.
    """
    state = recorder.state.accounts[gateway.account]
    drifts: list[Drift] = []
    for _ in range(2):
        await gateway.collect()
        await gateway.collect_late_funding()
        venue = await gateway.statement()
        if any(intent.unresolved or intent.expected is not None for intent in state.intents.values()):
            return venue, []
        drifts = compare(state.book, venue)
        if gateway.awaits_funding(venue.time_ms):
            drifts = [drift for drift in drifts if not isinstance(drift, MoneyDrift)]
        if not drifts:
            break
    return venue, drifts


def report_drift(account: AccountId, drifts: list[Drift], venue: VenueAccount, recorder: Recorder) -> None:
    """Say what differs; nothing is adopted by anybody."""
    recorder.say(Observed(account=account, venue=venue))
    for drift in drifts:
        match drift:
            case QuantityDrift():
                what, detail = "quantity_drift", f"{drift.coin}: the book holds {drift.book}, the venue {drift.venue}"
            case MoneyDrift():
                off = drift.book_usd - drift.venue_usd
                what, detail = "money_drift", f"the book has {off:+.8f} USD more than the venue ({drift.venue_usd})"
        recorder.say(Incident(account=account, what=what, detail=detail, severity="critical"))
