"""Sleeves: which of them are still held, what a strategy sees when it is asked, and what its decisions make of them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from engine.executor.context import Context
from engine.executor.strategies.entry import direction_of
from engine.model.account import Account
from engine.model.decision import Decision, ExitPlan
from engine.model.position import ZERO, Position
from engine.model.selection import Sleeve


def surviving(sleeves: Sequence[Sleeve], context: Context, wanted: Mapping[str, Decimal]) -> tuple[Sleeve, ...]:
    """The sleeves that are not over: neither stopped at the mark, nor closed together with the trader's position.

    ``wanted`` is what was to be held of each coin until now. Where the trader holds nothing of it, or the opposite, its
    position was stopped, liquidated, closed by an operator or never came to be: every sleeve on that side ends, and its
    strategy may enter anew. A coin with an order under way is left as it is.
    """
    busy = {pending.coin: True for pending in context.pending if pending.trader == context.trader}
    return tuple(
        sleeve
        for sleeve in sleeves
        if sleeve.coin in busy or not (_lost(sleeve, context, wanted) or _stopped(sleeve, context))
    )


def seen_by(strategy: str, sleeves: Sequence[Sleeve], context: Context) -> Context:
    """The context as a strategy sees it that is alone on the account: its own sleeves, the whole of the equity."""
    own = [sleeve for sleeve in sleeves if sleeve.strategy == strategy]
    positions = {
        sleeve.coin: Position(
            coin=sleeve.coin,
            quantity=sleeve.quantity,
            cost_usd=sleeve.quantity * sleeve.entry,
            leverage=sleeve.leverage or 1,
        )
        for sleeve in own
    }
    plans = {sleeve.coin: ExitPlan(stop_loss=sleeve.stop_loss, profit_target=sleeve.profit_target) for sleeve in own}
    account: Account = replace(context.account, positions=positions)
    return replace(
        context,
        account=account,
        plans=plans,
        pending=(),
        known_equity_usd=context.equity_usd,
        known_valuation=None,
    )


def decided(
    strategy: str, sleeves: Sequence[Sleeve], decisions: Sequence[Decision], context: Context
) -> tuple[Sleeve, ...]:
    """The sleeves after a strategy has decided; those of other strategies stay as they are.

    Decisions of strategies say what is to be held afterwards: ``target_quantity``, or nothing when they close.
    """
    kept = {(sleeve.strategy, sleeve.coin): sleeve for sleeve in sleeves}
    for decision in decisions:
        coin = decision.symbol
        mark = context.market.mark(coin)
        if mark is None or (decision.signal == "hold" and decision.target_quantity is None):
            continue
        target = decision.target_quantity
        assert target is not None or not decision.opens, f"{strategy} enters {coin} without saying what to hold"
        before = kept.pop((strategy, coin), None)
        if not target:
            continue
        if decision.opens or before is None:
            kept[strategy, coin] = _entered(strategy, decision, target, mark)
        else:  # a part is given back: the rest keeps its plan
            kept[strategy, coin] = replace(before, quantity=target, why=decision.justification)
    return tuple(kept.values())


def without_denied(sleeves: Sequence[Sleeve], denied: Mapping[str, int], context: Context) -> tuple[Sleeve, ...]:
    """The sleeves but for those whose position never came to be.

    ``denied`` are the sides (1 long, -1 short) of entries that were denied, by coin. Where the trader holds nothing on
    that side there is nothing that a sleeve could be a part of: its strategy may ask again in the next slot.
    """
    return tuple(sleeve for sleeve in sleeves if not _denied(sleeve, denied.get(sleeve.coin, 0), context))


def _denied(sleeve: Sleeve, side: int, context: Context) -> bool:
    return side * sleeve.quantity > 0 and direction_of(context, sleeve.coin) != side


def _entered(strategy: str, decision: Decision, target: Decimal, mark: Decimal) -> Sleeve:
    return Sleeve(
        strategy=strategy,
        coin=decision.symbol,
        quantity=target,
        entry=mark,
        stop_loss=decision.stop_loss,
        profit_target=decision.profit_target,
        leverage=decision.leverage,
        confidence=decision.confidence,
        why=decision.justification,
    )


def _stopped(sleeve: Sleeve, context: Context) -> bool:
    """Whether the mark is at or beyond the sleeve's own stop or target."""
    mark = context.market.mark(sleeve.coin)
    if mark is None:
        return False
    direction = 1 if sleeve.quantity > 0 else -1
    stop, target = sleeve.stop_loss, sleeve.profit_target
    return (stop is not None and direction * (mark - stop) <= 0) or (
        target is not None and direction * (mark - target) >= 0
    )


def _lost(sleeve: Sleeve, context: Context, wanted: Mapping[str, Decimal]) -> bool:
    """Whether the position that the sleeve was a part of is not there."""
    net = wanted.get(sleeve.coin, ZERO)
    if net == 0 or (net > 0) != (sleeve.quantity > 0):
        return False
    position = context.account.positions.get(sleeve.coin)
    return position is None or (position.quantity > 0) != (net > 0)
