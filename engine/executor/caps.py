"""The pre-trade rules about what is held altogether: by the trader, on a coin, on the venue account."""

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite, sqrt

from engine.executor.case import Case, above, figure
from engine.executor.limits import MAJOR_COINS
from engine.model.decision import Proposal
from engine.model.market import Column
from engine.model.performance import returns
from engine.model.position import ZERO, initial_margin_usd

PERCENT = Decimal("0.01")
CLOSES = Column("close")
CORRELATION_BARS = 100
CORRELATION_LEAST_BARS = 30  # fewer returns say nothing about how two coins move together


def position_size(proposal: Proposal, case: Case) -> str | None:
    """The position that results is not too large, whatever the trader's pending orders on the coin do."""
    return above("position", case.worst_usd(), case.limits.max_position_size_usd)


def value_band(proposal: Proposal, case: Case) -> str | None:
    """The position that results is a sensible multiple of equity: not dust, and not the whole account."""
    limits = case.limits
    if proposal.coin in MAJOR_COINS:
        least = limits.btceth_position_value_min_equity_multiple
        most = limits.btceth_position_value_max_equity_multiple
    else:
        least = limits.alt_position_value_min_equity_multiple
        most = limits.alt_position_value_max_equity_multiple
    equity = case.context.equity_usd
    if most is not None and (wrong := above("position", case.worst_usd(), equity * most)):
        return wrong
    value = abs(proposal.after) * proposal.mark
    if least is None or value >= equity * least:
        return None
    return f"position is {figure(value)} USD, the minimum is {figure(equity * least)} USD"


def trader_notional(proposal: Proposal, case: Case) -> str | None:
    """All positions of the trader together are not too large."""
    cap = case.limits.max_trader_notional_usd
    if cap is None:
        return None
    return above("notional of the trader", case.exposure.usd_beside(proposal.coin) + case.worst_usd(), cap)


def coin_notional(proposal: Proposal, case: Case) -> str | None:
    """All traders' positions in the coin together are not too large; longs and shorts do not cancel out."""
    cap = case.context.account_limits.max_coin_notional_usd
    if cap is None:
        return None
    others = case.exposure.others_usd().get(proposal.coin, ZERO)
    return above(f"notional of all traders in {proposal.coin}", others + case.worst_usd(), cap)


def account_notional(proposal: Proposal, case: Case) -> str | None:
    """All positions on the venue account together are not too large; longs and shorts do not cancel out."""
    cap = case.context.account_limits.max_account_notional_usd
    if cap is None:
        return None
    others = sum(case.exposure.others_usd().values(), ZERO)
    own = case.exposure.usd_beside(proposal.coin) + case.worst_usd()
    return above("notional of the account", others + own, cap)


def coin_lease(proposal: Proposal, case: Case) -> str | None:
    """On an exclusive account nobody else holds the coin, or may come to hold it."""
    if case.context.account_limits.policy != "exclusive":
        return None
    me, coin = case.context.trader, proposal.coin
    for account in case.context.book.accounts():
        if account.trader != me and coin in account.positions:
            return f"{coin} is held by {account.trader}, and one trader at a time may hold it"
    for order in case.context.pending:
        if order.trader != me and order.coin == coin:
            return f"{coin} has an open order of {order.trader}, and one trader at a time may hold it"
    return None


def margin_usage(proposal: Proposal, case: Case) -> str | None:
    """After the trade, and with pending orders filled, part of the equity is still free."""
    most = case.limits.max_margin_usage_pct
    if most is None:
        return None
    exposure = case.exposure
    cap = case.context.equity_usd * (most * PERCENT)
    if proposal.mode == "cross":
        beside = exposure.most_margin_usd()
        if beside is not None and beside + case.worst_usd() <= cap:
            return None
    if proposal.mode == "cross" or exposure.pending_of(case.context.trader, proposal.coin) is not None:
        margin = case.worst_usd() / proposal.leverage
    else:
        margin = initial_margin_usd(case.position_after(), proposal.mark)
    return above("margin", exposure.margin_beside(proposal.coin) + margin, cap)


def max_positions(proposal: Proposal, case: Case) -> str | None:
    """A new coin still has a place among the trader's positions."""
    cap = case.limits.max_positions
    if case.position is not None or (not case.context.pending and len(case.exposure.positions) < cap):
        return None
    found = len(case.exposure.other_coins(proposal.coin)) + 1
    return None if found <= cap else f"positions would be {found}, the cap is {cap}"


def new_positions_per_cycle(proposal: Proposal, case: Case) -> str | None:
    """Not everything is opened at once."""
    cap = case.limits.max_new_positions_per_cycle
    found = case.exposure.new_positions + 1
    if cap is None or found <= cap or not case.is_new_position:
        return None
    return f"new positions in this cycle would be {found}, the cap is {cap}"


def correlated_positions(proposal: Proposal, case: Case) -> str | None:
    """Not too many positions bet on the same move: same direction, and returns that move together."""
    cap = case.limits.max_correlated_positions
    if cap is None:
        return None
    found = 1
    same_direction = [
        coin
        for coin, position in case.exposure.positions.items()
        if coin != proposal.coin and position.is_long == case.is_long
    ]
    if len(same_direction) + found <= cap:
        return None
    own = _closes(proposal.coin, case)
    for coin in same_direction:
        related = correlation(own, _closes(coin, case))
        if related is None:
            return f"correlation of {proposal.coin} and {coin} is unknown"
        if not related < case.limits.correlation_threshold:
            found += 1
    return None if found <= cap else f"correlated positions would be {found}, the cap is {cap}"


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's correlation of the bar returns of two series of closes that end at the same bar, -1 to 1.

    ``None`` when there are too few bars in common, a price is not a price, or one of them never moved.
    """
    count = min(len(first), len(second))
    if count <= CORRELATION_LEAST_BARS:
        return None
    first, second = first[-count:], second[-count:]
    if not all(isfinite(close) and close > 0 for series in (first, second) for close in series):
        return None
    one, two = _centred(returns(first)), _centred(returns(second))
    scale = sqrt(sum(value * value for value in one)) * sqrt(sum(value * value for value in two))
    return sum(a * b for a, b in zip(one, two, strict=True)) / scale if scale > 0 else None


def _centred(values: Sequence[float]) -> list[float]:
    centre = sum(values) / len(values)
    return [value - centre for value in values]


def _closes(coin: str, case: Case) -> list[float]:
    window = case.context.market.window(coin)
    try:
        return [] if window is None else window.last(CLOSES, CORRELATION_BARS + 1)
    except KeyError:  # the provider was not asked for closes: as good as no history
        return []
