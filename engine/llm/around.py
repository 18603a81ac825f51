"""What stands around a chat model: a model like the one inside, with one thing more."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.executor.ports import ChatModel, Message, Reply


class Around:
    """A chat model that passes everything on."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """The name by which the configuration calls it."""
        return self._model.name

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """The most that one reply can cost."""
        return self._model.worst_case_cost_usd

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The model's reply. Raises ``ModelUnavailable``."""
        return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)


class InRealTime(Around):
    """What stands around a model while time is ``real``; where history is played, the one inside is asked directly."""

    def __init__(self, model: ChatModel, real: Callable[[], bool]) -> None:
        super().__init__(model)
        self._real = real

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The model's reply. Raises ``ModelUnavailable``."""
        ask = self._in_real_time if self._real() else self._model.complete
        return await ask(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)

    async def _in_real_time(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
