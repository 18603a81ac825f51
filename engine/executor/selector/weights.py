"""Weights: from raw numbers, given by a model or told from scores, to the shares of the few best strategies."""

from collections.abc import Iterable, Mapping
from math import isfinite

from engine.executor.context import Context
from engine.executor.selector.library import Library
from engine.executor.selector.regime import UNKNOWN, regime_of

PLACES = 4  # decimals of a weight


def top_shares(raw: Mapping[str, float], top: int) -> dict[str, float]:
    """The ``top`` largest of the numbers above 0, as fractions that add up to 1, the largest first.

    Of equal ones the earlier counts as larger. Empty when none is above 0. Fractions are rounded to four decimals, half
    to even; what that leaves over or lacks goes to the largest, so that the sum is exact to that place.
    """
    chosen = sorted(((value, label) for label, value in raw.items() if isfinite(value) and value > 0), key=_largest)
    chosen = chosen[:top]
    total = sum(value for value, _ in chosen)
    shares = {label: round(value / total, PLACES) for value, label in chosen}
    if shares:
        first = next(iter(shares))
        shares[first] = round(1 - sum(share for label, share in shares.items() if label != first), PLACES)
    return {label: share for label, share in shares.items() if share > 0}


def regimes_of(context: Context, library: Library) -> dict[str, str]:
    """The regime of each coin that may be traded now; ``unknown`` where its bars do not tell."""
    interval_ms = library.regime_interval_ms
    return {coin: regime_of(context.market.window(coin), interval_ms) or UNKNOWN for coin in context.coins}


def scores_now(library: Library, regimes: Iterable[str]) -> dict[str, float]:
    """What each strategy scored in these regimes, on average over them; 0 where it was not scored."""
    found = list(regimes)
    if not found:
        return dict.fromkeys(library.labels, 0.0)
    return {
        candidate.label: sum(candidate.scores[regime].score if regime in candidate.scores else 0.0 for regime in found)
        / len(found)
        for candidate in library.candidates
    }


def _largest(entry: tuple[float, str]) -> float:
    return -entry[0]
