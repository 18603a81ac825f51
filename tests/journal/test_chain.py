"""Framing: a record is one line, spelled in one way only, and no byte of it can change unnoticed."""

import json
from hashlib import blake2b

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.journal.chain import GENESIS, body_data, body_of, body_reference, frame, parse, parse_alone, reference
from engine.journal.errors import ChainError

DATA = b'{"coin":"BTC","size":"0.5"}'


def test_a_line_is_a_json_object_with_the_members_in_their_order() -> None:
    line, digest = frame(1, 1_700_000_000_000, "Filled", "momentum-1", GENESIS.hash, DATA)

    assert line.endswith(b"}\n")
    assert list(json.loads(line).items()) == [
        ("v", 1),
        ("seq", 1),
        ("ts", 1_700_000_000_000),
        ("kind", "Filled"),
        ("trader", "momentum-1"),
        ("prev", "0" * 64),
        ("hash", digest),
        ("data", {"coin": "BTC", "size": "0.5"}),
    ]


def test_a_record_that_belongs_to_no_trader_has_no_trader_member() -> None:
    line, _ = frame(1, 0, "Started", None, GENESIS.hash, b"{}")

    assert "trader" not in json.loads(line)
    assert parse_alone(line).trader is None


def test_the_hash_is_that_of_the_line_without_its_hash() -> None:
    line, digest = frame(1, 0, "Started", None, GENESIS.hash, b'{"a":1}')

    hashed = b'{"v":1,"seq":1,"ts":0,"kind":"Started","prev":"' + b"0" * 64 + b'","data":{"a":1}}'
    assert digest == blake2b(hashed, digest_size=32).hexdigest()
    assert line == hashed.replace(b'"data"', f'"hash":"{digest}","data"'.encode()) + b"\n"


@settings(max_examples=60)
@given(
    seq=st.integers(1, 10**17),
    ts=st.integers(0, 2**53 - 1),
    kind=st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True),
    trader=st.none()
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), min_size=1, max_size=9),
    data=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=4),
)
def test_what_was_framed_is_read_back(
    seq: int, ts: int, kind: str, trader: str | None, data: dict[str, int | str]
) -> None:
    encoded = msgspec.json.encode(data)

    line, digest = frame(seq, ts, kind, trader, "ab" * 32, encoded)
    read = parse(line, "ab" * 32, seq)

    assert (read.seq, read.ts, read.kind, read.trader, read.data) == (seq, ts, kind, trader, encoded)
    assert (read.head, read.prev) == ((seq, digest), "ab" * 32)
    assert json.loads(line)["data"] == data


def test_no_byte_of_a_line_can_change_go_or_come_twice() -> None:
    line, _ = frame(7, 123, "Filled", "t", "c" * 64, DATA)

    for at in range(len(line)):
        for damaged in (
            line[:at] + bytes([line[at] ^ 0x01]) + line[at + 1 :],
            line[:at] + bytes([line[at] ^ 0x20]) + line[at + 1 :],
            line[:at] + line[at + 1 :],
            line[:at] + b" " + line[at:],
        ):
            with pytest.raises(ChainError):
                parse(damaged, "c" * 64, 7)
        doubled = line[:at] + line[at : at + 1] + line[at:]
        with pytest.raises(ChainError):
            parse(doubled, "c" * 64, 7)


@pytest.mark.parametrize(
    ("seq", "prev", "says"),
    [(6, "c", "seq is 7, expected 6"), (8, "c", "seq is 7, expected 8"), (7, "d", "prev is cccccccccccc…, but")],
)
def test_a_record_in_the_wrong_place_says_so(seq: int, prev: str, says: str) -> None:
    line, _ = frame(7, 123, "Filled", None, "c" * 64, DATA)

    with pytest.raises(ChainError, match=says):
        parse(line, prev * 64, seq)


def test_a_line_of_another_spelling_is_refused_though_its_hash_is_right() -> None:
    line, _ = frame(7, 123, "Filled", None, "c" * 64, DATA)

    with pytest.raises(ChainError, match="not spelled"):
        parse_alone(line[:-2] + b"x\n")


def test_a_line_of_a_later_version_names_both_versions() -> None:
    line, _ = frame(7, 123, "Filled", None, "c" * 64, DATA)

    with pytest.raises(ChainError, match="version is 2; this engine reads version 1"):
        parse_alone(line.replace(b'"v":1', b'"v":2'))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"seq": 0}, "seq counts from 1"),
        ({"ts": -1}, "ms UTC"),
        ({"ts": 2**53}, "ms UTC"),
        ({"kind": "two words"}, "kind was"),
        ({"trader": 'quo"te'}, "trader was"),
        ({"trader": ""}, "trader was"),
        ({"trader": "\ud800"}, "surrogates"),
        ({"prev": "A" * 64}, "lower-case"),
        ({"data": b"[]"}, "not a JSON object"),
        ({"data": b'{"a":\n1}'}, "not a JSON object"),
        ({"data": b'{"a":"' + b"x" * 16 * 1024 * 1024 + b'"}'}, "the limit is 16777216"),
    ],
)
def test_what_no_line_can_hold_is_refused(changed: dict[str, object], says: str) -> None:
    fields = {"seq": 1, "ts": 0, "kind": "K", "trader": None, "prev": "0" * 64, "data": b"{}"} | changed

    with pytest.raises(ValueError, match=says):
        frame(**fields)  # type: ignore[arg-type]


def test_a_body_comes_back_byte_for_byte_under_its_reference() -> None:
    body = b'[1.50, {"a" : "b"}]'
    data = body_data(reference(body), "Snapshot", body)
    line, _ = frame(1, 0, "Body", None, GENESIS.hash, data)

    stored = parse_alone(line)

    assert (body_reference(stored), body_of(stored)) == (reference(body), body)
    assert json.loads(data) == {"ref": reference(body), "of": "Snapshot", "body": [1.5, {"a": "b"}]}


def test_a_body_under_a_wrong_reference_is_refused() -> None:
    line, _ = frame(1, 0, "Body", None, GENESIS.hash, body_data(reference(b"1"), "Snapshot", b"2"))

    with pytest.raises(ChainError, match="not the one that its reference names"):
        body_of(parse_alone(line))
