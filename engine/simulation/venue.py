"""The venue of the simulation: the simulated exchange, what it shows late or never, and what it will not stand."""

from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from engine.exchange.sim.exchange import SimExchange
from engine.exchange.sim.settings import SimSettings
from engine.model.order import Envelope, Fill, FundingPayment, Order, OrderReport, Rejected
from engine.simulation.clock import MachineClock
from engine.simulation.faults import Faults
from engine.simulation.market import INSTRUMENTS, Walk
from engine.simulation.witness import Promise, Witness

NEVER_MS = 1 << 60
AGAIN = "~"  # parts the client order id from the number of its repetition, where the venue executes it again
JUDGED_BY_MS = (0, 5_000, 10_000, 15_000)  # how old the price is by which an order was judged
SLACK = Decimal("1.03")  # by which an executed position may exceed its cap: marks move between judging and executing

Result = TypeVar("Result")
Found = Callable[[str, str], None]


class VenueTerms(Struct, frozen=True, kw_only=True):
    """What one venue account promises, and how it behaves where its documents are silent."""

    bounded: bool = True
    fence: bool = False
    dedups: bool = True
    validity_ms: int = 30_000
    longest_lag_ms: int = 20_000
    balance_usd: Decimal = Decimal(100_000)
    fee_bps: Decimal = Decimal("4.5")
    max_participation_pct: Decimal | None = None


class Mandate(Struct, frozen=True, kw_only=True):
    """What a trader may do at most, as the venue is told by nobody but the configuration."""

    coins: tuple[str, ...]
    max_position_usd: Decimal
    max_positions: int
    alone: bool = False


class Shown(Struct, frozen=True, kw_only=True, gc=False):
    """A fill and the instant (ms UTC) from which the venue tells of it."""

    fill: Fill
    visible_ms: int


class _Clock:
    """The venue's own clock: the true time."""

    def __init__(self, machine: MachineClock) -> None:
        self._machine = machine

    def now_ms(self) -> int:
        return self._machine.true_ms()

    async def sleep_until(self, instant_ms: int) -> None:
        raise AssertionError("a venue does not sleep")


