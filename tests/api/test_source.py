"""Any data source can stand behind the API: one that never heard of files serves here."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from api.app import tell_why_it_ended
from api.errors import SourceError
from api.handoff.generation import Generation, content_hash
from api.latest import Latest
from api.source import DataSource


class ListedSource:
    """Gives one generation after another from a list, and an error where the list has none."""

    def __init__(self, *generations: Generation | None) -> None:
        self._left = list(generations)

    async def load(self) -> Generation:
        generation = self._left.pop(0)
        if generation is None:
            raise SourceError("the source is away")
        return generation

    async def changes(self) -> AsyncGenerator[None, None]:
        while self._left:
            yield


def a_generation(number: int, **documents: bytes) -> Generation:
    return Generation(
        number=number,
        head=None,
        created_ms=number,
        documents=documents,
        hashes={name: content_hash(content) for name, content in documents.items()},
    )


async def test_generations_are_taken_over_one_after_another() -> None:
    source = ListedSource(a_generation(1, trades=b'{"trades":[1]}'), a_generation(2, trades=b'{"trades":[2]}'))
    latest = Latest(source)

    await latest.follow()

    assert isinstance(source, DataSource)
    assert latest.answers.generation.number == 2
    assert latest.answers.bodies["trades"].plain == b'{"trades":[2],"serverTime":'


async def test_a_source_that_is_away_leaves_what_was_there_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    latest = Latest(ListedSource(a_generation(1, trades=b'{"trades":[1]}'), None, None))

    await latest.follow()

    assert latest.answers.generation.number == 1
    assert [record.getMessage() for record in caplog.records] == [
        "the newest published set is not usable: the source is away"
    ]


async def test_what_did_not_change_is_not_prepared_again() -> None:
    first = a_generation(1, trades=b'{"trades":[1]}', leaderboard=b'{"leaderboard":[1]}')
    second = a_generation(2, trades=b'{"trades":[1]}', leaderboard=b'{"leaderboard":[2]}')
    latest = Latest(ListedSource(first, second))

    await latest.refresh()
    before = latest.answers
    await latest.refresh()

    assert latest.answers.bodies["trades"] is before.bodies["trades"]
    assert latest.answers.bodies["positions"] is before.bodies["positions"]
    assert latest.answers.bodies["leaderboard"] is not before.bodies["leaderboard"]


async def test_a_part_that_many_ask_for_at_once_is_cut_once() -> None:
    rows = b",".join(b'{"id":"m_%d","since_inception_hourly_marker":%d}' % (hour, hour) for hour in range(50))
    latest = Latest(ListedSource(a_generation(1, **{"account-totals": b'{"accountTotals":[%b]}' % rows})))
    await latest.refresh()

    bodies = await asyncio.gather(*(latest.answers.account_totals(49) for _ in range(20)))

    assert all(body is bodies[0] for body in bodies)
    assert bodies[0].plain.count(b'"id"') == 1


async def test_the_end_of_following_is_not_silent(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ValueError("a bug")

    follower = asyncio.create_task(broken())
    await asyncio.wait([follower])
    tell_why_it_ended(follower)

    assert "no longer followed" in caplog.messages[0]
