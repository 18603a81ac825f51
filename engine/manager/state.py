"""State: what a fold of records yields (``engine.manager.fold``); everybody but the fold only reads it."""

from decimal import Decimal

from msgspec import Struct, field

from engine.executor.context import PendingOrder
from engine.manager import record as r
from engine.model.account import Account
from engine.model.book import Book
from engine.model.decision import ExitPlan
from engine.model.ids import AccountId, TraderId
from engine.model.lesson import Lesson
from engine.model.order import Envelope, MarginMode, Order
from engine.model.position import ZERO
from engine.model.selection import UNWEIGHED, Selection
from engine.model.spending import Spending, Usage
from engine.model.standing import Standing
from engine.model.trade import CloseReason, Trade, Trip


class OpenIntent(Struct, kw_only=True, gc=False):
    """An intent whose end the journal does not know yet. ``reported`` tells whether the venue answered at all."""

    trader: TraderId
    client_order_id: str
    envelope: Envelope
    filled: Decimal = ZERO
    expected: Decimal | None = None
    reported: bool = False
    unresolved: bool = True


class Origin(Struct, frozen=True, kw_only=True, gc=False):
    """Where an order came from: whose it is, why it was sent, and on what terms its fills are booked."""

    trader: TraderId
    reason: CloseReason
    leverage: int
    mode: MarginMode
    plan: ExitPlan | None
    sent_ms: int


class AccountState(Struct, kw_only=True):
    """One venue account: its book, what is under way on it, and how far its fills and funding have been read.

    What the venue executed before ``opened_ms`` is none of the arena's.
    Every hour up to ``funded_until_ms`` is funded in all coins; ``funded_ms`` is the last hour funded in each coin.
    """

    book: Book
    intents: dict[str, OpenIntent] = {}
    origins: dict[str, Origin] = {}
    leverage: dict[str, int] = {}
    opened_ms: int = 0
    fills_until_ms: int = 0
    fills_seen: dict[str, int] = {}
    funded_until_ms: int = 0
    funded_ms: dict[str, int] = {}
    incidents: int = 0
    alarms: int = 0
    alarms_heeded: int = 0  # those before the last halt, or before it was lifted
    rebalanced_ms: int = 0


class PromptInForce(Struct, frozen=True, kw_only=True, gc=False):
    """The templates of a trader's last prompt: names and versions, and the digest of their text."""

    version: str
    templates: str


class TraderState(Struct, kw_only=True):
    """One trader: its terms, standing, exit plans, round trips under way and the last trades it completed.

    ``unlearned`` holds the trades whose lesson is not in the journal yet, each with the plan that it ended under.
    ``ask`` is the most that one call of the open slot may use, while some of that is reserved; ``unsettled`` holds, by
    slot, what calls of this day may have used whose answer never came. ``stand_in`` is who answers for the trader's own
    model at present, empty when it answers itself. ``selection`` is a selector's, in force since its last change.
    """

    terms: r.TraderTerms
    standing: Standing
    plans: dict[str, ExitPlan] = {}
    trips: dict[str, Trip] = {}
    recent_trades: tuple[Trade, ...] = ()
    unlearned: tuple[tuple[Trade, ExitPlan | None], ...] = ()
    lessons: tuple[Lesson, ...] = ()
    prompt: PromptInForce | None = None
    open_slot_ms: int | None = None
    spending: Spending = field(default_factory=Spending)
    ask: Usage | None = None
    unsettled: dict[int, Usage] = {}
    stand_in: str = ""
    selection: Selection = UNWEIGHED


class State(Struct, kw_only=True):
    """Everything that decisions depend on, and nothing else. Owned by the fold; everybody else reads."""

    epoch: int = 0
    config_version: int = 0
    config: str = ""
    last_ts: int = 0
    accounts: dict[AccountId, AccountState] = {}
    traders: dict[TraderId, TraderState] = {}
    prices: dict[str, Decimal] = {}
    spending: Spending = field(default_factory=Spending)
    halted: str = ""
    unended_starts: tuple[int, ...] = ()

    def account_of(self, trader: str) -> AccountState:
        """The venue account on which a trader trades."""
        return self.accounts[AccountId(self.traders[TraderId(trader)].terms.account)]

    def ledger(self, trader: str) -> Account:
        """A trader's virtual account."""
        return self.account_of(trader).book.traders[TraderId(trader)]

    def pending(self, account: str) -> tuple[PendingOrder, ...]:
        """The orders of a venue account that may still be filled."""
        intents = self.accounts[AccountId(account)].intents
        if not intents:
            return ()
        return tuple(
            PendingOrder(
                client_order_id=intent.client_order_id,
                trader=intent.trader,
                coin=intent.envelope.action.coin,
                side=intent.envelope.action.side,
                remaining=intent.envelope.action.quantity - intent.filled,
                price=intent.envelope.action.limit_price,
                unresolved=intent.unresolved,
            )
            for intent in intents.values()
            if isinstance(intent.envelope.action, Order)
        )
