"""Whatever bytes a model sends, parsing ends soon and with decisions or ``ReplyMalformed``, and with nothing else."""

import json
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from engine.executor.parse import LONGEST_REPLY, Parsed, ReplyMalformed, parse
from engine.executor.strict_json import decode
from tests.executor.parse.replies import entry, read, v2

PIECES = [
    *'{}[]":,\\',
    "decisions",
    '"decisions":',
    '"signal":',
    "<think>",
    "</think>",
    "```json",
    "null",
    "true",
    "1e999",
    "NaN",
    "-0.0",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    '"\\ud800"',
    "\x00",
    "\n",
    '"BTC"',
    json.dumps(entry()),
    v2(entry()),
]


def outcome(raw: bytes, finish_reason: str = "stop") -> Parsed | ReplyMalformed:
    try:
        return parse(raw, finish_reason=finish_reason, coins=("BTC",))
    except ReplyMalformed as error:
        return error


def is_sound(parsed: Parsed) -> bool:
    """Whether every number of every decision is in range and every text can be stored."""
    symbols = [decision.symbol for decision in parsed.decisions]
    for decision in parsed.decisions:
        amounts = [
            decision.quantity,
            decision.position_size_usd,
            decision.entry_price,
            decision.stop_loss,
            decision.profit_target,
            decision.risk_usd,
        ]
        sized = decision.quantity is not None or decision.position_size_usd is not None
        if not all(amount is None or Decimal("1E-12") <= amount <= Decimal("1E15") for amount in amounts):
            return False
        if decision.opens and not sized:
            return False
        if decision.confidence is not None and not 0 <= decision.confidence <= 1:
            return False
        if decision.leverage is not None and not 1 <= decision.leverage <= 1000:
            return False
    texts = f"{parsed.summary}{parsed.thoughts}{parsed.decisions}"
    return len(set(symbols)) == len(symbols) and texts.encode() == texts.encode("utf-8", "surrogatepass")


@given(some.binary(max_size=300), some.sampled_from(["stop", "length", "tool_calls", "", "?"]))
@example(b"\xef\xbb\xbf", "stop")
def test_any_bytes_end_in_decisions_or_in_a_named_refusal(raw: bytes, finish_reason: str) -> None:
    result = outcome(raw, finish_reason)

    assert isinstance(result, ReplyMalformed) or is_sound(result)


@given(some.lists(some.sampled_from(PIECES), max_size=30))
def test_any_mixture_of_what_answers_are_made_of_does_too(pieces: list[str]) -> None:
    result = outcome("".join(pieces).encode())

    assert isinstance(result, ReplyMalformed) or is_sound(result)


@given(some.data())
def test_a_good_answer_with_some_bytes_changed_does_too(data: some.DataObject) -> None:
    raw = bytearray(v2(entry(), entry(symbol="ETH"), summary="s").encode())
    for _ in range(data.draw(some.integers(1, 4))):
        start = data.draw(some.integers(0, len(raw)))
        end = data.draw(some.integers(start, min(len(raw), start + 20)))
        raw[start:end] = data.draw(some.binary(max_size=4) | some.sampled_from(PIECES).map(str.encode))

    result = outcome(bytes(raw))

    assert isinstance(result, ReplyMalformed) or is_sound(result)


VALUES: some.SearchStrategy[Any] = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(some.dictionaries(some.sampled_from(list(entry())), VALUES, max_size=3))
def test_an_answer_with_any_values_in_its_fields_does_too(changes: dict[str, Any]) -> None:
    result = outcome(v2(entry(**changes)).encode())

    assert isinstance(result, ReplyMalformed) or is_sound(result)


def filled(piece: str) -> bytes:
    return (piece * (LONGEST_REPLY // len(piece.encode()))).encode()


@pytest.mark.parametrize(
    "raw",
    [
        filled("{"),
        filled("["),
        filled("{}"),
        filled('{"a":'),
        filled('"'),
        filled("\\"),
        filled("<think>"),
        filled("</think>"),
        filled("<think></think>"),
        filled("[{}"),
        b'{"decisions": [' + b"9" * (LONGEST_REPLY - 20),
        b'{"decisions": ["' + b"\\" * (LONGEST_REPLY - 20),
        b'{"decisions": [' + b"1," * (LONGEST_REPLY // 2 - 20) + b"1]}",
        b'{"decisions": [], "k0":0' + b"".join(b',"k%d":0' % n for n in range(20_000)) + b"}",
    ],
)
def test_the_longest_hostile_reply_takes_a_moment_only(raw: bytes) -> None:
    started = perf_counter()

    outcome(raw)

    assert perf_counter() - started < 1.0  # tens of milliseconds when nothing else runs


def test_json_alone_may_be_nested_however_deep_and_is_refused_by_name() -> None:
    with pytest.raises(ReplyMalformed, match="nested too deeply"):
        decode("[" * 100_000)


def test_two_identical_parses_agree() -> None:
    assert read(v2(entry())) == read(v2(entry()))
