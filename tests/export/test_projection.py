"""The projection as a whole: a function of the records, in the shape of the wire, made anew only where it changed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from api.handoff.schema import DOCUMENT_TYPES, DOCUMENTS
from engine.manager.record import Entry, decode, encode, kind_of
from engine.manager.recorder import replay
from engine.manager.state import State
from tests.export.arena import Arena, eventful, terms

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DIGEST = """
import hashlib
from tests.export.arena import eventful
documents = eventful(30).projection.documents()
print(hashlib.sha256(b"".join(documents.values())).hexdigest())
"""


def test_there_are_exactly_the_documents_of_a_generation() -> None:
    assert tuple(eventful(1).projection.documents()) == DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("hours", [0, 5])
def test_every_document_has_the_shape_that_travels(name: str, hours: int) -> None:
    content = eventful(hours).projection.documents()[name]

    read = msgspec.json.decode(content, type=DOCUMENT_TYPES[name])

    assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(content)


def test_before_anybody_has_capital_the_documents_are_empty_but_whole() -> None:
    documents = Arena(terms("alpha")).projection.documents()

    assert documents["account-totals"] == b'{"accountTotals":[],"lastHourlyMarkerRead":0}'
    assert documents["crypto-prices"] == b'{"prices":{}}'
    assert documents["leaderboard"] == b'{"leaderboard":[]}'


def test_prices_are_the_latest_with_their_time_in_milliseconds() -> None:
    arena = eventful(1)
    arena.price(BTC=123.5)

    prices = arena.document("crypto-prices")["prices"]

    assert prices["BTC"] == {"symbol": "BTC", "price": 123.5, "timestamp": arena.now_ms}
    assert prices["ETH"]["timestamp"] < arena.now_ms


def test_replaying_the_journal_gives_the_same_bytes() -> None:
    told = eventful(30)
    lines = [(entry, kind_of(entry.record), encode(entry.record)) for entry in told.entries]
    read = [
        Entry(seq=entry.seq, ts=entry.ts, trader=entry.trader, record=decode(kind, data)) for entry, kind, data in lines
    ]
    state = State()
    again = told.new_projection(state)

    replay(iter(read), state, [again])

    assert again.documents() == told.projection.documents()
    assert again.seq == told.projection.seq == len(told.entries)


def test_how_often_documents_were_made_meanwhile_makes_no_difference() -> None:
    told = eventful(8)
    state = State()
    often = told.new_projection(state)

    for entry in told.entries:
        replay(iter([entry]), state, [often])
        often.documents()

    assert often.documents() == told.projection.documents()


def test_documents_that_did_not_change_are_the_same_objects() -> None:
    arena = eventful(3)
    before = arena.projection.documents()

    arena.price(BTC=100, ETH=10)

    after = arena.projection.documents()
    assert [name for name in DOCUMENTS if after[name] is not before[name]] == [
        "crypto-prices", "account-totals", "leaderboard", "positions",
    ]  # fmt: skip
    assert arena.projection.documents()["account-totals"] is after["account-totals"]


def test_a_new_price_encodes_as_few_rows_after_a_month_as_on_the_first_day() -> None:
    assert rows_encoded_by_a_price(after_hours=720) == rows_encoded_by_a_price(after_hours=24) < 20


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_the_hash_seed_of_the_process_makes_no_difference(hash_seed: str) -> None:
    told = hashlib.sha256(b"".join(eventful(30).projection.documents().values())).hexdigest()

    answer = subprocess.run(
        [sys.executable, "-c", DIGEST],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == told


def rows_encoded_by_a_price(*, after_hours: int) -> int:
    arena = eventful(after_hours)
    arena.projection.documents()
    before = arena.projection.encode.count
    arena.price(BTC=100, ETH=10)
    arena.projection.documents()
    return arena.projection.encode.count - before
