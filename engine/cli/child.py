"""The API as a child process of ``engine run --with-api``: started beside the engine, ended with it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 5.0


@contextmanager
def api_process(config: Path) -> Iterator[None]:
    """Run the API until the block ends. It is its own process and meets the engine in the published files only."""
    process = subprocess.Popen([sys.executable, "-m", "api", "--config", str(config)], start_new_session=True)
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
