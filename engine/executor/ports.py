"""What the executor asks of the outside: a chat model; and what a strategy must offer."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.model.decision import Decision
from engine.model.market import Column

Columns = Mapping[Column, NDArray[np.float64]]


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Reply(Struct, frozen=True, kw_only=True, gc=False):
    """What a model answered: its raw bytes untouched, what it cost, and who it says it is.

    ``prompt_tokens`` contains ``cached_tokens``, those that the endpoint had kept from an earlier call. ``model`` and
    ``fingerprint`` are what the endpoint returned, for a stand-in that says nothing ``model`` is its configured name.
    ``swapped_from`` names the model of the configuration that was asked first, when another one answered in its place;
    ``attempts`` counts the calls that it took, of all models. ``cost_usd`` is the price of them all.
    ``structured`` says that the endpoint held the reply to the contract, ``from_cache`` that nobody was called: the
    same messages were answered so a moment ago.
    """

    raw: bytes
    model: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    latency_ms: int = 0
    fingerprint: str = ""
    swapped_from: str = ""
    attempts: int = 1
    structured: bool = False
    from_cache: bool = False


Unavailability = Literal["", "auth", "quota", "budget", "recording", "open", "timeout"]


class ModelUnavailable(Exception):
    """No reply was to be had; the message says why.

    ``kind`` is what whoever asked can act upon: ``auth`` (the key is missing or refused), ``quota`` (the account
    behind the key is spent), ``budget`` (our own limit), ``recording`` (nothing was recorded for these messages),
    ``open`` (the circuit breaker lets no call through), ``timeout`` (no answer in time), or nothing of these. Tokens
    and cost are those of calls that were paid for and yet gave no reply.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Unavailability = "",
        cost_usd: Decimal = Decimal(0),
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> None:
        super().__init__(message)
        self.kind: Unavailability = kind
        self.cost_usd = cost_usd
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens


class ChatModel(Protocol):
    """A chat model behind whatever transport."""

    @property
    def name(self) -> str:
        """The name by which the configuration calls it."""
        ...

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """The most that one reply can cost."""
        ...

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The model's reply. Raises ``ModelUnavailable``."""
        ...


class Strategy(Protocol):
    """Decisions without a language model.

    ``columns`` are the indicator columns it reads through ``context.market.window(coin)``. ``points`` names, per coin,
    the bars after whose close ``decide`` might do anything but hold, as a mask over the bars; a strategy that depends
    on more than closed bars returns ``None`` and is asked at every slot.
    """

    @property
    def name(self) -> str:
        """The name by which the configuration calls it."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns it reads."""
        ...

    def decide(self, context: Context) -> Sequence[Decision]:
        """At most one decision a coin; coins left out are held."""
        ...

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where ``decide`` may want to act on this coin."""
        ...
