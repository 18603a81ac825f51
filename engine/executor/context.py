"""The context of one slot: everything that a decider may see and that risk may judge, as one value."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import force_setattr

from engine.executor.limits import AccountLimits, Limits
from engine.model.account import Account, Valuation, valued
from engine.model.book import Book
from engine.model.decision import ExitPlan
from engine.model.ids import TraderId
from engine.model.instrument import Instrument
from engine.model.lesson import Lesson
from engine.model.market import MarketSnapshot
from engine.model.order import Side
from engine.model.selection import UNWEIGHED, Selection
from engine.model.standing import Standing
from engine.model.trade import Trade

UNKNOWN = Decimal("NaN")
NOT_VALUED = Valuation(UNKNOWN, UNKNOWN, UNKNOWN)


class PendingOrder(Struct, frozen=True, kw_only=True, gc=False):
    """An order that may still be filled: resting or of unknown outcome; ``remaining`` in coins, ``price`` its limit."""

    client_order_id: str
    trader: TraderId
    coin: str
    side: Side
    remaining: Decimal
    price: Decimal
    unresolved: bool


class Context(Struct, frozen=True, kw_only=True):
    """One trader's view at one instant of a slot.

    ``coins`` are those it may trade and that have a fresh price. ``book`` and ``pending`` are the whole venue account:
    they serve the account-wide caps and are never shown to a model. ``selection`` is that of a selector.
    ``known_equity_usd`` is given where equity need not be worked out from the marks.
    """

    trader: TraderId
    slot_ms: int
    now_ms: int
    interval_ms: int
    coins: tuple[str, ...]
    instruments: Mapping[str, Instrument]
    market: MarketSnapshot
    account: Account
    plans: Mapping[str, ExitPlan]
    standing: Standing
    limits: Limits
    account_limits: AccountLimits
    book: Book
    pending: tuple[PendingOrder, ...] = ()
    recent_trades: tuple[Trade, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    selection: Selection = UNWEIGHED
    known_equity_usd: Decimal | None = None
    known_valuation: Valuation | None = None

    @property
    def equity_usd(self) -> Decimal:
        """The trader's own equity at the marks; NaN where a mark is missing."""
        return self.valuation.equity_usd if self.known_equity_usd is None else self.known_equity_usd

    @property
    def valuation(self) -> Valuation:
        """The trader's account at the marks, worked out when first asked for; NaN where a mark is missing."""
        found = self.known_valuation
        if found is None:
            found = valued(self.account, self.market.marks) or NOT_VALUED
            force_setattr(self, "known_valuation", found)
        return found
