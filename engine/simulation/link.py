"""The line between one process and the venue: requests and answers get lost, late, repeated and out of order."""

import contextvars
from collections.abc import Callable, Sequence
from typing import Any, Literal

from engine.manager.ports import Capabilities, VenueUnreachable
from engine.model.order import (
    Action,
    Envelope,
    Fill,
    FundingPayment,
    Order,
    OrderReport,
    Rejected,
    Unresolved,
    VenueAccount,
)
from engine.simulation.faults import Faults
from engine.simulation.loop import Handle, ProcessLoop
from engine.simulation.venue import Venue

TIMEOUT_MS = 10_000
REJECTIONS = ("PerpMargin", "IocCancel", "MinTradeNtl", "Tick", "Oracle", "OpenInterestIncrease", "a code nobody knows")


class Link:
    """Satisfies ``engine.manager.ports.ExchangeProvider`` for one process. ``gate`` may kill it before a request."""

    has_resting = False

    def __init__(
        self,
        venue: Venue,
        loop: ProcessLoop,
        faults: Faults,
        gate: Callable[[str], None],
        believed_ms: Callable[[], int],
    ) -> None:
        self.account_id = venue.account
        self.capabilities = Capabilities(
            bounded_acceptance=venue.terms.bounded,
            nonce_fence=venue.terms.fence,
            fills_late_ms=venue.terms.longest_lag_ms + 60_000,
            funding_late_ms=venue.terms.longest_lag_ms,
        )
        self.instruments = venue.sim.instruments
        self.ambiguous = 0
        self.sent: Callable[[Envelope], None] = lambda envelope: None
        self.doubted: Callable[[Envelope], None] = lambda envelope: None
        self._venue = venue
        self._loop = loop
        self._faults = faults
        self._gate = gate
        self._believed_ms = believed_ms
        self._random = faults.random(f"line {venue.account}")
        self._nonce = 0
        self._ahead_ms = 0  # by how much the venue's clock is ahead of what the process believes

    def prepare(self, action: Action, now_ms: int) -> Envelope:
        """Give the action its nonce and expiry, in venue time as far as it is known."""
        venue_ms = now_ms + self._ahead_ms
        self._nonce = max(venue_ms, self._nonce + 1)
        return Envelope(action=action, nonce=self._nonce, expires_after_ms=venue_ms + self._venue.terms.validity_ms)

    def advance(self, now_ms: int) -> None:
        """The venue's time passes by itself."""

    def skip(self, now_ms: int) -> None:
        """The venue's time passes by itself."""

    async def submit(self, envelope: Envelope) -> OrderReport:
        """Send once."""
        action = envelope.action
        name = action.client_order_id if isinstance(action, Order) else action.coin
        self._gate(f"submit {name} {envelope.nonce}")
        self.sent(envelope)
        report = await self._exchange(envelope, name)
        if isinstance(report, Unresolved):
            self.ambiguous += 1
            self.doubted(envelope)
        return report

    async def fence(self, envelope: Envelope) -> Literal["fenced", "consumed"] | None:
        """Use up the envelope's nonce by a no-op; the answer may be lost after it was used."""
        self._gate(f"fence {envelope.nonce}")
        await self._loop.sleep_ms(self._latency_ms())
        now_ms = self._loop.timeline.now_ms
        if self._venue.in_outage("trade_refuse") or self._faults.fires("request_lost", now_ms, "fence"):
            return None
        found = self._venue.fence(envelope.nonce)
        lost = self._venue.in_outage("trade_error") or self._faults.fires("reply_lost", now_ms, "fence")
        return None if lost else found

    async def find(self, client_order_id: str) -> OrderReport | None:
        """What the venue says of an order. Raises ``VenueUnreachable``."""
        await self._read("status")
        return self._venue.status(client_order_id)

    async def fills(self, since_ms: int) -> Sequence[Fill]:
        """The fills the venue tells of: repeated and reversed as it pleases. Raises ``VenueUnreachable``."""
        await self._read("fills")
        fills = self._venue.visible_fills(since_ms)
        if not fills:
            return fills
        now_ms = self._loop.timeline.now_ms
        if self._faults.fires("fills_repeated", now_ms):
            fills = [*fills, *fills]
        if len(fills) > 1 and self._faults.fires("fills_reversed", now_ms):
            fills.reverse()
        return fills

    async def funding(self, since_ms: int) -> Sequence[FundingPayment]:
        """Funding bookings. Raises ``VenueUnreachable``."""
        await self._read("funding")
        return self._venue.visible_funding(since_ms)

    async def account(self) -> VenueAccount:
        """The account as it stands. Raises ``VenueUnreachable``."""
        await self._read("account")
        self._ahead_ms = self._venue.machine.true_ms() - self._believed_ms()
        found = self._venue.sim.snapshot()
        self._venue.harvest()
        return found

    async def time(self) -> int:
        """The venue's clock, ms UTC. Raises ``VenueUnreachable``."""
        await self._read("time")
        return self._venue.machine.true_ms()

    # On the way

    async def _exchange(self, envelope: Envelope, name: str) -> OrderReport:
        faults, venue, now_ms = self._faults, self._venue, self._loop.timeline.now_ms
        latency_ms = self._latency_ms()
        if venue.in_outage("trade_refuse") or faults.fires("request_lost", now_ms, name):
            await self._loop.sleep_ms(TIMEOUT_MS)
            return Unresolved(detail="no answer")
        if faults.fires("request_refused", now_ms, name):
            await self._loop.sleep_ms(latency_ms)
            return Rejected(code="not_sent", detail="the connection was refused")
        refusal = ""
        if faults.fires("order_rejected", now_ms, name):
            refusal = REJECTIONS[int(self._random.random() * len(REJECTIONS))]
        arrives_ms = latency_ms
        if faults.fires("accept_delayed", now_ms, name):
            arrives_ms += 1_000 + 59_000 * self._random.random()
        error = venue.in_outage("trade_error") or faults.fires("error_after_accept", now_ms, name)
        lost = faults.fires("reply_lost", now_ms, name)
        if (error or lost or arrives_ms > TIMEOUT_MS) and faults.fires("told_late_in_doubt", now_ms, name):
            venue.tell_late(name)
        reply = self._loop.create_future()
        self._loop.timeline.later(arrives_ms, self._deliver, envelope, refusal, reply)
        if faults.fires("request_repeated", now_ms, name):
            self._loop.timeline.later(arrives_ms + 5_000 * self._random.random(), self._deliver, envelope, "", None)
        if error:
            await self._loop.sleep_ms(min(TIMEOUT_MS, arrives_ms + latency_ms))
            return Unresolved(detail="502")
        if lost:
            await self._loop.sleep_ms(TIMEOUT_MS)
            return Unresolved(detail="no answer")
        timer = self._loop.call_later(TIMEOUT_MS / 1000, _settle, reply, Unresolved(detail="no answer"))
        try:
            report: OrderReport = await reply
        finally:
            timer.cancel()
        return report

    def _deliver(self, envelope: Envelope, refusal: str, reply: Any) -> None:
        """A packet arrives, whether or not the process that sent it still lives."""
        report = self._venue.deliver(envelope, refusal)
        if reply is not None and self._loop.alive:
            answer = Handle(_settle, (reply, report), self._loop, contextvars.copy_context())
            self._loop.timeline.soon(answer)

    async def _read(self, what: str) -> None:
        if self._random.random() < 0.4:
            await self._loop.sleep_ms(self._latency_ms())
        if self._venue.in_outage("read") or self._faults.fires("read_failed", self._loop.timeline.now_ms, what):
            await self._loop.sleep_ms(self._latency_ms())
            raise VenueUnreachable(f"{what} cannot be read")

    def _latency_ms(self) -> float:
        return 5 + 400 * self._random.random() ** 3


def _settle(future: Any, report: OrderReport) -> None:
    if not future.done():
        future.set_result(report)
