"""A venue that keeps what reaches it, and may lose a request or an answer, or tell of fills that never were."""

from collections.abc import Sequence

from engine.exchange.sim.exchange import SimExchange
from engine.model.order import Action, Envelope, Fill, FundingPayment, Order, OrderReport, Unresolved, VenueAccount


class Venue:
    """The simulated venue; keeps what reaches it, loses requests or answers when told to, and may lie about fills."""

    def __init__(self, sim: SimExchange) -> None:
        self.sim = sim
        self.account_id = sim.account_id
        self.instruments = sim.instruments
        self.capabilities = sim.capabilities
        self.mood = "well"
        self.sent: list[Order] = []
        self.lies: list[Fill] = []

    def prepare(self, action: Action, now_ms: int) -> Envelope:
        return self.sim.prepare(action, now_ms)

    def advance(self, now_ms: int) -> None:
        self.sim.advance(now_ms)

    def skip(self, now_ms: int) -> None:
        self.sim.advance(now_ms)

    @property
    def has_resting(self) -> bool:
        return self.sim.has_resting

    async def submit(self, envelope: Envelope) -> OrderReport:
        if not isinstance(envelope.action, Order):
            return await self.sim.submit(envelope)
        self.sent.append(envelope.action)
        if self.mood == "request lost":
            return Unresolved(detail="the line was cut")
        report = await self.sim.submit(envelope)
        return Unresolved(detail="the line was cut") if self.mood == "answer lost" else report

    async def fence(self, envelope: Envelope) -> object:
        return await self.sim.fence(envelope)

    async def find(self, client_order_id: str) -> OrderReport | None:
        return await self.sim.find(client_order_id)

    async def fills(self, since_ms: int) -> Sequence[Fill]:
        return [*self.lies, *await self.sim.fills(since_ms)]

    async def funding(self, since_ms: int) -> Sequence[FundingPayment]:
        return await self.sim.funding(since_ms)

    async def account(self) -> VenueAccount:
        return await self.sim.account()

    async def time(self) -> int:
        return await self.sim.time()
