"""The contract of a weighing: what a model is to answer, and how its weights are read."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from engine.executor.contract import closed_object
from engine.executor.parse import Parsed, ReplyMalformed, commentary, reply_text
from engine.executor.strict_json import decode, find_objects, printable, storable

LARGEST = 100  # a weight may be a fraction, a percentage or points: only their proportion counts
_FIELDS = ("weights", "summary", "chain_of_thought")


class ParsedWeights(Parsed, frozen=True, kw_only=True):
    """What a reply gives each strategy, as written: those left out have nothing. There are no decisions."""

    weights: dict[str, float]


def weights_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The contract as a JSON schema that endpoints with strict structured output take."""
    return closed_object(
        {
            "chain_of_thought": {"type": "string"},
            "weights": closed_object({label: {"type": "number"} for label in labels}),
            "summary": {"type": "string"},
        }
    )


def parse_weights(raw: bytes, *, finish_reason: str = "stop", labels: Sequence[str]) -> ParsedWeights:
    """The weights of a reply. Raises ``ReplyMalformed``, and nothing else, for what is not exactly one set of them.

    Read as tolerantly as decisions are (fences, think blocks, prose around it), and as strictly in meaning: a strategy
    that is not in the library, a setting beside the weights, a weight below 0 or above 100 are errors.
    """
    text = reply_text(raw, finish_reason)
    found = find_objects(text)
    answers = []
    for start, end in found.spans:
        if '"weights"' in text[start:end]:
            answer = decode(text[start:end])
            if isinstance(answer, dict) and "weights" in answer:
                answers.append(answer)
    if not answers:
        raise ReplyMalformed("reply", "there is no JSON object with weights in it", "no_json")
    if any(other != answers[0] for other in answers[1:]):
        raise ReplyMalformed("reply", f"there are {len(answers)} different answers in it", "ambiguous")
    answer = answers[0]
    for name in answer:
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            raise ReplyMalformed(printable(name, 40), f"the field is unknown; known: {known}")
    weights = answer["weights"]
    if not isinstance(weights, dict):
        raise ReplyMalformed("weights", "an object of a number by strategy is expected")
    return ParsedWeights(
        decisions=(),
        weights={_label(name, labels): _weight(name, value) for name, value in weights.items()},
        summary=commentary(answer.get("summary")),
        thoughts=commentary(answer.get("chain_of_thought")) or storable(found.thoughts),
        repaired=text.strip() != text[found.spans[0][0] : found.spans[0][1]],
    )


def _label(name: str, labels: Sequence[str]) -> str:
    if name not in labels:
        raise ReplyMalformed(f"weights.{printable(name, 40)}", f"no such strategy; known: {', '.join(labels)}")
    return name


def _weight(name: str, value: Any) -> float:
    where = f"weights.{name}"
    if isinstance(value, str) and value.isascii() and value.replace(".", "", 1).isdigit() and len(value) <= 20:
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise ReplyMalformed(where, "a number is expected")
    if not 0 <= value <= LARGEST:
        raise ReplyMalformed(where, f"{printable(str(value), 40)} is not between 0 and {LARGEST}")
    return float(value)
