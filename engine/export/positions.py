"""Open positions as the wire shows them, on the scale of a trader that started with 10,000 USD."""

from collections.abc import Mapping
from decimal import Decimal

from api.handoff import schema as wire
from engine.export.worth import Mark, scale_of, seconds, wire_usd
from engine.manager.state import TraderState
from engine.model.account import Account, account_liquidation_price
from engine.model.decision import ExitPlan
from engine.model.instrument import Instrument
from engine.model.position import ZERO, Position, initial_margin_usd, unrealized_usd
from engine.model.trade import Trip

Instruments = Mapping[str, Instrument]


def positions_of(
    trader: TraderState, account: Account, mark: Mark, instruments: Instruments
) -> dict[str, wire.Position]:
    """All open positions by coin, in the order of the coins: rows that change places upset the page."""
    scale = scale_of(account)
    return {
        coin: _position(
            account.positions[coin],
            trader.trips[coin],
            trader.plans.get(coin),
            mark(coin),
            scale,
            _liquidation_price(account, coin, mark, instruments),
        )
        for coin in sorted(account.positions)
    }


def exit_plan_of(plan: ExitPlan | None) -> wire.ExitPlan:
    """Never empty: what nobody said is ``n/a``."""
    if plan is None:
        return wire.ExitPlan()
    return wire.ExitPlan(
        profit_target=_number(plan.profit_target),
        stop_loss=_number(plan.stop_loss),
        invalidation_condition=plan.invalidation_condition,
    )


def _position(
    held: Position, trip: Trip, plan: ExitPlan | None, mark: Decimal, scale: Decimal, liquidation: float | None
) -> wire.Position:
    return wire.Position(
        entry_oid=trip.entry_order_id,
        oid=trip.entry_order_id,
        symbol=held.coin,
        entry_time=seconds(trip.entry_ms),
        entry_price=float(held.entry_price),
        current_price=float(mark),
        quantity=float(held.quantity * scale),
        leverage=float(held.leverage),
        margin=float(wire_usd(initial_margin_usd(held, mark) * scale)),
        unrealized_pnl=float(wire_usd(unrealized_usd(held, mark) * scale)),
        closed_pnl=float(wire_usd(_closed_usd(trip) * scale)),
        commission=float(wire_usd((trip.entry_fee_usd + trip.exit_fee_usd) * scale)),
        liquidation_price=liquidation,
        risk_usd=float(wire_usd(_risk_usd(held, plan) * scale)),
        confidence=_confidence(plan),
        exit_plan=exit_plan_of(plan),
    )


def _closed_usd(trip: Trip) -> Decimal:
    """What was closed of the trip so far at its average entry, less all fees paid on it."""
    entry_price = trip.entry_notional_usd / trip.entry_quantity
    gross = trip.direction * (trip.exit_notional_usd - trip.exit_quantity * entry_price)
    return gross - trip.entry_fee_usd - trip.exit_fee_usd


def _risk_usd(held: Position, plan: ExitPlan | None) -> Decimal:
    """The decider's own number, else what the stop would lose from the entry; 0 without a stop."""
    if plan is None:
        return ZERO
    if plan.risk_usd is not None:
        return plan.risk_usd
    return abs(held.cost_usd - held.quantity * plan.stop_loss) if plan.stop_loss is not None else ZERO


def _confidence(plan: ExitPlan | None) -> float:
    return 0.0 if plan is None or plan.confidence is None else plan.confidence


def _liquidation_price(account: Account, coin: str, mark: Mark, instruments: Instruments) -> float | None:
    """Of the trader's own virtual account; ``None`` as well when an instrument it holds is not known."""
    if any(held not in instruments for held in account.positions):
        return None
    return _number(account_liquidation_price(account, coin, mark, instruments))


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
