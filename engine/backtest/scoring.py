"""Scoring: what hourly returns of a strategy say of it in each regime, as one number that selectors go by."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.executor.selector.library import BEST_SCORE, Score
from engine.executor.selector.regime import REGIMES, Regime
from engine.model.performance import HOURS_A_YEAR, sharpe
from engine.model.standing import HOUR_MS

DOUBTED_HOURS = 168  # a sample of a week counts half, one of a month four fifths

Sample = tuple[Regime, float]  # the regime at the beginning of an hour, and the return of that hour


def samples(
    times_ms: Sequence[int], nav: Sequence[float], regime_at: Callable[[int], Regime | None]
) -> Iterable[Sample]:
    """The hours of a curve with their regimes; one that began in no regime, or is no hour, is passed over."""
    for place in range(len(times_ms) - 1):
        begin_ms, before = times_ms[place], nav[place]
        regime = regime_at(begin_ms)
        if regime is not None and times_ms[place + 1] - begin_ms == HOUR_MS and before > 0:
            yield regime, nav[place + 1] / before - 1


def scored(hours: Iterable[Sample]) -> Mapping[str, Score]:
    """The score by regime, in the order of the regimes; those without a sample are left out."""
    returns: dict[str, list[float]] = {regime: [] for regime in REGIMES}
    for regime, change in hours:
        returns[regime].append(change)
    return {regime: score_of(found) for regime, found in returns.items() if found}


def score_of(returns: Sequence[float]) -> Score:
    """What returns of hours are worth: their annualised Sharpe ratio, less the smaller the sample.

    score = ratio x n / (n + ``DOUBTED_HOURS``), held between 0 and ``BEST_SCORE``; 0 where there is no ratio. A ratio
    of hours says little about what comes, which is why nothing counts for more than ``BEST_SCORE`` and a loss for
    nothing rather than against.
    """
    ratio = max(-1000.0, min(sharpe(returns, HOURS_A_YEAR) or 0.0, 1000.0))
    doubted = ratio * len(returns) / (len(returns) + DOUBTED_HOURS)
    return Score(
        score=round(max(0.0, min(doubted, BEST_SCORE)), 3),
        sharpe=round(ratio, 2),
        return_pct=round(100 * sum(returns), 2),
        hours=len(returns),
    )
