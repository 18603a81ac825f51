"""What the unchanged frontend needs, read off the wire of a real server: rules 1 to 14 of the nof1 format."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from api.handoff.generation import Publisher
from api.handoff.schema import CoinPrice, Trades
from api.handoff.wire import encode
from tests.api.documents import HEAD, INCEPTION_S, MODELS, a_trade, an_account_total, published
from tests.api.serving import PATHS, serving, wait_until


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(published(tmp_path_factory.mktemp("published"))) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_1_unknown_query_parameters_are_ignored(client: httpx.Client, path: str) -> None:
    plain = client.get(path)

    through_the_proxy = client.get(f"{path}?path=analytics&path=gpt-5&_=%ff&x")

    assert through_the_proxy.status_code == 200
    assert without_time(through_the_proxy.json()) == without_time(plain.json())


def test_2_the_marker_is_inclusive(client: httpx.Client) -> None:
    answer = client.get("/api/account-totals?lastHourlyMarker=2&path=account-totals").json()

    assert [row["since_inception_hourly_marker"] for row in answer["accountTotals"]] == [2, 2, 2, 3, 3, 3]
    assert answer["lastHourlyMarkerRead"] == 3


@pytest.mark.parametrize("query", ["", "?lastHourlyMarker=0"])
def test_2_without_a_marker_the_whole_history_comes(client: httpx.Client, query: str) -> None:
    assert len(client.get(f"/api/account-totals{query}").json()["accountTotals"]) == 4 * len(MODELS)


def test_2_a_marker_beyond_the_newest_row_gets_an_empty_list(client: httpx.Client) -> None:
    answer = client.get("/api/account-totals?lastHourlyMarker=999999999").json()

    assert (answer["accountTotals"], answer["lastHourlyMarkerRead"]) == ([], 3)


def test_3_asking_with_the_newest_marker_gets_a_row_of_every_trader(client: httpx.Client) -> None:
    everything = client.get("/api/account-totals").json()

    newest = client.get(f"/api/account-totals?lastHourlyMarker={everything['lastHourlyMarkerRead']}").json()

    assert [row["model_id"] for row in newest["accountTotals"]] == list(MODELS)


def test_4_a_new_live_row_keeps_its_marker_and_brings_a_fresh_timestamp(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish({"account-totals": live_rows(at_s=INCEPTION_S + 10)}, HEAD, 1_760_000_000_000)
    with serving(tmp_path) as client:
        before = client.get("/api/account-totals?lastHourlyMarker=0").json()["accountTotals"]

        publisher.publish({"account-totals": live_rows(at_s=INCEPTION_S + 20)}, HEAD, 1_760_000_010_000)
        wait_until(lambda: client.get("/health").json()["generation"] == 2)
        after = client.get("/api/account-totals?lastHourlyMarker=0").json()["accountTotals"]

    assert [row["id"] for row in before] == [row["id"] for row in after]
    assert {row["timestamp"] for row in before} == {INCEPTION_S + 10}
    assert {row["timestamp"] for row in after} == {INCEPTION_S + 20}


def test_5_timestamps_are_numbers_in_seconds_and_server_time_is_milliseconds(client: httpx.Client) -> None:
    totals = client.get("/api/account-totals").json()
    trade = client.get("/api/trades").json()["trades"][0]

    seconds = [row["timestamp"] for row in totals["accountTotals"]] + [trade["entry_time"], trade["exit_time"]]
    assert all(isinstance(value, float | int) and 1e9 < value < 1e10 for value in seconds)
    assert isinstance(totals["serverTime"], int)
    assert 1e12 < totals["serverTime"] < 1e13


@pytest.mark.parametrize("path", PATHS)
def test_6_no_number_is_a_text_and_none_is_missing(client: httpx.Client, path: str) -> None:
    texts = [value for value in leaves(client.get(path).json()) if isinstance(value, str)]

    assert [text for text in texts if re.fullmatch(r"-?\d+(\.\d+)?", text)] in ([], ["20251009085320"], ["1"])


def test_6_what_json_cannot_carry_is_refused_before_it_is_published() -> None:
    for number in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="JSON cannot carry"):
            CoinPrice(symbol="BTC", price=number, timestamp=0)


@pytest.mark.parametrize("path", ["/api/account-totals", "/api/positions"])
def test_7_every_open_position_has_an_exit_plan_that_says_something(client: httpx.Client, path: str) -> None:
    positions = open_positions(client.get(path).json())

    assert len(positions) == 4
    assert all(any(position["exit_plan"].values()) for position in positions)


def test_8_every_open_position_has_the_keys_without_which_it_is_dropped(client: httpx.Client) -> None:
    needed = {"entry_oid", "symbol", "entry_time", "quantity", "unrealized_pnl"}

    assert all(needed <= position.keys() for position in open_positions(client.get("/api/account-totals").json()))


def test_9_conversations_are_flat(client: httpx.Client) -> None:
    [row] = client.get("/api/conversations").json()["conversations"]

    texts = ["model_id", "cot_trace_summary", "user_prompt", "cot_trace"]
    assert all(isinstance(row[key], str) and row[key] for key in texts)
    assert row["llm_response"]["BTC"]["signal"] == "hold"


@pytest.mark.parametrize("path", PATHS)
def test_10_before_anything_was_published_answers_are_empty_and_not_errors(tmp_path: Path, path: str) -> None:
    with serving(tmp_path / "not there yet") as client:
        answer = client.get(path)
        health = client.get("/health").json()

    assert answer.status_code == 200
    assert all(not value for key, value in answer.json().items() if key != "serverTime")
    assert health["status"] == "empty"


def test_10_a_set_that_cannot_be_read_leaves_the_one_before_in_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(published(tmp_path)) as client:
        before = client.get("/api/trades")

        (tmp_path / "manifest.json").write_bytes(b'{"generation":2,')
        wait_until(lambda: any("is not a manifest" in message for message in caplog.messages))
        after = client.get("/api/trades")

    assert (after.status_code, after.headers["etag"]) == (200, before.headers["etag"])


def test_11_every_trader_starts_at_ten_thousand(client: httpx.Client) -> None:
    rows = client.get("/api/since-inception-values").json()["sinceInceptionValues"]
    totals = client.get("/api/account-totals").json()["accountTotals"]

    assert [row["nav_since_inception"] for row in rows] == [10_000]
    assert all(
        row["dollar_equity"] == 10_000 + row["realized_pnl"] + row["total_unrealized_pnl"]
        and row["cum_pnl_pct"] == pytest.approx((row["dollar_equity"] - 10_000) / 100)
        for row in totals
    )


def test_12_symbols_are_bare_upper_case_coins(client: httpx.Client) -> None:
    prices = client.get("/api/crypto-prices").json()["prices"]

    assert [price["symbol"] for price in prices.values()] == list(prices) == ["BTC"]


def test_13_all_completed_trades_come_and_not_the_newest_hundred(tmp_path: Path) -> None:
    trades = Trades(trades=tuple(a_trade(id=f"gpt-5_{number}") for number in range(150)))
    Publisher(tmp_path).publish({"trades": encode(trades)}, HEAD, 1_760_000_000_000)

    with serving(tmp_path) as client:
        rows = client.get("/api/trades").json()["trades"]

    assert len({row["id"] for row in rows}) == 150


def test_14_zeros_are_written_out(client: httpx.Client) -> None:
    [row] = client.get("/api/analytics/qwen3-max").json()["analytics"]

    assert row["invocation_breakdown_table"]["num_invocations"] == 0
    assert row["signals_breakdown_table"]["num_short_signals"] == 0
    assert len(row["signals_breakdown_table"]) == 34


def live_rows(at_s: float) -> bytes:
    rows = [msgspec.structs.replace(an_account_total(model, 0), timestamp=at_s) for model in MODELS]
    return msgspec.json.encode({"accountTotals": rows, "lastHourlyMarkerRead": 0})


def open_positions(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [position for row in document["accountTotals"] for position in row["positions"].values()]


def without_time(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "serverTime"}


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value
