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
    """What a model answered: its raw bytes untouched, what it cost, and who it says it is."""

    raw: bytes
    model: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    latency_ms: int = 0


class ModelUnavailable(Exception):
    """No reply was to be had; the message says why."""


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
