"""Venues that misbehave: the simulated one behind a line that loses answers, repeats itself or says no."""

from collections.abc import Mapping, Sequence
from typing import Literal

from engine.exchange.sim.exchange import SimExchange
from engine.manager.ports import Capabilities
from engine.model.instrument import Instrument
from engine.model.order import Action, Envelope, Fill, FundingPayment, Order, OrderReport, Unresolved, VenueAccount


class Relay:
    """Passes everything on to the simulated venue."""

    capabilities = Capabilities(bounded_acceptance=True, trigger_orders=True, funding_late_ms=0)

    def __init__(self, sim: SimExchange) -> None:
        self.sim = sim
        self.account_id = sim.account_id
        self.instruments: Mapping[str, Instrument] = sim.instruments

    def prepare(self, action: Action, now_ms: int) -> Envelope:
        return self.sim.prepare(action, now_ms)

    def advance(self, now_ms: int) -> None:
        self.sim.advance(now_ms)

    def skip(self, now_ms: int) -> None:
        self.sim.skip(now_ms)

    @property
    def has_resting(self) -> bool:
        return self.sim.has_resting

    async def submit(self, envelope: Envelope) -> OrderReport:
        return await self.sim.submit(envelope)

    async def fence(self, envelope: Envelope) -> Literal["fenced", "consumed"] | None:
        return await self.sim.fence(envelope)

    async def find(self, client_order_id: str) -> OrderReport | None:
        return await self.sim.find(client_order_id)

    async def fills(self, since_ms: int) -> Sequence[Fill]:
        return await self.sim.fills(since_ms)

    async def funding(self, since_ms: int) -> Sequence[FundingPayment]:
        return await self.sim.funding(since_ms)

    async def account(self) -> VenueAccount:
        return await self.sim.account()

    async def time(self) -> int:
        return await self.sim.time()


class AnswerLost(Relay):
    """Orders arrive and are executed; while ``losing``, nobody hears of it."""

    losing = False

    async def submit(self, envelope: Envelope) -> OrderReport:
        report = await self.sim.submit(envelope)
        return Unresolved(detail="the line was cut") if self.losing and isinstance(envelope.action, Order) else report


class RequestLost(Relay):
    """While ``losing``, orders never arrive, and nobody is told that they did not."""

    losing = False

    async def submit(self, envelope: Envelope) -> OrderReport:
        if self.losing and isinstance(envelope.action, Order):
            return Unresolved(detail="the line was cut")
        return await self.sim.submit(envelope)


class Unbounded(RequestLost):
    """As ``RequestLost``, at a venue that promises nothing about how long a request may be under way."""

    capabilities = Capabilities(funding_late_ms=0)


class Fenced(RequestLost):
    """As ``RequestLost``, at a venue that bounds nothing but lets a nonce be used up."""

    capabilities = Capabilities(nonce_fence=True, funding_late_ms=0)


class FencedAnswerLost(AnswerLost):
    """As ``AnswerLost``, at a venue whose status of orders nobody can read and whose nonces can be used up."""

    capabilities = Capabilities(nonce_fence=True, funding_late_ms=0)

    async def find(self, client_order_id: str) -> OrderReport | None:
        return None


class Stuttering(Relay):
    """Every fill is told twice, and all of them again at every question."""

    async def fills(self, since_ms: int) -> Sequence[Fill]:
        fills = await self.sim.fills(0)
        return [*fills, *fills]
