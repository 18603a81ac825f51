"""Durations and secrets: what they read, and what they never show."""

import copy
import json
import pickle
import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.duration import format_duration, parse_duration
from engine.config.environment import expand
from engine.config.secret import Secret


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("500ms", 500), ("60s", 60_000), ("3m", 180_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("0s", 0)],
)
def test_a_duration_is_read_in_milliseconds(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    ["", "3", "3 m", "m", "-3m", "+3m", "1.5h", "30m1h", "1h1h", "3M", "３m", "3m ", "1h30", "9999999999s"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_that_was_formatted_reads_as_the_same(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2!", "${PASSWORD}")

    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr([secret]), repr((secret,))]

    assert [text for text in shown if "hunter" in text] == []
    assert secret.reveal() == "hunter2!"


def test_a_secret_is_not_pickled_and_not_encoded() -> None:
    secret = Secret("hunter2!")

    for encode in (pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins):
        with pytest.raises(TypeError) as caught:
            encode(secret)
        assert "hunter" not in "".join(traceback.format_exception(caught.value))
    assert not hasattr(secret, "__dict__")


def test_a_copied_secret_is_the_same_one() -> None:
    secret = Secret("hunter2!")

    assert copy.deepcopy({"key": secret})["key"] is secret
    assert copy.copy(secret) is secret


def test_an_empty_secret_is_false_and_equal_ones_are_equal() -> None:
    assert not Secret("")
    assert Secret("a", "${A}") == Secret("a", "${B}")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", "plain"),
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${B:-two}", "two"),
        ("${A:-two}", "1"),
        ("${EMPTY:-two}", "two"),
        ("${B:-}", ""),
        ("$A costs 5$", "$A costs 5$"),
    ],
)
def test_references_are_filled_in(text: str, found: str) -> None:
    assert expand(text, {"A": "1", "EMPTY": ""}).text == found


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${1}", "${A B}", "${A:=x}", "${A${A}}", "${Ä}"])
def test_what_looks_like_a_reference_and_is_none_is_refused(text: str) -> None:
    assert "begins no" in expand(text, {"A": "1"}).fault
