"""Templates fail by name: nothing that is missing, unversioned or misspelt is passed over."""

from pathlib import Path

import pytest
from msgspec import Struct

from engine.executor.briefing import AccountBrief, Briefing, CoinBrief, PositionBrief
from engine.executor.prompt import ConfidenceBrief, PromptError, PromptSet, Template, render
from engine.executor.retrospect import RetrospectBrief, TradeBrief
from tests.executor.prompt.scene import LONG_MS, PROMPTS, SERIES_MS, context, prompt_set

HEADER = "{# Version: 1.2.3 #}\n"


def template(text: str) -> Template:
    return Template.of(HEADER + text, path="mine.j2", name="mine")


def test_a_template_knows_its_name_and_version(tmp_path: Path) -> None:
    path = tmp_path / "executor" / "bold.j2"
    path.parent.mkdir()
    path.write_text(HEADER + "{# Confidence: 0-100 #}\nBe bold.")

    loaded = Template.load(path)

    assert (loaded.name, loaded.version, loaded.confidence) == ("executor/bold", "1.2.3", "percent")


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"nowhere\.j2: there is no such template"):
        Template.load(tmp_path / "nowhere.j2")


def test_a_template_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.j2").write_bytes(HEADER.encode() + b"\xe9t\xe9")

    with pytest.raises(PromptError, match=r"latin\.j2: cannot be read"):
        Template.load(tmp_path / "latin.j2")
    with pytest.raises(PromptError, match="cannot be read"):
        Template.load(tmp_path)


@pytest.mark.parametrize(
    "source",
    ["", "Hello", "\n{# Version: 1.0.0 #}\n", "{# Version: one #}\n", "{# Version: 1.0 #}\n", "# Version: 1.0.0\n"],
)
def test_a_template_without_a_version_in_its_first_line_is_refused(source: str) -> None:
    with pytest.raises(PromptError, match=r"mine\.j2: the first line has to say its version"):
        Template.of(source, path="mine.j2", name="mine")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{ account", r"mine\.j2:2: "),
        ("{% if account %}", r"mine\.j2:2: "),
        ("{% include 'other.j2' %}", "asks for another template"),
        ("{% extends name %}", "asks for another template"),
        ("{{ account | shout }}", "shout"),
        ("{# Confidence: 1-10 #}", "the confidence scale is '1-10'"),
        ("x" * 70_000, "at most 65536"),
    ],
)
def test_a_template_that_can_never_work_is_refused_when_it_is_read(text: str, complaint: str) -> None:
    with pytest.raises(PromptError, match=complaint):
        template(text)


def test_a_name_that_does_not_exist_is_refused_when_the_set_is_made() -> None:
    shipped = prompt_set()

    with pytest.raises(PromptError, match=r"mine\.j2: asks for acount, range; known: account, coins, confidence"):
        PromptSet(system=shipped.system, user=template("{{ acount.equity_usd }}{{ range(3) }}"))
    with pytest.raises(PromptError, match=r"mine\.j2: asks for strategy"):
        PromptSet(system=shipped.system, user=template("{{ strategy }}"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{ account.equity }}", r"mine\.j2:2: .*has no attribute 'equity'"),
        ("\n{% for coin in coins %}{{ coin.ema21 }}{% endfor %}", r"mine\.j2:3: .*'ema21'"),
        ("{% if limits.max_pos %}{% endif %}", "'max_pos'"),
        ("{{ 1 / 0 }}", r"mine\.j2:2: division by zero"),
        ("{{ account.equity_usd + 1 }}", r"mine\.j2:2: "),
        ("{{ limits.max_positions.__class__.__mro__ }}", "unsafe"),
        ("{{ coins.__init__.__globals__ }}", "unsafe"),
        ("{{ ''.join.__self__ }}", "unsafe"),
        ("{{ '%s' | format(1, 2) }}", r"mine\.j2:2: "),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", r"mine\.j2:2: "),
    ],
)
def test_whatever_goes_wrong_while_filling_names_file_and_line(text: str, complaint: str) -> None:
    prompts = PromptSet(system=prompt_set().system, user=template(text))

    with pytest.raises(PromptError, match=complaint):
        render(context(), prompts, SERIES_MS, LONG_MS)


def test_values_are_never_run_as_template_text() -> None:
    prompts = PromptSet(system=prompt_set().system, user=template("{{ '{{ account }}' }} {{ '{% if %}' }}"))

    assert render(context(), prompts, SERIES_MS, LONG_MS).messages[1].content == "{{ account }} {% if %}\n"


def test_every_template_that_ships_can_be_filled() -> None:
    strategies = sorted(path.stem for path in (PROMPTS / "manager").glob("*.j2"))

    versions = [render(context(), prompt_set(name), SERIES_MS, LONG_MS).version for name in strategies]

    assert strategies == ["aggressive_short", "balanced_swing", "conservative_long", "crowd_fader"]
    assert all("manager/" in version for version in versions)


@pytest.mark.parametrize(
    "part", [Briefing, AccountBrief, CoinBrief, PositionBrief, TradeBrief, RetrospectBrief, ConfidenceBrief]
)
def test_everything_that_a_template_may_print_is_documented(part: type[Struct]) -> None:
    text = (PROMPTS.parent / "docs" / "prompts.md").read_text()

    assert [field for field in part.__struct_fields__ if f"`{field}`" not in text] == []
