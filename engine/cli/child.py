"""The API as a child process of ``engine run --with-api``: started beside the engine, ended with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 5.0


@contextmanager
def api_process(config: Path) -> Iterator[None]:
    """Run the API until the block ends; its address is printed before the block begins.

    It is its own process and meets the engine in the published files only. Where it cannot start, the engine says so
    and goes on without it.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "--config", str(config), "--parent", str(os.getpid())],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline()  # the only line that it prints; none when it ends before it listens
        if address:
            print(address, end="", flush=True)
        else:
            print(f"the API ended with exit code {process.wait()}; the engine goes on without it", file=sys.stderr)
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
