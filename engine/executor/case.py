"""The case of one proposal: what it is judged in, and the exposure that proposals approved before it have made."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from engine.executor.context import Context
from engine.model.decision import Proposal
from engine.model.market import Price
from engine.model.position import ZERO, Position, apply_fill, initial_margin_usd

# No price, size or amount in this field lies outside; what does is garbage, and arithmetic with it may overflow.
SMALLEST = Decimal("1E-15")
LARGEST = Decimal("1E15")
UNKNOWN = Decimal("NaN")


class Case:
    """One proposal before its judges. ``held`` is the signed position it starts from, in coins.

    What only rules about opening read is filled in by ``open`` once the proposal is known to be sane: ``opens`` in
    coins, the market's ``price``, and the ``stop`` and ``target`` that the position will have.
    """

    __slots__ = (
        "_worst_usd",
        "context",
        "exposure",
        "held",
        "instrument",
        "limits",
        "opens",
        "position",
        "price",
        "proposal",
        "stop",
        "target",
    )

    def __init__(self, proposal: Proposal, context: Context, exposure: "Exposure") -> None:
        self.proposal = proposal
        self.context = context
        self.exposure = exposure
        self.limits = context.limits
        self.instrument = context.instruments.get(proposal.coin)
        self.position = exposure.positions.get(proposal.coin)
        self.held = ZERO if self.position is None else self.position.quantity
        self.opens = ZERO
        self.price: Price | None = None
        self.stop: Decimal | None = None
        self.target: Decimal | None = None
        self._worst_usd: Decimal | None = None

    def open(self, opens: Decimal) -> None:
        """Look up what the rules about opening read; adding to a position leaves its exit plan in force."""
        proposal = self.proposal
        self.opens = opens
        self.price = self.context.market.price(proposal.coin)
        plan = proposal.plan
        if plan is None and self.position is not None and not proposal.closes:
            plan = self.context.plans.get(proposal.coin)
        if plan is not None:
            self.stop = plan.stop_loss
            self.target = plan.profit_target

    @property
    def is_long(self) -> bool:
        """Whether what the proposal opens gains when the price rises."""
        return self.proposal.side == "buy"

    @property
    def is_new_position(self) -> bool:
        """Whether the coin was flat or is flipped; adding to a position is neither."""
        return self.held == 0 or self.proposal.closes > 0

    def position_after(self) -> Position:
        """The position once an opening proposal is filled at its mark."""
        return _filled(self.proposal, self.position, self.context.now_ms)

    def worst_usd(self) -> Decimal:
        """The largest value the position in this coin can take: the proposal filled, and its own pending orders too."""
        if self._worst_usd is None:
            proposal, context = self.proposal, self.context
            pending = self.exposure.pending_of(context.trader, proposal.coin) if context.pending else None
            self._worst_usd = _worst_usd(proposal.after, pending, proposal.mark)
        return self._worst_usd


class Pending(Struct, gc=False):
    """What orders that may still be filled could do to one trader's position in one coin, in coins."""

    buys: Decimal = ZERO
    sells: Decimal = ZERO
    top_price: Decimal = ZERO


