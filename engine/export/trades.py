"""Completed trades in nof1's 33 fields, on the scale of a trader that started with 10,000 USD."""

from decimal import Decimal
from hashlib import blake2b

import msgspec

from api.handoff import schema as wire
from engine.export.positions import exit_plan_of
from engine.export.worth import human_time, seconds, wire_usd
from engine.model.decision import ExitPlan
from engine.model.trade import Trade


def trade_of(trader: str, trade: Trade, plan: ExitPlan | None, scale: Decimal) -> wire.Trade:
    """The trade as it travels; ``scale`` is the trader's when the trade ended, ``plan`` the last it had.

    net = entry + exit profit and commission = entry + exit commission hold exactly, in whole micro-dollars.
    """
    side: wire.Side = "long" if trade.quantity > 0 else "short"
    quantity = trade.quantity * scale
    gross = wire_usd(trade.gross_usd * scale)
    entry_fee = wire_usd(trade.entry_fee_usd * scale)
    exit_fee = wire_usd(trade.exit_fee_usd * scale)
    entry_s, exit_s = seconds(trade.entry_ms), seconds(trade.exit_ms)
    return wire.Trade(
        id=f"{trader}_{trade.coin}_{trade.trade_id}",
        trade_id=f"{entry_s}_{trade.coin}_{exit_s}_{trader}",
        model_id=trader,
        symbol=trade.coin,
        side=side,
        trade_type=side,
        quantity=float(quantity),
        leverage=float(trade.leverage),
        confidence=0.0 if plan is None or plan.confidence is None else plan.confidence,
        exit_plan={} if plan is None else msgspec.structs.asdict(exit_plan_of(plan)),
        entry_price=float(trade.entry_price),
        entry_time=entry_s,
        entry_human_time=human_time(trade.entry_ms),
        entry_sz=float(abs(quantity)),
        entry_oid=trade.entry_order_id,
        entry_tid=_numeric_id(trade.entry_trade_id),
        entry_crossed=trade.entry_crossed,
        entry_commission_dollars=float(entry_fee),
        entry_closed_pnl=float(-entry_fee),
        exit_price=float(trade.exit_price),
        exit_time=exit_s,
        exit_human_time=human_time(trade.exit_ms),
        exit_sz=float(abs(quantity)),
        exit_oid=trade.exit_order_id,
        exit_tid=_numeric_id(trade.exit_trade_id),
        exit_crossed=trade.exit_crossed,
        exit_liquidation="liquidation" if trade.liquidation else None,
        exit_commission_dollars=float(exit_fee),
        exit_closed_pnl=float(gross - exit_fee),
        realized_gross_pnl=float(gross),
        realized_net_pnl=float(gross - entry_fee - exit_fee),
        total_commission_dollars=float(entry_fee + exit_fee),
    )


def _numeric_id(trade_id: str) -> int:
    """The venue's own number, else a number below 2**48 that stands for its id: the wire wants integers."""
    if trade_id.isascii() and trade_id.isdigit():
        return int(trade_id)
    return int.from_bytes(blake2b(trade_id.encode(), digest_size=6).digest())
