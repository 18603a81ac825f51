"""Blending: the sleeves of all strategies, scaled by their weights, as one net decision a coin."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from decimal import Context as Precision

from engine.executor.context import Context
from engine.executor.strategies.entry import exact
from engine.model.decision import Decision
from engine.model.instrument import round_quantity_down
from engine.model.position import ZERO
from engine.model.selection import Sleeve

LONGEST_REASON = 400  # characters
_PRICE = Precision(prec=12, rounding=ROUND_HALF_EVEN)  # digits of a blended distance, far beyond any tick


def net_quantities(sleeves: Sequence[Sleeve], weights: Mapping[str, float]) -> dict[str, Decimal]:
    """What is to be held of each coin that a sleeve is in, signed coins: the sum of weight times sleeve."""
    net: dict[str, Decimal] = {}
    for sleeve in sleeves:
        net[sleeve.coin] = net.get(sleeve.coin, ZERO) + _part(sleeve, weights)
    return net


def tradable(net: Mapping[str, Decimal], context: Context) -> dict[str, Decimal]:
    """The same in whole lots, rounded towards zero, and nothing where it is less than a venue takes as an order."""
    return {coin: _in_lots(coin, quantity, context) for coin, quantity in net.items()}


def blended(
    sleeves: Sequence[Sleeve], weights: Mapping[str, float], context: Context, least_change: Decimal
) -> tuple[Decision, ...]:
    """The decisions that bring the trader's positions to what its sleeves add up to, in the order of its coins.

    A position is left alone when it differs by no more than ``least_change`` (a fraction of the larger of both), and
    while an order on its coin is under way. An entry carries a stop and a target as far from the mark as the strategies
    on its side gave them, averaged by what each of them contributes.
    """
    wanted = tradable(net_quantities(sleeves, weights), context)
    busy = {pending.coin: True for pending in context.pending if pending.trader == context.trader}
    decisions = []
    for coin in context.coins:
        mark = context.market.mark(coin)
        if mark is None or coin in busy:
            continue
        position = context.account.positions.get(coin)
        held = ZERO if position is None else position.quantity
        target = wanted.get(coin, ZERO)
        change = abs(target - held)
        if change == 0 or (target and change <= least_change * max(abs(target), abs(held))):
            continue
        if target and change * mark < context.instruments[coin].min_notional_usd:
            continue  # no venue takes so small an order
        own = [sleeve for sleeve in sleeves if sleeve.coin == coin and weights.get(sleeve.strategy, 0.0) > 0]
        decisions.append(_decision(coin, target, held, mark, own, weights))
    return tuple(decisions)


def _decision(
    coin: str,
    target: Decimal,
    held: Decimal,
    mark: Decimal,
    sleeves: Sequence[Sleeve],
    weights: Mapping[str, float],
) -> Decision:
    why = "; ".join(f"{weights[sleeve.strategy]:.2f} {sleeve.strategy}: {sleeve.why}" for sleeve in sleeves)
    why = why[:LONGEST_REASON] or "no strategy with a weight holds it"
    if target == 0:
        return Decision(symbol=coin, signal="close", justification=why)
    if held * target > 0 and abs(target) < abs(held):
        return Decision(symbol=coin, signal="close", target_quantity=target, justification=why)
    direction = 1 if target > 0 else -1
    side = [(abs(_part(sleeve, weights)), sleeve) for sleeve in sleeves if sleeve.quantity * direction > 0]
    stop_away = _average([(part, _away(sleeve.entry, sleeve.stop_loss)) for part, sleeve in side])
    target_away = _average([(part, _away(sleeve.entry, sleeve.profit_target)) for part, sleeve in side])
    confidence = _average([(part, _known(sleeve.confidence)) for part, sleeve in side])
    leverages = [sleeve.leverage for _, sleeve in side if sleeve.leverage is not None]
    return Decision(
        symbol=coin,
        signal="buy_to_enter" if direction > 0 else "sell_to_enter",
        target_quantity=target,
        leverage=min(leverages) if leverages else None,
        stop_loss=_beyond_zero(mark, -direction, stop_away),
        profit_target=_beyond_zero(mark, direction, target_away),
        confidence=None if confidence is None else float(confidence),
        justification=why,
    )


def _part(sleeve: Sleeve, weights: Mapping[str, float]) -> Decimal:
    return exact(weights.get(sleeve.strategy, 0.0)) * sleeve.quantity


def _average(parts: Sequence[tuple[Decimal, Decimal | None]]) -> Decimal | None:
    """The mean of what is known, by part; ``None`` when nothing is."""
    known = [(part, value) for part, value in parts if value is not None]
    total = sum((part for part, _ in known), ZERO)
    if total == 0:
        return None
    return _PRICE.plus(sum((part * value for part, value in known), ZERO) / total)


def _away(entry: Decimal, price: Decimal | None) -> Decimal | None:
    return None if price is None else abs(price - entry)


def _known(confidence: float | None) -> Decimal | None:
    return None if confidence is None else exact(confidence)


def _beyond_zero(mark: Decimal, direction: int, away: Decimal | None) -> Decimal | None:
    """The price so far from the mark; ``None`` where no price is that low."""
    price = None if away is None else mark + direction * away
    return None if price is None or price <= 0 else price


def _in_lots(coin: str, quantity: Decimal, context: Context) -> Decimal:
    instrument = context.instruments.get(coin)
    mark = context.market.mark(coin)
    if instrument is None or mark is None:
        return ZERO
    size = round_quantity_down(abs(quantity), instrument)
    if size * mark < instrument.min_notional_usd:
        return ZERO
    return size if quantity > 0 else -size
