"""Libraries of selectors: every fault at once, taken only when somebody has reviewed them, written as they are read."""

from pathlib import Path

import pytest

from engine.config import ConfigFaults
from engine.config.library import library_of, library_text, read_library
from engine.config.settings import TraderSettings
from tests.config.example import library, load_example, with_line

SHIPPED = Path(__file__).parents[2] / "etc" / "libraries" / "standard.yaml"


def at(folder: Path, text: str) -> Path:
    path = folder / "etc" / "swing.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def selecting(folder: Path, text: str, terms: str = "", model: str = "") -> TraderSettings:
    """The second trader of the example with this library."""
    at(folder, text)
    entry = f"{model}selector: {{library: swing.yaml}}{terms}"
    return load_example(folder, with_line("manager.yaml", "decision_interval: 5m", entry)).traders[1]


def complaint(folder: Path, text: str, terms: str = "", model: str = "") -> str:
    with pytest.raises(ConfigFaults) as caught:
        selecting(folder, text, terms, model)
    (fault,) = caught.value.faults
    return str(fault)


def test_a_library_is_read_with_its_strategies_and_scores(tmp_path: Path) -> None:
    settings = read_library(at(tmp_path, library(version=7)))

    found = library_of(settings)
    assert settings.name.startswith("swing 7 (")
    assert (found.labels, found.regime_interval_ms) == (("swing", "cash"), 3_600_000)
    assert (found.candidates[0].strategy.name, found.candidates[0].scores["range"].score) == ("bollinger_range", 1.0)
    assert found.candidates[1].scores == {}


def test_null_switches_a_setting_off_and_is_written_as_it_is_read(tmp_path: Path) -> None:
    settings = read_library(at(tmp_path, library().replace("period: 30", "period: 30, stop_widths: null")))

    assert settings.file.strategies["swing"].settings == {"period": 30, "stop_widths": None}
    assert read_library(at(tmp_path, library_text(settings.file))).file == settings.file


def test_its_name_tells_every_change_of_its_text(tmp_path: Path) -> None:
    before = read_library(at(tmp_path, library())).name

    assert read_library(at(tmp_path, library().replace("period: 30", "period: 31"))).name != before


@pytest.mark.parametrize("path", [SHIPPED, None], ids=["shipped", "example"])
def test_what_is_written_reads_as_the_same(tmp_path: Path, path: Path | None) -> None:
    settings = read_library(path or at(tmp_path, library()))

    again = read_library(at(tmp_path, library_text(settings.file)))

    assert again.file == settings.file
    assert library_text(again.file) == library_text(settings.file)


@pytest.mark.parametrize(
    ("line", "instead", "words"),
    [
        ("version: 1", "version: 0", "version was '0'"),
        ("version: 1", "versoin: 1", "did you mean version"),
        ("period: 30", "period: 3", "strategies.swing.strategy was 'bollinger_range'; bollinger_range: period is 3"),
        ("period: 30", "perod: 30", "has no setting perod"),
        ("period: 30", "period: null", "Expected `int`, got `null`"),
        ("period: 30", "stop_widths: ", "stop_widths was ''; it has no value"),
        ("strategy: cash", "strategy: gold", "strategy 'gold' is unknown; known: ema_trend"),
        ("  cash:", "  Cash:", "strategies.Cash is no label"),
        ("range: {score", "sideways: {score", "strategies.swing.scores.sideways is no regime; known: trend_up"),
        ("score: 1,", "score: 6,", "expected a number from 0 to 5"),
        ("score: 1,", "score: .nan,", "expected a number"),
        ("about: Nothing.", 'about: ""', "is no line of 1 to 300 characters"),
        ("about: Nothing.", 'about: "a\\nb"', "is no line of 1 to 300 characters"),
        ("about: Nothing.", "about: ${HOME}", "names a variable"),
    ],
)
def test_a_fault_is_told_with_its_key(tmp_path: Path, line: str, instead: str, words: str) -> None:
    assert line in library()

    with pytest.raises(ConfigFaults) as caught:
        read_library(at(tmp_path, library().replace(line, instead)))

    assert words in str(caught.value)


def test_a_library_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="cannot be read"):
        read_library(tmp_path / "none.yaml")
    path = at(tmp_path, "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigFaults, match="not text in UTF-8"):
        read_library(path)


def test_a_selector_without_a_model_goes_by_scores_and_reads_no_prompt(tmp_path: Path) -> None:
    trader = selecting(tmp_path, library())

    assert trader.selector is not None
    assert (trader.kind, trader.model, trader.system_template) == ("selector", None, None)
    assert (trader.selector.top, trader.selector.reweigh_ms) == (3, 3_600_000)


def test_a_selector_with_a_model_reads_the_template_for_selectors(tmp_path: Path) -> None:
    (tmp_path / "prompts" / "executor").mkdir(parents=True)
    (tmp_path / "prompts" / "executor" / "selector.j2").write_text("{# Version: 1.0.0 #}\n")

    trader = selecting(tmp_path, library(scores="{}"), model="model: script\n    ")

    assert (trader.kind, trader.model) == ("selector", "script")
    assert trader.system_template is not None
    assert trader.system_template.name == "selector.j2"


@pytest.mark.parametrize(
    ("text", "terms", "words"),
    [
        (library(reviewed_by=""), "", "traders[1].selector.library is "),
        (library(reviewed_by=""), "", "which nobody has reviewed: its reviewed_by is empty"),
        (library(reviewed_by=" "), "", "which nobody has reviewed: its reviewed_by is empty"),
        (library(scores="{}"), "", "traders[1].model is missing, and "),
        (library(scores="{}"), "", "holds no scores to go by (engine backtest --scores)"),
        (library(), "\n    strategy: {name: cash}", "traders[1].strategy stands beside a selector"),
        (library(), "\n    kind: direct", "traders[1].kind was 'direct', and this trader has a selector"),
        (library(), "\n    prompt_template: text.j2", "asks no model, and nobody reads it"),
        (library(), "\n    budget: {daily_token_limit: 5}", "traders[1].budget has no effect"),
        (library(), "\n    decision_interval: 2h", "reweigh_interval is 1h, shorter than its decision_interval of 2h"),
        (library() + "regime_interval: 90s\n", "", "library tells regimes by bars of 1m30s, no multiple"),
    ],
)
def test_what_does_not_fit_refuses_the_trader(tmp_path: Path, text: str, terms: str, words: str) -> None:
    assert words in complaint(tmp_path, text, terms)


def test_the_library_that_ships_is_scored_and_reviewed() -> None:
    file = read_library(SHIPPED).file

    assert file.reviewed_by
    assert file.reviewed_on
    assert all(strategy.scores for strategy in file.strategies.values())
