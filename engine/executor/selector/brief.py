"""What a selector's prompt says of its library: the strategies, what they scored, and how they are weighed now."""

from msgspec import Struct

from engine.executor.context import Context
from engine.executor.figures import figures, instant, span
from engine.executor.foreign import coin_name
from engine.executor.selector.blend import net_quantities, tradable
from engine.executor.selector.regime import REGIMES
from engine.executor.selector.selector import Selector
from engine.executor.selector.sleeves import surviving
from engine.executor.selector.weights import regimes_of, scores_now, top_shares


class RegimeBrief(Struct, frozen=True, kw_only=True):
    """What a strategy did in one regime; a line of it for the prompt."""

    regime: str
    score: str
    return_pct: str
    hours: int


class CandidateBrief(Struct, frozen=True, kw_only=True):
    """One strategy: ``weight`` is the one in force, ``suggested`` the one that the scores would give it now.

    ``holds`` tells coin and side of the sleeves that it has now; a strategy without a weight has none.
    """

    label: str
    about: str
    weight: str
    suggested: str
    scored: tuple[RegimeBrief, ...]
    holds: tuple[str, ...]


class SelectionBrief(Struct, frozen=True, kw_only=True):
    """The library and the market's regimes (by coin, as ``BTC range``); ``weighed`` is when it was weighed last."""

    top: int
    interval: str
    weighed: str | None
    regimes: tuple[str, ...]
    candidates: tuple[CandidateBrief, ...]


def selection_brief(selector: Selector, context: Context) -> SelectionBrief:
    """What the selector's model is shown of it in this slot. Raises ``PromptError`` for a coin no reply could name."""
    selection = context.selection
    sleeves = surviving(
        selection.sleeves, context, tradable(net_quantities(selection.sleeves, selection.weights), context)
    )
    regimes = regimes_of(context, selector.library)
    suggested = top_shares(scores_now(selector.library, regimes.values()), selector.top)
    candidates = []
    for candidate in selector.library.candidates:
        scored = tuple(
            RegimeBrief(
                regime=regime.replace("_", " "),
                score=figures(found.score, 3),
                return_pct=f"{found.return_pct:+.1f} %",
                hours=found.hours,
            )
            for regime in REGIMES
            if (found := candidate.scores.get(regime)) is not None
        )
        candidates.append(
            CandidateBrief(
                label=candidate.label,
                about=candidate.about,
                weight=figures(selection.weights.get(candidate.label, 0.0), 4),
                suggested=figures(suggested.get(candidate.label, 0.0), 4),
                scored=scored,
                holds=tuple(
                    f"{coin_name(sleeve.coin)} {'long' if sleeve.quantity > 0 else 'short'}"
                    for sleeve in sleeves
                    if sleeve.strategy == candidate.label
                ),
            )
        )
    return SelectionBrief(
        top=min(selector.top, len(candidates)),
        interval=span(selector.reweigh_ms),
        weighed=None if selection.weighed_ms < 0 else instant(selection.weighed_ms),
        regimes=tuple(f"{coin_name(coin)} {regime.replace('_', ' ')}" for coin, regime in regimes.items()),
        candidates=tuple(candidates),
    )
