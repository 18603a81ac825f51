"""Grounding: the share of the numbers a reply cites that stand in what its author was shown."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from engine.executor.parse import Parsed
from engine.executor.ports import Message
from engine.executor.selector.reply import ParsedWeights
from engine.model.decision import Decision

MOST_CITED = 2_000  # numbers of one reply that are looked at; more than that is no reasoning

# A number that stands by itself: no part of a name (RSI14, 4h, 20-bar) or of a time. Thousands may be set off. What
# must not come before it is asked at its first digit, so that all other letters are passed over at once.
_NUMBER = re.compile(
    r"(\d(?<![\w.:/]\d)(?<![A-Za-z]-\d)(?:\d{0,2}(?:,\d{3}){1,4}|\d{0,14}))(?:\.(\d{1,15}))?([kKM]?)x?(?![\w/:]|\.\d|-[A-Za-z])(\s?%)?",
    re.ASCII,
)
# Periods of indicators belong to their names, however they are written: RSI(14), EMA-20, MACD 12/26. Dates are no data.
_NAMED = re.compile(
    r"(?:RSI|EMA|SMA|ATR|MACD)[\s(-]{0,2}(?:3|7|9|12|14|20|26|50|100|200)\b(?!\.\d)|\d{4}-\d\d-\d\d\b", re.ASCII
)
_FENCED = re.compile(r"```.*?```", re.DOTALL)  # shows a form, not a fact
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"')  # on one line, as ``figures.quoted`` writes it
_FACTORS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_NEARLY = 1e-9  # of a number: what two floats of one decimal may differ by


class Grounding(Struct, frozen=True, kw_only=True, gc=False):
    """How many numbers a reply cited, and how many of them its author was shown."""

    cited: int
    grounded: int

    @property
    def share(self) -> float | None:
        """0 to 1; ``None`` when nothing was cited."""
        return self.grounded / self.cited if self.cited else None


def grounding(parsed: Parsed, messages: Sequence[Message]) -> Grounding:
    """Holds the numbers in a reply's own words against those in the messages that it answers.

    Its words are chain of thought, summary, justifications and invalidation conditions. A number is grounded when one
    that was shown is the same once rounded to the places that are cited, whatever its sign: 110k cites 109,950, and
    "down 1.3 %" cites -1.25 %. Whole numbers of one digit are words, unless they are amounts or percentages. The
    numbers of the decisions (sizes, stops, targets; weights, also as percentages) are the author's own when its words
    name them, and count neither way. Quoted text in the messages is no evidence, for the author may have written it,
    and neither is a fenced form.
    """
    shown = [_shown(message.content) for message in messages]
    own = sorted(_own(parsed))
    cited = grounded = 0
    for value, places in _cited(parsed):
        there = any(_holds(numbers, value, places / 2) for numbers in shown)
        if not there and _holds(own, value, 0.0):
            continue
        cited += 1
        grounded += there
    return Grounding(cited=cited, grounded=grounded)


def _cited(parsed: Parsed) -> Iterator[tuple[float, float]]:
    """Numbers of the reply's words, each with the size of its last place."""
    words = [parsed.thoughts, parsed.summary]
    for decision in parsed.decisions:
        words += [decision.justification, decision.invalidation_condition]
    left = MOST_CITED
    for text in words:
        for number in _numbers(text):
            if left == 0:
                return
            left -= 1
            yield number


def _numbers(text: str) -> Iterator[tuple[float, float]]:
    bare = _NAMED.sub("", text)
    for found in _NUMBER.finditer(bare):
        whole, fraction, factor, percent = found.groups("")
        if len(whole) == 1 and not (fraction or factor or percent or bare[found.start() - 1 : found.start()] == "$"):
            continue
        unit = _FACTORS[factor]
        digits = whole.replace(",", "")
        yield float(f"{digits}.{fraction or 0}") * unit, unit / 10.0 ** len(fraction)


@lru_cache(maxsize=256)
def _shown(content: str) -> tuple[float, ...]:
    """The numbers of a message in rising order; a system message is the same for slot after slot."""
    facts = _QUOTED.sub('""', _FENCED.sub("", content))
    return tuple(sorted({value for value, _ in _numbers(facts)}))


def _own(parsed: Parsed) -> Iterator[float]:
    """The numbers that the reply itself decides."""
    for decision in parsed.decisions:
        yield from _figures(decision)
    if isinstance(parsed, ParsedWeights):
        for weight in parsed.weights.values():
            yield from (abs(weight), 100 * abs(weight))


def _figures(decision: Decision) -> Iterator[float]:
    figures: tuple[Decimal | float | None, ...] = (
        decision.quantity,
        decision.position_size_usd,
        decision.leverage,
        decision.stop_loss,
        decision.profit_target,
        decision.risk_usd,
        decision.confidence,
        None if decision.confidence is None else 100 * decision.confidence,
    )
    return (abs(float(figure)) for figure in figures if figure is not None)


def _holds(numbers: Sequence[float], value: float, tolerance: float) -> bool:
    """Whether one of the numbers, which rise, is within the tolerance."""
    reach = tolerance + _NEARLY * value
    place = bisect_left(numbers, value - reach)
    return place < len(numbers) and numbers[place] <= value + reach
