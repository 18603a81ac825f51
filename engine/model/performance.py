"""Performance figures of an equity curve and a list of trades; ``None`` where a figure is undefined."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf, isfinite, sqrt

from msgspec import Struct

HOURS_A_YEAR = 24 * 365
STILL = 1e-12  # a deviation of returns below this is rounding: the ledger's quantum on 10,000 USD


class Performance(Struct, frozen=True, kw_only=True):
    """The figures of one trader over one span; percentages as percent, ratios annualised where it says so."""

    return_pct: float
    max_drawdown_pct: float
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    trades: int
    win_rate_pct: float | None
    profit_factor: float | None


def returns(equity: Sequence[float]) -> list[float]:
    """Relative change from each point to the next; one fewer than points, a non-positive start counts as no change."""
    return [after / before - 1 if before > 0 else 0.0 for before, after in pairwise(equity)]


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; ``None`` for nothing."""
    return sum(values) / len(values) if values else None


def sample_deviation(values: Sequence[float]) -> float | None:
    """Standard deviation with n - 1; ``None`` for fewer than two values."""
    if len(values) < 2:
        return None
    centre = sum(values) / len(values)
    return sqrt(sum((value - centre) * (value - centre) for value in values) / (len(values) - 1))


def sharpe(period_returns: Sequence[float], periods_a_year: float) -> float | None:
    """Mean over sample deviation, annualised by the square root of time, risk-free rate zero. Source: Sharpe (1994)."""
    deviation = sample_deviation(period_returns)
    return None if deviation is None else _annualised(period_returns, deviation, periods_a_year)


def sortino(period_returns: Sequence[float], periods_a_year: float) -> float | None:
    """Mean over downside deviation (losses' root mean square over all periods), annualised. Source: Sortino (1994)."""
    if len(period_returns) < 2:
        return None
    downside = sqrt(sum(value * value for value in period_returns if value < 0) / len(period_returns))
    return _annualised(period_returns, downside, periods_a_year)


def _annualised(period_returns: Sequence[float], deviation: float, periods_a_year: float) -> float | None:
    if deviation < STILL:
        return None
    ratio = sum(period_returns) / len(period_returns) / deviation * sqrt(periods_a_year)
    return ratio if isfinite(ratio) else None


def max_drawdown(equity: Sequence[float]) -> float:
    """Largest loss from a peak as a fraction of the peak, 0 to 1 (more when equity went below zero)."""
    worst = 0.0
    peak = float("-inf")
    for value in equity:
        peak = max(peak, value)
        if peak > 0:
            worst = max(worst, (peak - value) / peak)
    return worst


def annual_return(first: float, last: float, years: float) -> float | None:
    """Compound return a year; ``None`` when there is no time or nothing to compound."""
    if years <= 0 or first <= 0 or last <= 0:
        return None
    try:
        yearly = float((last / first) ** (1 / years) - 1)
    except OverflowError:  # a gain within minutes has no meaning as a yearly figure
        return None
    return yearly if isfinite(yearly) else None


def calmar(first: float, last: float, years: float, drawdown: float) -> float | None:
    """Annual return over maximum drawdown. Source: Young (1991)."""
    yearly = annual_return(first, last, years)
    return None if yearly is None or drawdown <= 0 else yearly / drawdown


def win_rate_pct(net_profits: Sequence[float]) -> float | None:
    """Share of trades with a profit after fees, in percent."""
    return 100 * sum(1 for profit in net_profits if profit > 0) / len(net_profits) if net_profits else None


def profit_factor(net_profits: Sequence[float]) -> float | None:
    """Sum of profits over sum of losses; ``None`` without a loss, or with losses too small to divide by."""
    lost = -sum(profit for profit in net_profits if profit < 0)
    factor = sum(profit for profit in net_profits if profit > 0) / lost if lost > 0 else inf
    return factor if isfinite(factor) else None


def performance(equity: Sequence[float], period_ms: int, net_profits: Sequence[float]) -> Performance:
    """All figures of an equity curve sampled every ``period_ms`` and of the trades closed meanwhile."""
    first, last = (equity[0], equity[-1]) if equity else (0.0, 0.0)
    changes = returns(equity)
    periods_a_year = HOURS_A_YEAR * 3_600_000 / period_ms
    drawdown = max_drawdown(equity)
    return Performance(
        return_pct=100 * (last / first - 1) if first > 0 else 0.0,
        max_drawdown_pct=100 * drawdown,
        sharpe=sharpe(changes, periods_a_year),
        sortino=sortino(changes, periods_a_year),
        calmar=calmar(first, last, len(changes) / periods_a_year, drawdown),
        trades=len(net_profits),
        win_rate_pct=win_rate_pct(net_profits),
        profit_factor=profit_factor(net_profits),
    )