class Venue:
    """One venue account. It outlives every process; ``found`` is told which promise it saw broken, and how."""

    def __init__(
        self,
        account: str,
        walk: Walk,
        machine: MachineClock,
        witness: Witness,
        terms: VenueTerms,
        mandates: Mapping[str, Mandate],
        faults: Faults,
        found: Found,
    ) -> None:
        self.account = account
        self.terms = terms
        self.machine = machine
        self.walk = walk
        self.fills: list[Shown] = []
        self.orders = 0
        self.rejected = 0
        self.refused_ms: dict[str, int] = {}  # by trader: when an order was turned down last
        self.outages: list[tuple[str, int, int]] = []
        self.sim = SimExchange(
            account,
            walk,
            {coin: INSTRUMENTS[coin] for coin in walk.coins},
            SimSettings(
                initial_balance_usd=terms.balance_usd,
                taker_fee_bps=terms.fee_bps,
                spread_bps=Decimal(2),
                impact_bps=Decimal(0),
                max_participation_pct=terms.max_participation_pct,
                latency_ms=0,
                validity_ms=terms.validity_ms,
            ),
            seed=0,
            clock=_Clock(machine),
        )
        self._witness = witness
        self._mandates = mandates
        self._faults = faults
        self._found = found
        self._status_ms: dict[str, int] = {}
        self._fills_ms: dict[str, int] = {}
        self._funding_ms: dict[tuple[int, str], int] = {}
        self._nonces: dict[int, str] = {}
        self._executed: dict[tuple[str, str, str, str], dict[int, None]] = {}
        self._positions: dict[tuple[str, str], Decimal] = {}
        self._harvested: dict[str, None] = {}
        self._liquidated = False  # then nobody but the book knows who holds what
        self._told_late: dict[str, None] = {}
        self._latest_ms = 0
        self._repeats = 0

    @property
    def decides(self) -> bool:
        """Whether every order of unknown outcome can be settled in the end."""
        return self.terms.bounded or self.terms.fence

    # What comes in

    def deliver(self, envelope: Envelope, refusal: str = "") -> OrderReport:
        """Take what has arrived; ``refusal`` is the code with which it is turned down whatever it is."""
        self._check_promised(envelope)
        if self._nonces.get(envelope.nonce) == "fenced":
            return Rejected(code="InvalidNonce", detail="used by a no-op")
        if not self.terms.bounded:
            envelope = replace(envelope, expires_after_ms=None)
        action = envelope.action
        if not isinstance(action, Order):
            self._nonces[envelope.nonce] = "used"
            return answered(self.sim.submit(envelope))
        name = action.client_order_id
        if envelope.nonce not in self._nonces and answered(self.sim.find(name)) is not None and not self.terms.dedups:
            self._repeats += 1
            envelope = replace(envelope, action=replace(action, client_order_id=f"{name}{AGAIN}{self._repeats}"))
        self._nonces[envelope.nonce] = "used"
        self._draw_lags(name)
        if refusal:
            self.sim.refuse_next(refusal, "simulated")
        self.orders += 1
        report = answered(self.sim.submit(envelope))
        promise = self._witness.promises.get(name)
        if isinstance(report, Rejected) and promise is not None:
            self.rejected += 1
            self.refused_ms[promise.trader] = self.machine.true_ms()
        self.harvest()
        return report

    def fence(self, nonce: int) -> Literal["fenced", "consumed"]:
        """Use up a nonce by a no-op."""
        if nonce in self._nonces:
            return "consumed"
        self._nonces[nonce] = "fenced"
        return "fenced"

    # What it shows

    def status(self, client_order_id: str) -> OrderReport | None:
        """What it says about an order, which may be late for ever."""
        report = answered(self.sim.find(client_order_id))
        self.harvest()
        return report if self._status_ms.get(client_order_id, 0) <= self.machine.true_ms() else None

    def visible_fills(self, since_ms: int) -> list[Fill]:
        """The fills at or after an instant that it tells of by now, oldest first."""
        self.harvest()
        now_ms = self.machine.true_ms()
        found = []
        for shown in reversed(self.fills):
            if shown.fill.time_ms < since_ms:
                break
            if shown.visible_ms <= now_ms:
                found.append(shown.fill)
        found.reverse()
        return found

    def visible_funding(self, since_ms: int) -> list[FundingPayment]:
        """The funding bookings at or after an instant that it tells of by now, oldest first."""
        payments = answered(self.sim.funding(since_ms))
        return [payment for payment in payments if self._funding_told_ms(payment) <= self.machine.true_ms()]

    def harvest(self) -> None:
        """Take in what has been executed since the last time, and judge it."""
        told = answered(self.sim.fills(self._latest_ms))
        now_ms = self.machine.true_ms()
        for fill in told:
            if fill.trade_id in self._harvested:
                continue
            self._harvested[fill.trade_id] = None
            self._latest_ms = max(self._latest_ms, fill.time_ms)
            name = fill.client_order_id
            if name is not None and AGAIN in name:
                fill = replace(fill, client_order_id=name.partition(AGAIN)[0])
            self._judge(fill)
            late_ms = self._fills_ms.get(fill.client_order_id or "", 0)
            self.fills.append(Shown(fill=fill, visible_ms=now_ms + late_ms))

    def tell_late(self, name: str) -> None:
        """Have status and fills of an order that is still to come told late."""
        self._told_late[name] = None

    def in_outage(self, kind: str) -> bool:
        """Whether a window of this kind is open."""
        now_ms = self.machine.true_ms()
        return any(name == kind and start_ms <= now_ms < end_ms for name, start_ms, end_ms in self.outages)

    def outages_lately(self, now_ms: int, within_ms: int) -> bool:
        """Whether any window was open within that time."""
        return any(start_ms <= now_ms and now_ms - within_ms < end_ms for _, start_ms, end_ms in self.outages)

    # What it will not stand

    def _check_promised(self, envelope: Envelope) -> None:
        if f"{self.account}:{envelope.nonce}" not in self._witness.intents:
            self._found("P3", f"nonce {envelope.nonce} arrived before its intent was durable: {envelope.action}")

    def _judge(self, fill: Fill) -> None:
        self._liquidated = self._liquidated or fill.liquidation
        if fill.client_order_id is None:
            return
        promise = self._witness.promises.get(fill.client_order_id)
        if promise is None:
            self._found("P3", f"{fill.client_order_id} was executed and no durable intent names it")
            return
        executions = self._executed.setdefault(promise.decision, {})
        executions[fill.order_id] = None
        if len(executions) > 1:
            self._found("P2", f"{promise.decision} was executed {len(executions)} times")
        self._judge_size(promise, fill)

    def _judge_size(self, promise: Promise, fill: Fill) -> None:
        mandate = self._mandates.get(promise.trader)
        place = (promise.trader, fill.coin)
        before = self._positions.get(place, Decimal(0))
        after = self._positions[place] = before + fill.signed_quantity
        if mandate is None or fill.coin not in mandate.coins:
            self._found("P10", f"{promise.trader} may not trade {fill.coin}")
        elif self._liquidated:
            return
        elif abs(after) > abs(before) and abs(after) * self._lowest(fill) > mandate.max_position_usd * SLACK:
            worth = abs(after) * fill.price
            cap = mandate.max_position_usd
            self._found("P10", f"{promise.trader} holds {worth:.2f} USD of {fill.coin}, {cap} is allowed")
        elif before == 0 and after != 0 and self._places(promise.trader) > mandate.max_positions:
            self._found(
                "P10", f"{promise.trader} holds more than {mandate.max_positions} coins, {fill.coin} among them"
            )
        elif before == 0 and after != 0 and mandate.alone and self._holders(fill.coin) > 1:
            self._found("P10", f"{promise.trader} and another hold {fill.coin} on an exclusive account")
        elif promise.cause != "decision" and (abs(after) > abs(before) or (after != 0 and (after > 0) != (before > 0))):
            self._found("P10", f"{promise.cause} of {promise.trader} took {fill.coin} from {before} to {after}")

    def _lowest(self, fill: Fill) -> Decimal:
        """The lowest price by which an order that is filled now can have been judged: prices are read now and then."""
        now_ms = self.machine.true_ms()
        return min(fill.price, *(self.walk.price(fill.coin, now_ms - back_ms) for back_ms in JUDGED_BY_MS))

    def _places(self, trader: str) -> int:
        return sum(1 for (name, _), quantity in self._positions.items() if name == trader and quantity)

    def _holders(self, coin: str) -> int:
        return sum(1 for (_, held), quantity in self._positions.items() if held == coin and quantity)

    def _draw_lags(self, name: str) -> None:
        """How late status and fills of an order are, drawn once an order: faults persist, they do not flicker."""
        if name in self._status_ms:
            return
        now_ms, timeline_ms = self.machine.true_ms(), self.machine.timeline.now_ms
        lags = self._faults.random("lags")
        status_ms, fills_ms = (int(self.terms.longest_lag_ms * (0.2 + 0.8 * lags.random())) for _ in range(2))
        both = self._faults.fires("told_late", timeline_ms, name) or name in self._told_late
        late_status = self._faults.fires("status_late", timeline_ms, name) or both
        late_fills = self._faults.fires("fills_late", timeline_ms, name) or both
        never = self._faults.fires("status_never", timeline_ms, name)
        self._status_ms[name] = NEVER_MS if never else now_ms + status_ms * late_status
        self._fills_ms[name] = fills_ms * late_fills

    def _funding_told_ms(self, payment: FundingPayment) -> int:
        """From when on it tells of a funding booking, drawn once."""
        place = (payment.time_ms, payment.coin)
        if place not in self._funding_ms:
            lag = int(self.terms.longest_lag_ms * self._faults.random("funding lags").random())
            late = self._faults.fires("funding_late", self.machine.timeline.now_ms, payment.coin)
            self._funding_ms[place] = payment.time_ms + lag * late
        return self._funding_ms[place]


def answered(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine of the simulated exchange, which never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    raise AssertionError("the simulated exchange suspended")
