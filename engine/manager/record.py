"""The kinds of record: everything that happens is said by one of these, and nothing happens that is not said."""

from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

from engine.executor.grounding import Grounding
from engine.model.decision import Decision, ExitPlan, Verdict
from engine.model.ids import AccountId, TraderId
from engine.model.lesson import Lesson
from engine.model.order import Envelope, Fill, MarginMode, OrderReport, VenueAccount
from engine.model.selection import Selection

Cause = Literal["decision", "stop", "target", "liquidation", "operator", "leverage", "cancel"]
Outcome = Literal["acted", "denied", "held", "failed", "skipped", "interrupted"]
Severity = Literal["warning", "critical"]


class Started(Struct, frozen=True, kw_only=True):
    """The engine began an epoch: one process, one writer."""

    epoch: int
    version: str
    deployment: str


class Stopped(Struct, frozen=True, kw_only=True):
    """The engine ended on purpose."""

    reason: str


class TraderTerms(Struct, frozen=True, kw_only=True):
    """What the journal must know of a trader to replay it; ``inception`` capital comes by ``Transferred``."""

    trader: str
    name: str
    account: str
    kind: Literal["direct", "selector", "strategy", "baseline"]
    decider: str
    interval_ms: int
    cooldown_ms: int | None = None
    benchmark: bool = False
    auto_start: bool = True


class Configured(Struct, frozen=True, kw_only=True):
    """The configuration in force: redacted text, templates and instruments as bodies, and the traders' terms."""

    config: str
    version: int
    traders: tuple[TraderTerms, ...]


class Snapshot(Struct, frozen=True, kw_only=True):
    """One look at the market, shared by all traders that decide at this instant; ``body`` refers to the coins."""

    time_ms: int
    body: str


class Observed(Struct, frozen=True, kw_only=True):
    """The venue account as the venue reports it."""

    account: str
    venue: VenueAccount


class SlotOpened(Struct, frozen=True, kw_only=True, gc=False):
    """A trader began to decide; its model may be called ``asks`` times.

    ``reserved_usd`` and ``reserved_tokens`` are the most that all these calls together may cost. No tokens are reserved
    for a model that no budget counts.
    """

    slot_ms: int
    reserved_usd: Decimal = Decimal(0)
    reserved_tokens: int = 0
    asks: int = 0


class Answered(Struct, frozen=True, kw_only=True):
    """A model replied, usable or not, in time or late: what was paid for is kept.

    ``raw`` is the reply's text; where the bytes are not valid text ``raw`` is empty and ``raw_base64`` holds them.
    ``model`` and ``fingerprint`` are what the endpoint returned; ``swapped_from`` names the model that was asked when
    another answered for it. ``failure`` says why there is no reply, though calls were paid for. ``metered`` tells
    whether a budget counts the tokens (``cached_tokens`` are some of the prompt's) and the cost.
    """

    slot_ms: int
    model: str
    raw: str
    raw_base64: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    latency_ms: int = 0
    late: bool = False
    fingerprint: str = ""
    swapped_from: str = ""
    attempts: int = 1
    structured: bool = False
    from_cache: bool = False
    failure: str = ""
    metered: bool = False


class Planned(Struct, frozen=True, kw_only=True):
    """What was shown, what was decided and what became of each decision.

    ``first_look`` and ``second_look`` are the instants of the two looks (``Snapshot.time_ms``); ``prompt`` refers to
    the rendered messages; ``prompt_digest`` names them and their templates exactly, ``prompt_templates`` the text of
    the templates alone, ``prompt_version`` the templates for people. ``thoughts`` is the model's chain of thought,
    ``summary`` its own conclusion; ``grounding`` counts the numbers in its words.
    """

    slot_ms: int
    first_look: int
    second_look: int
    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]
    prompt: str = ""
    prompt_digest: str = ""
    prompt_version: str = ""
    prompt_templates: str = ""
    grounding: Grounding | None = None
    summary: str = ""
    thoughts: str = ""


class Selected(Struct, frozen=True, kw_only=True):
    """What a selector's strategies weigh and hold from this slot on; said when something of it changed."""

    slot_ms: int
    selection: Selection


class Intended(Struct, frozen=True, kw_only=True, gc=False):
    """Something is about to leave for a venue. Durable before its first byte does.

    ``client_order_id`` names the intent (for an order it is the order's own id). ``plan`` is how a position that this
    opens is to end.
    """

    account: AccountId
    client_order_id: str
    cause: Cause
    reference: str
    envelope: Envelope
    leverage: int = 1
    mode: MarginMode = "cross"
    plan: ExitPlan | None = None


