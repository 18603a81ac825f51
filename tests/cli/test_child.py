"""The API beside the engine: its address is printed, it ends with the engine, and the engine can do without it."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from engine.cli.child import api_process


def config(folder: Path, port: int) -> Path:
    path = folder / "nof0.yaml"
    path.write_text(f"DataPath: data\nPort: {port}\n")
    return path


def test_the_address_and_a_place_to_look_at_are_printed_before_the_engine_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with api_process(config(tmp_path, port=0)):
        address = re.search(r"look at (http://127\.0\.0\.1:\d+/api/leaderboard)\n", capsys.readouterr().out)
        assert address is not None
        found = httpx.get(address[1], trust_env=False).json()

    assert found == {"leaderboard": []}
    with pytest.raises(httpx.ConnectError):
        httpx.get(address[1], trust_env=False)


def test_the_engine_goes_on_where_the_port_is_taken(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with api_process(config(tmp_path, port)):
            said = capfd.readouterr().err

    assert f"cannot listen on 127.0.0.1 port {port}" in said
    assert "the API ended with exit code 1; the engine goes on without it" in said


def test_no_api_is_left_behind_when_the_engine_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from engine.cli.child import api_process\n"
        "with api_process(Path(sys.argv[1])): os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(config(tmp_path, port=0))], capture_output=True, text=True, timeout=30
    )
    port = int(killed.stdout.split("/api")[0].rsplit(":", 1)[1])

    assert killed.returncode == -signal.SIGKILL
    assert ended_within(10, port), f"something still listens on port {port}"


def ended_within(seconds: float, port: int) -> bool:
    """Whether nothing listens on the port any more, at the latest after so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return True
        time.sleep(0.1)
    return False
