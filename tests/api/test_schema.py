"""The structs and the captured documents are the same thing: nothing is lost or added on the way in and out."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.handoff.schema import DOCUMENT_TYPES, DOCUMENTS, Analytics, ExitPlan, Trades
from api.handoff.wire import Wire, assemble, encode
from tests.api.documents import wire_documents


@pytest.mark.parametrize("name", ["crypto-prices", "trades", "leaderboard", "analytics", "since-inception-values"])
def test_a_captured_document_survives_the_way_in_and_out(shared_nof1: Path, name: str) -> None:
    captured = (shared_nof1 / f"{name}.json").read_bytes()

    back = encode(msgspec.json.decode(captured, type=DOCUMENT_TYPES[name]))

    assert msgspec.json.decode(back) == msgspec.json.decode(captured)


def test_the_capture_of_one_model_survives_it_too(shared_nof1: Path) -> None:
    captured = (shared_nof1 / "analytics-gpt-5.json").read_bytes()

    assert msgspec.json.decode(encode(msgspec.json.decode(captured, type=Analytics))) == msgspec.json.decode(captured)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_of_our_documents_survives_the_way_out_and_in(name: str) -> None:
    document = wire_documents()[name]

    assert msgspec.json.decode(encode(document), type=DOCUMENT_TYPES[name]) == document


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_struct_leaves_a_zero_out(name: str) -> None:
    written = msgspec.json.decode(encode(wire_documents()[name]))

    assert missing_keys(wire_documents()[name], written) == []


def test_an_exit_plan_is_never_empty() -> None:
    assert ExitPlan(invalidation_condition="").invalidation_condition == "n/a"
    assert ExitPlan() == ExitPlan(invalidation_condition="n/a")


def test_a_document_assembled_from_encoded_rows_is_the_one_encoded_whole() -> None:
    trades = wire_documents()["trades"]
    assert isinstance(trades, Trades)

    assert assemble("trades", [encode(trade) for trade in trades.trades]) == encode(trades)
    assert assemble("accountTotals", [b"{}", b"{}"], lastHourlyMarkerRead=3) == (
        b'{"accountTotals":[{},{}],"lastHourlyMarkerRead":3}'
    )


def missing_keys(struct: Wire, written: dict[str, Any]) -> list[str]:
    """Names of fields that were not written; ``serverTime`` is the API's to add."""
    missing = []
    for info in msgspec.structs.fields(struct):
        value = getattr(struct, info.name)
        if info.encode_name not in written:
            missing += [info.encode_name] if info.encode_name != "serverTime" else []
        elif isinstance(value, Wire):
            missing += missing_keys(value, written[info.encode_name])
        elif isinstance(value, tuple):
            for row, out in zip(value, written[info.encode_name], strict=True):
                missing += missing_keys(row, out)
        elif isinstance(value, dict):
            for key, row in value.items():
                missing += missing_keys(row, written[info.encode_name][key]) if isinstance(row, Wire) else []
    return missing
