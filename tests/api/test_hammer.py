"""A reader that polls while another process publishes as fast as it can never sees a torn or a mixed set."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from api.handoff.generation import open_generation
from tests.api.serving import serving, wait_until

PROJECT_ROOT = Path(__file__).resolve().parents[2]
GENERATIONS = 250
PUBLISHER = """
import sys
from pathlib import Path
from api.handoff.generation import JournalHead, Publisher
from api.handoff.schema import DOCUMENTS

publisher = Publisher(Path(sys.argv[1]), keep_retired_ms=int(sys.argv[3]))
for number in range(1, int(sys.argv[2]) + 1):
    padding = "x" * (number % 7 * 3000)
    content = b'{"set":%d,"padding":"%s"}' % (number, padding.encode())
    publisher.publish(
        {name: content + b" " * place for place, name in enumerate(DOCUMENTS)},
        JournalHead(seq=number, hash="h"),
        number * 1000,
    )
"""


@contextmanager
def publishing(folder: Path, generations: int, keep_retired_ms: int) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [str(folder), str(generations), str(keep_retired_ms)]
    with subprocess.Popen([sys.executable, "-c", PUBLISHER, *arguments], cwd=PROJECT_ROOT) as publisher:
        try:
            yield publisher
        finally:
            publisher.kill()


def test_a_reader_in_another_process_never_opens_a_torn_or_mixed_set(tmp_path: Path) -> None:
    seen = []

    with publishing(tmp_path, GENERATIONS, keep_retired_ms=600_000) as publisher:
        opened = open_generation(tmp_path)
        while publisher.poll() is None:
            opened = open_generation(tmp_path, opened)
            if opened.documents:
                assert opened.head is not None
                assert {number_in(content) for content in opened.documents.values()} == {opened.number}
                assert opened.head.seq == opened.number
                seen.append(opened.number)

    assert publisher.returncode == 0
    assert seen == sorted(seen)
    assert len(dict.fromkeys(seen)) > 10
    assert open_generation(tmp_path).number == GENERATIONS


def test_a_reader_that_is_overtaken_by_the_collection_of_blobs_opens_the_next_set(tmp_path: Path) -> None:
    # One set a second by its own clock: blobs stay for three sets after their last, about as long as a reader reads.
    with publishing(tmp_path, GENERATIONS, keep_retired_ms=3000) as publisher:
        while publisher.poll() is None:
            opened = open_generation(tmp_path)
            assert len({number_in(content) for content in opened.documents.values()}) <= 1

    assert publisher.returncode == 0
    assert len(list((tmp_path / "blobs").iterdir())) == 8 * (1 + 3)


def test_a_client_of_the_server_never_sees_the_number_go_back_nor_two_sets_in_one_answer(tmp_path: Path) -> None:
    seen = []

    with serving(tmp_path) as client, publishing(tmp_path, GENERATIONS, keep_retired_ms=600_000) as publisher:
        while publisher.poll() is None:
            answer = client.get("/api/trades")
            number = int(answer.headers["x-snapshot-generation"])
            assert answer.json().get("set", 0) == number
            seen.append(number)
        wait_until(lambda: generation_served(client) == GENERATIONS)

    assert seen == sorted(seen)
    assert len(dict.fromkeys(seen)) > 3


def test_a_new_generation_is_visible_soon_after_it_was_published(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        for number in (1, 2, 3):
            subprocess.run(
                [sys.executable, "-c", PUBLISHER, str(tmp_path), "1", "600000"], cwd=PROJECT_ROOT, check=True
            )
            published = time.monotonic()
            wait_until(lambda expected=number: generation_served(client) == expected)  # type: ignore[misc]
            # Generous, for a busy machine: a watcher that is blind would need the poll, or for ever.
            assert time.monotonic() - published < 5


def generation_served(client: httpx.Client) -> int:
    return int(client.get("/health").json()["generation"])


def number_in(content: bytes) -> int:
    return int(msgspec.json.decode(content)["set"])
