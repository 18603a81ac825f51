"""``engine simulate``: what it prints, and with what it ends."""

from pathlib import Path

import pytest

from engine.cli.simulate import SeedsUnreadable, read_seeds, simulate
from tests.simulation.mutants import BY_NAME


def test_it_says_what_happened_and_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    code = simulate("3,5", hours=0.2, jobs=1)

    printed = capsys.readouterr().out
    assert code == 0
    assert printed.startswith("2 universes, 0 virtual hours in ")
    assert "faults: " in printed
    assert "trace " in printed


def test_a_failure_ends_with_1_is_told_and_can_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with BY_NAME["no_sync"].on():
        code = simulate("3", hours=0.2, jobs=1, stories=tmp_path)
        again = simulate(replay=tmp_path / "p3-3.json")

    assert (code, again) == (1, 1)
    assert "P3 BROKEN" in capsys.readouterr().out
    assert simulate(replay=tmp_path / "p3-3.json") == 0


def test_seeds_are_numbers_and_ranges() -> None:
    assert read_seeds("0-2,7") == [0, 1, 2, 7]
    with pytest.raises(SeedsUnreadable, match="'2-x' is not a seed"):
        read_seeds("1,2-x")
    assert simulate("all") == 2