class Exposure:
    """One trader's positions and sums as if every proposal approved so far were already filled at its mark."""

    __slots__ = ("_others_usd", "_pending", "closed", "context", "new_positions", "positions", "turnover_usd")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.positions: dict[str, Position] = context.account.positions
        self.closed: tuple[str, ...] = ()
        self.new_positions = 0
        self.turnover_usd = ZERO
        self._pending: dict[tuple[str, str], Pending] | None = None
        self._others_usd: Mapping[str, Decimal] | None = None

    def take(self, proposal: Proposal) -> None:
        """Count an approved proposal as done."""
        before = self.positions.get(proposal.coin)
        positions = self.positions.copy()
        if proposal.after == 0:
            del positions[proposal.coin]
        else:
            positions[proposal.coin] = _filled(proposal, before, self.context.now_ms)
        self.positions = positions
        self.turnover_usd += proposal.quantity * proposal.mark
        if before is not None and proposal.closes == abs(before.quantity):
            self.closed += (proposal.coin,)
        if proposal.opens > 0:
            self.new_positions += 1 if before is None or proposal.closes > 0 else 0

    def mark(self, coin: str) -> Decimal:
        """The mark of a coin, USD; NaN when the market has none, so that nothing computed from it is within a cap."""
        found = self.context.market.marks[coin]
        return UNKNOWN if found is None else found

    def pending_of(self, trader: str, coin: str) -> Pending | None:
        """The orders of a trader on a coin that may still be filled; ``None`` when there are none."""
        return self._all_pending().get((trader, coin)) if self.context.pending else None

    def other_coins(self, coin: str) -> list[str]:
        """The coins beside this one in which the trader has, or may get, a position."""
        others = [held for held in self.positions if held != coin]
        if self.context.pending:
            me = self.context.trader
            owned = [found for owner, found in self._all_pending() if owner == me]
            others += [found for found in owned if found != coin and found not in self.positions]
        return others

    def usd_beside(self, coin: str) -> Decimal:
        """The trader's gross value in all other coins, pending orders at their worst; NaN when a mark is missing."""
        return sum((self._own_usd(other) for other in self.other_coins(coin)), ZERO)

    def margin_beside(self, coin: str) -> Decimal:
        """The trader's initial margin in all other coins, USD; an order without a position counts without leverage."""
        total = ZERO
        if not self.context.pending:
            for held, position in self.positions.items():
                if held != coin:
                    total += initial_margin_usd(position, self.mark(held))
            return total
        for other in self.other_coins(coin):
            owned = self.positions.get(other)
            if owned is None:
                total += self._own_usd(other)
            elif self.pending_of(self.context.trader, other) is None:
                total += initial_margin_usd(owned, self.mark(other))
            else:
                total += self._own_usd(other) / owned.leverage
        return total

    def most_margin_usd(self) -> Decimal | None:
        """What the margin of the trader's positions cannot exceed, at little cost; ``None`` when that needs a sum.

        A position on cross margin needs its value over its leverage, and leverage is at least 1.
        """
        context = self.context
        if context.pending or self.positions is not context.account.positions:
            return None
        for position in self.positions.values():
            if position.mode != "cross":
                return None
        return context.valuation.gross_usd

    def others_usd(self) -> Mapping[str, Decimal]:
        """The gross value by coin of everybody else on the venue account, pending orders at their worst."""
        if self._others_usd is None:
            self._others_usd = self._of_others()
        return self._others_usd

    def _own_usd(self, coin: str) -> Decimal:
        position = self.positions.get(coin)
        held = ZERO if position is None else position.quantity
        return _worst_usd(held, self.pending_of(self.context.trader, coin), self.mark(coin))

    def _of_others(self) -> Mapping[str, Decimal]:
        me = self.context.trader
        quantities: dict[tuple[str, str], Decimal] = {}
        for owner in self.context.book.accounts():
            if owner.trader != me:
                for coin, position in owner.positions.items():
                    quantities[owner.trader, coin] = position.quantity
        for trader, coin in self._all_pending():
            if trader != me:
                quantities.setdefault((trader, coin), ZERO)
        totals: dict[str, Decimal] = {}
        for (trader, coin), held in quantities.items():
            usd = _worst_usd(held, self.pending_of(trader, coin), self.mark(coin))
            totals[coin] = totals.get(coin, ZERO) + usd
        return totals

    def _all_pending(self) -> dict[tuple[str, str], Pending]:
        if self._pending is None:
            found: dict[tuple[str, str], Pending] = {}
            for order in self.context.pending:
                orders = found.setdefault((order.trader, order.coin), Pending())
                sane = order.remaining >= 0 and SMALLEST <= order.price <= LARGEST
                remaining = order.remaining if sane else UNKNOWN
                if order.side == "buy":
                    orders.buys += remaining
                else:
                    orders.sells += remaining
                orders.top_price = max(orders.top_price, order.price)
            self._pending = found
        return self._pending


def figure(value: Decimal | float) -> str:
    """A number as a detail shows it: at most ten digits, whatever it is."""
    if isinstance(value, Decimal) and value.is_nan():
        return "unknown"
    return f"{float(value):.10g}"


def above(what: str, found: Decimal, cap: Decimal, unit: str = "USD") -> str | None:
    """The detail of a cap that is exceeded; a number that is not finite is never within a cap."""
    if found.is_finite() and found <= cap:
        return None
    return f"{what} is {figure(found)} {unit}, the cap is {figure(cap)} {unit}"


def _filled(proposal: Proposal, before: Position | None, now_ms: int) -> Position:
    signed = proposal.quantity if proposal.side == "buy" else -proposal.quantity
    after, _ = apply_fill(
        before,
        coin=proposal.coin,
        signed_quantity=signed,
        price=proposal.mark,
        time_ms=now_ms,
        leverage=proposal.leverage,
        mode=proposal.mode,
    )
    assert after is not None, "asked only for proposals that leave a position"
    return after


def _worst_usd(held: Decimal, pending: Pending | None, mark: Decimal) -> Decimal:
    if pending is None:
        return abs(held) * mark
    if not (mark.is_finite() and pending.buys.is_finite() and pending.sells.is_finite()):
        return UNKNOWN
    quantity = max(abs(held), abs(held + pending.buys), abs(held - pending.sells))
    return quantity * max(mark, pending.top_price)
