"""The command itself: its address, its exit codes, and that it stops when it is told to."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.api.documents import published

PROJECT_ROOT = Path(__file__).resolve().parents[2]
API = [sys.executable, "-m", "api", "--config"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    published(tmp_path / "data")
    path = tmp_path / "nof0.yaml"
    path.write_text("DataPath: data\nPort: 1")
    return path


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, started as a shell starts background jobs, and the address that it printed."""
    process = subprocess.Popen(
        [*API, *arguments],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address, f"no address in {line!r}"
        yield process, address[0]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_serves_and_stops_when_asked(config: Path, number: signal.Signals) -> None:
    with running(str(config), "--port", "0") as (process, address), httpx.Client(trust_env=False) as client:
        assert len(client.get(f"{address}/trades").json()["trades"]) == 2
        os.kill(process.pid, number)

        assert process.wait(timeout=10) == 0


def test_the_process_writes_nothing_into_the_folder_it_serves(config: Path) -> None:
    folder = config.parent / "data"
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
    with running(str(config), "--port", "0") as (process, address):
        httpx.get(f"{address}/account-totals?lastHourlyMarker=1", trust_env=False)
        process.terminate()
        process.wait(timeout=10)

    assert {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))} == before


def test_a_publication_is_taken_over_without_a_word(config: Path) -> None:
    with running(str(config), "--port", "0") as (process, address), httpx.Client(trust_env=False) as client:
        before = client.get(f"{address}/trades").headers["x-snapshot-generation"]
        published(config.parent / "data")
        deadline = time.monotonic() + 10
        while client.get(f"{address}/trades").headers["x-snapshot-generation"] == before:
            assert time.monotonic() < deadline, "the new generation was not seen"
            time.sleep(0.02)
        process.terminate()
        process.wait(timeout=10)

        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_settings_that_cannot_be_used_are_refused_with_all_reasons_and_exit_code_78(config: Path) -> None:
    config.write_text("Port: -1\nEnv: live")

    ended = subprocess.run(
        [*API, str(config)], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 78
    assert "Port was -1" in ended.stderr
    assert "Env was 'live'" in ended.stderr


def test_an_address_that_is_taken_is_said_so(config: Path) -> None:
    with running(str(config), "--port", "0") as (_, address):
        port = str(httpx.URL(address).port)
        ended = subprocess.run(
            [*API, str(config), "--port", port],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in ended.stderr


def test_the_hand_over_loads_no_web_framework_and_no_engine() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, api.handoff.running, api.handoff.generation; print(*sorted(sys.modules))",
        ],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert not {name.partition(".")[0] for name in loaded} & {"litestar", "uvicorn", "watchfiles", "engine", "httpx"}
    assert "api.routes" not in loaded
