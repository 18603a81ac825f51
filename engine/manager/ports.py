"""What the manager asks of the outside: a market, a venue, a journal, and readers of what it says."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from engine.manager.record import Entry
from engine.model.instrument import Instrument
from engine.model.market import Column, MarketSnapshot
from engine.model.order import Action, Envelope, Fill, FundingPayment, OrderReport, VenueAccount

# Fields of a coin snapshot that a provider may lack; a limit that needs a lacking one refuses to load.
MARKET_FIELDS = ("open_interest", "volume", "funding_rate", "oracle")


class MarketProvider(Protocol):
    """Prices in."""

    @property
    def coins(self) -> tuple[str, ...]:
        """The coins it knows."""
        ...

    @property
    def lacks(self) -> frozenset[str]:
        """The market fields it never has."""
        ...

    def declare(self, columns: Sequence[Column]) -> None:
        """Say before the first look which columns will be read."""
        ...

    def look(self, now_ms: int) -> MarketSnapshot:
        """The latest view of the market at ``now_ms``; a synchronous read, never of anything later."""
        ...

    async def refresh(self, now_ms: int) -> None:
        """Fetch what has changed; providers that hold everything already return at once."""
        ...


class VenueUnreachable(Exception):
    """A read of the venue failed; nothing follows from it but that nothing new is known. The message says why."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a venue can promise about an envelope whose answer was lost."""

    bounded_acceptance: bool = False  # envelopes expire at a venue time
    nonce_fence: bool = False  # a no-op on the same nonce proves that the order can never execute
    trigger_orders: bool = False  # stops can rest at the venue
    fills_late_ms: int = 600_000  # how long after its time a fill may still turn up in what the venue tells
    funding_late_ms: int = 900_000  # how long after its hour a funding booking may; below an hour


class ExchangeProvider(Protocol):
    """Orders out: one venue account."""

    @property
    def account_id(self) -> str:
        """The venue account's name in the configuration."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can bound."""
        ...

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """The instruments by coin."""
        ...

    def prepare(self, action: Action, now_ms: int) -> Envelope:
        """Give the action its nonce and expiry; no I/O."""
        ...

    def advance(self, now_ms: int) -> None:
        """Tell a simulated venue what time it is; for a real one its own time passes and this does nothing."""
        ...

    def skip(self, now_ms: int) -> None:
        """As ``advance``, on the caller's word that meanwhile no price came near a liquidation; nothing may rest."""
        ...

    @property
    def has_resting(self) -> bool:
        """Whether an order rests at the venue."""
        ...

    async def submit(self, envelope: Envelope) -> OrderReport:
        """Send once. Whatever leaves the outcome open is the value ``Unresolved``, never an exception."""
        ...

    async def fence(self, envelope: Envelope) -> Literal["fenced", "consumed"] | None:
        """Use up the envelope's nonce by a no-op, so that it can never execute any more.

        ``fenced``: it did not and never will. ``consumed``: the nonce was used before. ``None``: it is not known.
        """
        ...

    async def find(self, client_order_id: str) -> OrderReport | None:
        """What the venue knows of an order, ``None`` when it says nothing. Raises ``VenueUnreachable``."""
        ...

    async def fills(self, since_ms: int) -> Sequence[Fill]:
        """All fills from ``since_ms`` on, oldest first; the caller drops what it has. Raises ``VenueUnreachable``."""
        ...

    async def funding(self, since_ms: int) -> Sequence[FundingPayment]:
        """All funding bookings at or after ``since_ms``, oldest first. Raises ``VenueUnreachable``."""
        ...

    async def account(self) -> VenueAccount:
        """The account as the venue sees it now. Raises ``VenueUnreachable``."""
        ...

    async def time(self) -> int:
        """The venue's clock, ms UTC. Raises ``VenueUnreachable``."""
        ...


class Journal(Protocol):
    """The one log. ``append`` orders and never waits; nothing may act on a record before it is durable."""

    def append(self, kind: str, data: bytes, ts: int, trader: str | None) -> int:
        """Put a record in its place and return its sequence number."""
        ...

    async def durable(self, seq: int) -> None:
        """Return once the record is on disk."""
        ...

    def body(self, kind: str, data: bytes, ts: int) -> str:
        """Store a large shared body once and return what to refer to it by."""
        ...


class Sink(Protocol):
    """A reader of records, fed in order after they were folded."""

    def entry(self, entry: Entry) -> None:
        """Take one entry."""
        ...
