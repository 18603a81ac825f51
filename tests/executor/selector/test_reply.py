"""Weighing replies: read as they are packed, refused for what they mean."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.executor.parse import ReplyMalformed
from engine.executor.selector.reply import parse_weights, weights_schema

LABELS = ("trend", "swing", "cash")
NAMES = st.sampled_from([*LABELS, "weights", "summary", "Trend", "fast"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ANSWERS = st.fixed_dictionaries({"weights": VALUES}, optional={"summary": VALUES, "chain_of_thought": VALUES})


def read(text: str, finish_reason: str = "stop") -> dict[str, float]:
    return parse_weights(text.encode(), finish_reason=finish_reason, labels=LABELS).weights


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ('{"weights": {"trend": 0.6, "swing": 0.4}}', {"trend": 0.6, "swing": 0.4}),
        ('```json\n{"weights": {"trend": 60, "cash": 40}, "summary": "x"}\n```', {"trend": 60.0, "cash": 40.0}),
        ('<think>{"weights": {"swing": 1}}</think> Here: {"weights": {"trend": 1}}', {"trend": 1.0}),
        ('I choose {"weights": {"trend": "0.5"}} because.', {"trend": 0.5}),
        ('{"weights": {}}', {}),
        ('{"weights": {"trend": 0}}', {"trend": 0.0}),
        ('{"weights": {"trend": 1}} and again {"weights": {"trend": 1}}', {"trend": 1.0}),
    ],
)
def test_weights_are_read_however_they_are_packed(text: str, weights: dict[str, float]) -> None:
    assert read(text) == weights


@pytest.mark.parametrize(
    ("text", "status", "complaint"),
    [
        ("", "empty", "it is empty"),
        ("all of it on trend", "no_json", "no JSON object with weights"),
        ('{"decisions": []}', "no_json", "no JSON object with weights"),
        ('{"weights": {"trend": 1}', "truncated", "not closed"),
        ('{"weights": {"trend": 1, "trend": 2}}', "invalid_json", "stands twice"),
        ('{"weights": {"trend": NaN}}', "invalid_json", "NaN"),
        ('{"weights": {"trend": -1}}', "invalid", "not between 0 and 100"),
        ('{"weights": {"trend": 101}}', "invalid", "not between 0 and 100"),
        ('{"weights": {"trend": true}}', "invalid", "a number is expected"),
        ('{"weights": {"trend": {"weight": 1, "fast": 5}}}', "invalid", "a number is expected"),
        ('{"weights": {"trendy": 1}}', "invalid", "no such strategy; known: trend, swing, cash"),
        ('{"weights": {"trend": 1}, "parameters": {"fast": 5}}', "invalid", "the field is unknown"),
        ('{"weights": [1, 2]}', "invalid", "an object of a number by strategy"),
        ('{"weights": {"trend": 1}} {"weights": {"swing": 1}}', "ambiguous", "2 different answers"),
        ('{"weights": {"тrend": 1}}', "invalid", "no such strategy"),
        ('{"weights": {"trend": "１"}}', "invalid", "a number is expected"),
        ("{" * 100_000, "invalid_json", "nested deeper"),
    ],
)
def test_what_is_not_one_set_of_weights_is_refused(text: str, status: str, complaint: str) -> None:
    with pytest.raises(ReplyMalformed, match=complaint) as refused:
        read(text)

    assert refused.value.status == status


@pytest.mark.parametrize(("reason", "status"), [("length", "truncated"), ("content_filter", "refused")])
def test_how_a_reply_ended_counts_for_more_than_what_it_says(reason: str, status: str) -> None:
    with pytest.raises(ReplyMalformed) as refused:
        read('{"weights": {"trend": 1}}', reason)

    assert refused.value.status == status


def test_its_words_are_kept() -> None:
    parsed = parse_weights(
        b'{"chain_of_thought": "calm", "weights": {"trend": 1}, "summary": "trend it is"}', labels=LABELS
    )

    assert (parsed.thoughts, parsed.summary, parsed.decisions) == ("calm", "trend it is", ())


def test_the_schema_names_every_strategy_and_nothing_else() -> None:
    schema = json.loads(json.dumps(weights_schema(LABELS)))

    weights = schema["properties"]["weights"]
    assert (weights["required"], weights["additionalProperties"]) == (list(LABELS), False)
    assert schema["required"] == ["chain_of_thought", "weights", "summary"]


@given(
    st.one_of(
        st.binary(max_size=300), st.text(max_size=300).map(str.encode), st.builds(json.dumps, ANSWERS).map(str.encode)
    )
)
def test_any_bytes_are_weights_or_a_named_error(raw: bytes) -> None:
    try:
        weights = parse_weights(raw, labels=LABELS).weights
    except ReplyMalformed:
        weights = {}

    assert all(label in LABELS and 0 <= weight <= 100 for label, weight in weights.items())