class Reported(Struct, frozen=True, kw_only=True, gc=False):
    """What the venue said about an intent, and on what evidence when the answer came late."""

    account: AccountId
    client_order_id: str
    report: OrderReport
    evidence: str = ""


class Filled(Struct, frozen=True, kw_only=True, gc=False):
    """One venue fill, the only source of positions and trades. The entry's trader is who ordered it (or the house)."""

    account: AccountId
    fill: Fill


class Learned(Struct, frozen=True, kw_only=True, gc=False):
    """A trade of a trader closed: what had been planned for it, and what came."""

    lesson: Lesson


class Funded(Struct, frozen=True, kw_only=True):
    """One funding stamp of one coin: what the venue booked, and how it was split."""

    account: str
    coin: str
    time_ms: int
    total_usd: Decimal
    shares: dict[str, Decimal]
    house_usd: Decimal


class Liquidated(Struct, frozen=True, kw_only=True):
    """A trader's virtual account could not carry its positions any longer: it is closed out and frozen."""

    account: str
    coins: tuple[str, ...]
    equity_usd: Decimal
    maintenance_usd: Decimal


class Transferred(Struct, frozen=True, kw_only=True):
    """Capital moved between venue deposits, reserve, house and traders; ``equity_usd`` values a trader's units.

    ``source`` and ``target`` are trader ids, ``reserve``, ``house`` or ``venue`` (money paid in or out of the account).
    """

    account: str
    source: str
    target: str
    usd: Decimal
    source_equity_usd: Decimal = Decimal(0)
    target_equity_usd: Decimal = Decimal(0)
    why: str


class SlotClosed(Struct, frozen=True, kw_only=True, gc=False):
    """The one outcome of a slot. ``until_ms`` closes a range of slots that nobody was there to open.

    ``unsettled_usd`` and ``unsettled_tokens`` are the most that a call may have cost whose answer did not come.
    """

    slot_ms: int
    outcome: Outcome
    why: str = ""
    until_ms: int | None = None
    latency_ms: int = 0
    unsettled_usd: Decimal = Decimal(0)
    unsettled_tokens: int = 0


class Marked(Struct, frozen=True, kw_only=True, gc=False):
    """A point of a trader's equity curve; ``prices`` are the marks of the coins it holds."""

    equity_usd: Decimal
    unrealized_usd: Decimal
    margin_used_usd: Decimal
    nav: float
    prices: dict[str, Decimal]


class Priced(Struct, frozen=True, kw_only=True):
    """The marks of all coins at one instant, for readers of the journal that draw prices and benchmarks."""

    prices: dict[str, Decimal]


class Incident(Struct, frozen=True, kw_only=True):
    """Something that no trader did, or that should not be: what, where, how much, and what was done about it."""

    account: str
    what: str
    detail: str
    severity: Severity = "warning"


class Control(Struct, frozen=True, kw_only=True):
    """A command and where it came from; ``until_ms`` ends a pause by itself.

    ``halt`` and ``lift`` concern the whole arena; ``mode`` is how strong the halt is.
    """

    command: Literal["start", "pause", "resume", "stop", "stopped", "flatten", "error", "halt", "lift"]
    reason: str
    by: str
    request: str = ""
    until_ms: int | None = None
    mode: str = ""


Record = (
    Started
    | Stopped
    | Configured
    | Snapshot
    | Observed
    | SlotOpened
    | Answered
    | Planned
    | Selected
    | Intended
    | Reported
    | Filled
    | Learned
    | Funded
    | Liquidated
    | Transferred
    | SlotClosed
    | Marked
    | Priced
    | Incident
    | Control
)

KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in Record.__args__}

_encoder = msgspec.json.Encoder()
_decoders = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """A record in its place: sequence number, instant, and the trader it concerns (``None`` for the arena itself)."""

    seq: int
    ts: int
    trader: TraderId | None
    record: Record


class RecordUnreadable(Exception):
    """A journal line says something that this version cannot read; the message names kind and reason."""


def kind_of(record: Record) -> str:
    """The kind's name as the journal writes it."""
    return type(record).__name__


def encode(record: Record) -> bytes:
    """The record's data as compact JSON; money as strings."""
    return _encoder.encode(record)


def decode(kind: str, data: bytes) -> Record:
    """The record of a journal line. Raises ``RecordUnreadable``."""
    decoder = _decoders.get(kind)
    if decoder is None:
        raise RecordUnreadable(f"record kind {kind!r} is unknown; known: {', '.join(KINDS)}")
    try:
        record: Record = decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise RecordUnreadable(f"a {kind} record does not have its shape: {error}") from error
    return record
