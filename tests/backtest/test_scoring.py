"""Scoring: hours sorted by the regime they began in, one number for each, and a file that a person has to look at."""

import re
from pathlib import Path

import pytest
import yaml

from engine.backtest.scoring import samples, score_of, scored
from engine.cli.commands import run_command_line
from engine.config import load
from engine.config.library import read_library
from engine.executor.selector.regime import REGIMES, Regime
from tests.config.example import library

HOUR_MS = 3_600_000
ROOT = Path(__file__).parents[2]


def test_hours_belong_to_the_regime_in_which_they_began() -> None:
    regimes: dict[int, Regime | None] = {0: "range", HOUR_MS: "trend_up", 2 * HOUR_MS: None}

    found = list(samples([0, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS], [1.0, 1.1, 0.99, 1.2], regimes.__getitem__))

    assert [regime for regime, _ in found] == ["range", "trend_up"]
    assert [change for _, change in found] == pytest.approx([0.1, -0.1])


def test_what_is_not_an_hour_is_no_sample() -> None:
    assert list(samples([0, 2 * HOUR_MS], [1.0, 2.0], lambda _: "range")) == []
    assert list(samples([0, HOUR_MS], [0.0, 2.0], lambda _: "range")) == []
    assert list(samples([], [], lambda _: "range")) == []


def test_a_score_is_the_ratio_less_the_doubt_of_a_small_sample() -> None:
    """Mean 1 and deviation 100 in ten thousand: a ratio of a hundredth an hour, 0.936 a year."""
    pair = [0.0101, -0.0099]
    score = score_of(pair * 500)

    assert score.hours == 1000
    assert score.return_pct == pytest.approx(10.0)
    assert score.sharpe == pytest.approx(0.94, abs=0.01)
    assert score.score == pytest.approx(0.936 * 1000 / 1168, abs=0.001)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [([0.01, 0.011] * 500, 5.0), ([-0.01, -0.011] * 500, 0.0), ([0.0] * 500, 0.0), ([0.01], 0.0)],
)
def test_a_score_has_bounds_and_a_loss_is_worth_nothing(returns: list[float], expected: float) -> None:
    assert score_of(returns).score == expected


def test_only_regimes_that_were_met_have_a_score() -> None:
    found = scored([("range", 0.01), ("range", 0.02), ("trend_up", -0.01)])

    assert list(found) == ["trend_up", "range"]
    assert {regime: score.hours for regime, score in found.items()} == {"trend_up": 1, "range": 2}


def a_short_scoring(folder: Path, *more: str) -> int:
    span = ["--from", "2025-06-01", "--to", "2025-06-01T12:00:00Z"]
    config = ["--config", str(ROOT / "etc" / "nof0.yaml")]
    return run_command_line(["backtest", *config, "--scores", str(folder / "swing.yaml"), *span, *more])


def test_a_library_is_scored_alone_and_waits_for_a_review(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "swing.yaml"
    path.write_text(library(version=3, scores="{}"))

    assert a_short_scoring(tmp_path) == 0

    file = read_library(path).file
    assert (file.version, file.reviewed_by, list(file.strategies)) == (4, "", ["swing", "cash"])
    assert file.scored_on.startswith("synthetic: BTC, ETH, ")
    assert "write your name behind reviewed_by" in capsys.readouterr().out
    cash = file.strategies["cash"].scores
    assert all(regime in REGIMES for regime in cash)
    assert {score.return_pct for score in cash.values()} == {0.0}
    # Seven coins of twelve hours each: every hour is in one regime.
    assert sum(score.hours for score in cash.values()) == 7 * 12
    assert any(score.return_pct != 0 for score in file.strategies["swing"].scores.values())


def test_a_strategy_whose_stop_is_switched_off_is_scored_by_what_it_trades(tmp_path: Path) -> None:
    """A limit that asks for a stop would deny every entry, and the score would be that of cash."""
    path = tmp_path / "swing.yaml"
    path.write_text(library().replace("period: 30", "period: 30, stop_widths: null"))

    assert a_short_scoring(tmp_path) == 0

    scores = read_library(path).file.strategies["swing"].scores
    assert any(score.return_pct != 0 for score in scores.values())


def test_scoring_the_same_bars_again_finds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "swing.yaml"
    path.write_text(library())

    a_short_scoring(tmp_path)
    first = read_library(path).file
    a_short_scoring(tmp_path)

    assert read_library(path).file.strategies == first.strategies
    assert read_library(path).file.version == first.version + 1


def test_options_that_mean_nothing_beside_scores_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "swing.yaml").write_text(library())

    assert a_short_scoring(tmp_path, "--every-slot", "--report", str(tmp_path / "r.json")) == 2

    assert "leave out --report, --every-slot" in capsys.readouterr().err
    assert (tmp_path / "swing.yaml").read_text() == library()


def test_a_library_that_cannot_be_read_is_refused_before_anything_plays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "swing.yaml").write_text("version: 1\n")

    assert a_short_scoring(tmp_path) == 78

    assert "a library holds from 1 to 32" in capsys.readouterr().err


def test_the_selectors_of_the_page_load_and_trade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The block that docs/selectors.md shows, as the only traders of the shipped arena, over half a day."""
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "selectors.md").read_text(), re.DOTALL)
    etc = tmp_path / "etc"
    etc.mkdir()
    for file in (ROOT / "etc").glob("*.yaml"):
        (etc / file.name).write_text(file.read_text())
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")
    (etc / "libraries").symlink_to(ROOT / "etc" / "libraries")
    manager = yaml.safe_load((etc / "manager.yaml").read_text()) | {"traders": yaml.safe_load(block)}
    (etc / "manager.yaml").write_text(yaml.safe_dump(manager))

    settings = load(etc / "nof0.yaml", {})
    code = run_command_line(
        ["backtest", "--config", str(etc / "nof0.yaml"), "--from", "2025-08-01", "--to", "2025-08-01T12:00:00Z"]
    )

    assert [(trader.id, trader.kind) for trader in settings.traders] == [
        ("regime_scores", "selector"),
        ("regime_model", "selector"),
    ]
    assert code == 0  # the books agreed with the venue throughout
    shown, told = capsys.readouterr()
    assert re.search(
        r"^regime_scores goes by standard \d+ \(\w+\), scored on synthetic: BTC, .* from ", told, re.MULTILINE
    )
    fills = re.search(r"^fills +(\d+)$", shown, re.MULTILINE)
    assert fills is not None
    assert int(fills[1]) > 0
