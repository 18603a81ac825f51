"""The same seed gives the same bytes, whatever Python's hashes are: journal and published documents of a backtest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.journal.reader import read
from tests.processes.quick_arena import PROJECT_ROOT, write_arena
from tests.samples.recipe import in_own_process

FROM, TO = "2025-10-20T00:00:00Z", "2025-10-20T00:02:00Z"  # 120 bars of one second
HASH_SEEDS = (1, 20251020)


def backtest(folder: Path, hash_seed: int) -> Path:
    """Play the quick arena as a command in a fresh folder; that folder, with ``journal`` and ``published`` in it."""
    config = write_arena(folder)
    command = [sys.executable, "-m", "engine", "backtest", "--config", str(config), "--from", FROM, "--to", TO]
    ended = subprocess.run(
        [*command, "--journal", str(folder / "journal"), "--report", str(folder / "report.json")],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    in_own_process("flat", config, folder / "published", hash_seed=hash_seed)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_two_runs_under_different_hash_seeds_write_the_same_journal_and_the_same_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (backtest(tmp_path / f"hash-seed-{seed}", seed) for seed in HASH_SEEDS)

    fills = sum(frame.kind == "Filled" for frame in read(one / "journal"))
    with capsys.disabled():
        print(f"\n{fills} fills in each of the two runs")
    assert fills >= 100
    assert files_of(one / "journal" / "log") == files_of(other / "journal" / "log")
    assert files_of(one / "published").keys() >= {"account-totals.json", "conversations.json", "trades.json"}
    assert files_of(one / "published") == files_of(other / "published")
    assert (one / "report.json").read_bytes() == (other / "report.json").read_bytes()
