"""The selector: when it weighs anew, by whom its weights are given, and what its strategies decide with them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.selector.blend import blended, net_quantities, tradable
from engine.executor.selector.library import Library
from engine.executor.selector.sleeves import decided, seen_by, surviving, without_denied
from engine.executor.selector.weights import regimes_of, scores_now, top_shares
from engine.model.decision import Decision, Denied, Verdict
from engine.model.market import Column
from engine.model.selection import Selection


class Selector(Struct, frozen=True, kw_only=True):
    """The terms of one selector trader.

    It weighs its library anew at the first slot of every ``reweigh_ms`` of UTC time. At most ``top`` strategies get a
    weight. ``least_change`` is how much a position may differ from what it should be before it is traded, a fraction.
    """

    library: Library
    top: int
    reweigh_ms: int
    least_change: Decimal

    @property
    def name(self) -> str:
        """The name of its library."""
        return self.library.name

    @property
    def columns(self) -> tuple[Column, ...]:
        """What its strategies read, and what tells the regime."""
        return self.library.columns

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Sleeves end and weights change between bars: every slot may be a point."""
        return None


class Choice(Struct, frozen=True, kw_only=True):
    """What came of one slot: the selection from now on, and the net decisions, at most one a coin."""

    selection: Selection
    decisions: tuple[Decision, ...]


def due(selector: Selector, selection: Selection, slot_ms: int, interval_ms: int) -> bool:
    """Whether the library is to be weighed in this slot.

    That is in the first slot of each period, before there are any weights, and, when a weighing was missed or failed,
    once the weights in force are two periods old, in every other slot: whoever is away is not asked all the time.
    Meanwhile the strategies go on with the weights that they have.
    """
    if selection.weighed_ms < 0 or slot_ms % selector.reweigh_ms < interval_ms:
        return True
    return slot_ms - selection.weighed_ms >= 2 * selector.reweigh_ms and slot_ms // interval_ms % 2 == 0


def weighed(selector: Selector, context: Context, raw: Mapping[str, float] | None) -> Selection:
    """The context's selection with new weights: those that a model gave, or (``None``) those that the scores tell."""
    regimes = regimes_of(context, selector.library)
    given = scores_now(selector.library, regimes.values()) if raw is None else raw
    return replace(
        context.selection,
        weighed_ms=context.slot_ms,
        by="scores" if raw is None else "model",
        weights=top_shares(given, selector.top),
        regimes=regimes,
        library=selector.library.name,
    )


def in_force(selection: Selection, verdicts: Sequence[Verdict], context: Context) -> Selection:
    """What a choice leaves once its decisions were judged: entries that were denied are nobody's sleeve."""
    denied: dict[str, int] = {}
    for verdict in verdicts:
        if type(verdict) is Denied and verdict.signal in ("buy_to_enter", "sell_to_enter"):
            denied[verdict.symbol] = 1 if verdict.signal == "buy_to_enter" else -1
    return replace(selection, sleeves=without_denied(selection.sleeves, denied, context)) if denied else selection


def choose(selector: Selector, context: Context, selection: Selection) -> Choice:
    """Ask the strategies that have a weight, each as if it were alone, and blend what they hold.

    ``context.selection`` is what was in force until now, ``selection`` what is from now on. A strategy that lost its
    weight, or that the library no longer has, is out of its sleeves; one that got it enters when its own rule says so.
    """
    before = context.selection
    wanted = tradable(net_quantities(before.sleeves, before.weights), context)
    weights = {label: selection.weights.get(label, 0.0) for label in selector.library.labels}
    sleeves = tuple(
        sleeve for sleeve in surviving(before.sleeves, context, wanted) if weights.get(sleeve.strategy, 0.0) > 0
    )
    for candidate in selector.library.candidates:
        label = candidate.label
        if weights[label] > 0:
            decisions = candidate.strategy.decide(seen_by(label, sleeves, context))
            sleeves = decided(label, sleeves, decisions, context)
    return Choice(
        selection=replace(selection, sleeves=sleeves),
        decisions=blended(sleeves, weights, context, selector.least_change),
    )
