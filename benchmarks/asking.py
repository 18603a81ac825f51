"""How long a slot takes whose traders all ask a model at once: a real engine, and an endpoint that thinks for a while.

``python -m benchmarks.asking`` by itself; ``make bench`` puts the figure on its page. The engine is ``engine run`` with
its journal on disk, the endpoint the stand-in of the tests over loopback HTTP, each in a process of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from msgspec import Struct

from benchmarks.checks import Check
from engine.config import load
from engine.journal.errors import JournalMissing
from engine.journal.reader import read

ROOT = Path(__file__).resolve().parents[1]
TRADERS = 500
LATENCY_S = 5
INTERVAL_S = 180
LIMIT_S = 20.0
PATIENCE_S = 2 * INTERVAL_S + 60


class Asked(Struct, frozen=True, kw_only=True):
    """What one slot took: seconds from its opening until half of the traders had decided, and until all had."""

    traders: int
    latency_s: float
    half_s: float
    all_s: float
    failed: int


def check() -> Check:
    """The figure as a line of the page."""
    asked = measure()
    return Check(
        name=f"{asked.traders} traders ask an endpoint that takes {asked.latency_s:g} s at the same instant, "
        f"and all decide (wanted: within {LIMIT_S:g} s)",
        found=f"half after {asked.half_s:.1f} s, all after {asked.all_s:.1f} s, {asked.failed} not at all",
        holds=asked.failed == 0,
    )


def measure(traders: int = TRADERS, latency_s: float = LATENCY_S, interval_s: int = INTERVAL_S) -> Asked:
    """Run an arena of so many traders until one slot of all of them is over."""
    with TemporaryDirectory() as folder, _endpoint(latency_s) as base_url:
        config = _arena(Path(folder), base_url, traders, interval_s)
        with _process("-m", "engine", "run", "--config", str(config)) as engine:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                time.sleep(2)
                found = _slot(load(config, {}).root.journal.folder, traders, latency_s)
                if found is not None:
                    return found
                assert engine.poll() is None, f"the engine ended with {engine.returncode}"
                assert time.monotonic() < deadline, f"no slot of {traders} traders was over in {PATIENCE_S} s"


def _slot(journal: Path, traders: int, latency_s: float) -> Asked | None:
    """The first slot that every trader has closed; ``None`` when there is none yet."""
    took: dict[int, list[tuple[float, bool]]] = {}
    try:
        for frame in read(journal):
            if frame.kind == "SlotClosed":
                closed = json.loads(bytes(frame.data))
                decided = closed["outcome"] in ("acted", "denied", "held")
                took.setdefault(closed["slot_ms"], []).append(((frame.ts - closed["slot_ms"]) / 1000, decided))
    except JournalMissing:
        return None
    for ends in took.values():
        if len(ends) == traders:
            seconds = sorted(second for second, _ in ends)
            failed = sum(not decided for _, decided in ends)
            return Asked(
                traders=traders, latency_s=latency_s, half_s=seconds[traders // 2], all_s=seconds[-1], failed=failed
            )
    return None


def _arena(folder: Path, base_url: str, traders: int, interval_s: int) -> Path:
    """The shipped configuration with these traders alone, all of which ask one model at the same instants."""
    files: dict[str, Any] = {
        path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "etc").glob("*.yaml"))
    }
    files["nof0"] |= {"Arena": {"Deployment": "bench", "HistoryDays": 0}}
    model = {"type": "openai", "provider": "stand-in", "model_name": "momentum", "base_url": base_url}
    files["llm"]["models"] = {"asked": {**model, "api_key": "${NO_SUCH_KEY:-}", "max_completion_tokens": 4096}}
    files["llm"] |= {"default_model": "asked", "budget": {"daily_token_limit": 10**12}, "timeout": "60s"}
    files["executor"] |= {"max_concurrent_decisions": traders, "decision_timeout": "60s"}
    files["executor"] |= {"decision_interval": f"{interval_s}s"}
    files["manager"]["manager"] |= {"total_equity_usd": 1000 * traders, "reserve_equity_pct": 0}
    prompts = ROOT / "prompts"
    files["manager"]["traders"] = [
        {
            "id": f"trader_{number:03}",
            "model": "asked",
            "executor_prompt_template": str(prompts / "executor" / "default.j2"),
            "user_prompt_template": str(prompts / "executor" / "user.j2"),
            "allocation_pct": 100 / traders,
        }
        for number in range(traders)
    ]
    etc = folder / "etc"
    etc.mkdir()
    for name, content in files.items():
        (etc / f"{name}.yaml").write_text(json.dumps(content))
    return etc / "nof0.yaml"


@contextmanager
def _endpoint(latency_s: float) -> Iterator[str]:
    """The stand-in by itself; where it is."""
    with _process("-m", "tests.standin", "--latency", str(latency_s), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]


@contextmanager
def _process(*arguments: str, stdout: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=stdout, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    """Measure and tell; the exit code is 1 when somebody did not decide."""
    found = check()
    print(f"{found.name}: {found.found}")
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
