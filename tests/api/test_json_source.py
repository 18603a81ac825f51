"""Following a folder: published or plain, there from the start or not, deleted and made again."""

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api.handoff.generation import Publisher
from api.json_source import JsonSource
from api.latest import Latest
from api.source import DataSource
from tests.api.documents import HEAD, documents, published
from tests.api.serving import PATHS, serving

POLL_MS = 100


@asynccontextmanager
async def following(folder: Path) -> AsyncIterator[Latest]:
    latest = Latest(JsonSource(folder, poll_ms=POLL_MS))
    await latest.refresh()
    async with asyncio.TaskGroup() as tasks:
        follower = tasks.create_task(latest.follow())
        yield latest
        follower.cancel()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (the condition is set by files, not by a task)
            await asyncio.sleep(0.01)


def test_the_json_source_is_a_data_source(tmp_path: Path) -> None:
    assert isinstance(JsonSource(tmp_path), DataSource)


async def test_a_new_generation_is_taken_over(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish(documents(price=1), HEAD, 1)
    async with following(tmp_path) as latest:
        assert latest.answers.generation.number == 1

        publisher.publish(documents(price=2), HEAD, 2)
        await until(lambda: latest.answers.generation.number == 2)

        assert b'"price":2' in latest.answers.bodies["crypto-prices"].plain


async def test_a_folder_that_appears_later_is_found(tmp_path: Path) -> None:
    async with following(tmp_path / "a" / "b") as latest:
        assert latest.answers.generation.documents == {}

        published(tmp_path / "a" / "b")
        await until(lambda: latest.answers.generation.number == 1)


async def test_a_folder_that_is_deleted_and_made_again_is_followed_on(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    async with following(published(folder)) as latest:
        shutil.rmtree(folder)
        await until(lambda: latest.answers.generation.number == 0)

        publisher = Publisher(folder)
        for number in (1, 2, 3):
            publisher.publish(documents(price=number), HEAD, number)
            await until(lambda expected=number: latest.answers.generation.number == expected)  # type: ignore[misc]


async def test_a_plain_file_that_is_edited_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "trades.json").write_text('{"trades": [], "serverTime": 1}')
    async with following(tmp_path) as latest:
        etag = latest.answers.bodies["trades"].etag

        replace_text(tmp_path / "trades.json", '{"trades": [{"id": "x"}], "serverTime": 1}')
        await until(lambda: latest.answers.bodies["trades"].etag != etag)

        assert latest.answers.bodies["trades"].plain == b'{"trades":[{"id":"x"}],"serverTime":'


@pytest.mark.parametrize("broken", ['{"trades": [', "[]", "null", '{"trades": [NaN]}', ""])
async def test_a_broken_file_leaves_the_last_good_set_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    (tmp_path / "trades.json").write_text('{"trades": [1]}')
    async with following(tmp_path) as latest:
        with caplog.at_level(logging.WARNING, logger="api"):
            replace_text(tmp_path / "trades.json", broken)
            await until(lambda: caplog.records)
            await asyncio.sleep(POLL_MS * 3 / 1000)

    assert latest.answers.bodies["trades"].plain == b'{"trades":[1],"serverTime":'
    assert ["trades" in record.getMessage() for record in caplog.records] == [True]


async def test_a_broken_manifest_leaves_the_last_good_set_until_a_good_one_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish(documents(price=1), HEAD, 1)
    async with following(tmp_path) as latest:
        with caplog.at_level(logging.WARNING, logger="api"):
            replace_text(tmp_path / "manifest.json", "{")
            await until(lambda: caplog.records)
        assert latest.answers.generation.number == 1

        publisher.publish(documents(price=2), HEAD, 2)
        await until(lambda: latest.answers.generation.number == 2)


async def test_at_the_start_a_broken_file_costs_only_its_own_document(tmp_path: Path) -> None:
    (tmp_path / "trades.json").write_text('{"trades": [')
    (tmp_path / "leaderboard.json").write_text('{"leaderboard": [1]}')

    async with following(tmp_path) as latest:
        assert latest.answers.bodies["trades"].plain == b'{"trades":[],"serverTime":'
        assert latest.answers.bodies["leaderboard"].plain == b'{"leaderboard":[1]'


def test_the_captured_folder_is_served_as_it_is_and_what_it_lacks_is_empty(shared_nof1: Path) -> None:
    with serving(shared_nof1) as client:
        answers = {path: client.get(path).json() for path in PATHS}
        trades = len(answers["/api/trades"]["trades"])

    assert trades == 88
    assert answers["/api/account-totals"]["accountTotals"] == []
    assert answers["/api/conversations"]["conversations"] == []
    assert [row["id"] for row in answers["/api/analytics/gpt-5"]["analytics"]] == ["gpt-5"]
    assert len(answers["/api/since-inception-values"]["sinceInceptionValues"]) == 7


def test_a_file_for_one_model_is_served_where_the_list_does_not_have_it(tmp_path: Path) -> None:
    (tmp_path / "analytics.json").write_text('{"analytics": [{"id": "a", "n": 1}]}')
    (tmp_path / "analytics-a.json").write_text('{"analytics": [{"id": "a", "n": 2}]}')
    (tmp_path / "analytics-b.json").write_text('{"analytics": [{"id": "b", "n": 3}], "serverTime": 4}')

    with serving(tmp_path) as client:
        rows = {model: client.get(f"/api/analytics/{model}").json()["analytics"] for model in "abc"}

    assert rows == {"a": [{"id": "a", "n": 1}], "b": [{"id": "b", "n": 3}], "c": []}


def test_rows_without_a_marker_belong_to_every_answer(tmp_path: Path) -> None:
    marker = "since_inception_hourly_marker"
    rows = [{"id": "a"}, {"id": "b", marker: 1}, {"id": "c", marker: 2}]
    (tmp_path / "account-totals.json").write_text(json.dumps({"accountTotals": rows}))

    with serving(tmp_path) as client:
        answer = client.get("/api/account-totals?lastHourlyMarker=2").json()

    assert [row["id"] for row in answer["accountTotals"]] == ["a", "c"]


def replace_text(path: Path, text: str) -> None:
    """At once: a reader sees the old text or the new one."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)
