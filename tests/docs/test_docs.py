"""The documents are complete and true: everything that can be named has its place, and what they name is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

import api.__main__
from api.handoff.schema import DOCUMENTS
from api.openapi import openapi_document
from engine.cli.commands import app
from engine.executor.risk import RULES
from engine.executor.strategies import STRATEGIES
from engine.manager.record import KINDS
from tests.config.key_listing import FILES, all_keys

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
SOURCES = [
    path.relative_to(ROOT).as_posix() for room in ("engine", "api", "tests") for path in ROOT.glob(f"{room}/**/*.py")
]
ALIASES = ("funding_arbitrage",)  # another name of funding_carry


def commands(group: App = app, name: str = "engine") -> Iterator[tuple[str, list[str]]]:
    """Every command of the engine with its options, the groups left out."""
    for word in group:
        if not word.startswith("-"):
            command = group[word]
            full = f"{name} {word}"
            if command.default_command is not None:
                yield full, [argument.names[0] for argument in command.assemble_argument_collection()]
            yield from commands(command, full)


COMMANDS = dict(commands())


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    (found,) = re.findall(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    _, rest = text.split(f"\n{found} {heading}\n")
    return re.split(rf"^#{{1,{len(found)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[str]:
    """The first cells of all table rows, where they are code."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def shell_lines() -> list[tuple[str, str]]:
    """Every command that a page tells its readers to type, without comments and pipes."""
    found = []
    for path in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                typed = line.split("#")[0].split("|")[0].strip().removeprefix(".venv/bin/")
                found.append((path.name, typed))
    return found


def targets() -> list[str]:
    return re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("file", FILES)
def test_every_key_of_the_configuration_has_its_row(file: str) -> None:
    (heading,) = [found for found in headings(page("configuration.md")) if f"`{file}`" in found]

    documented = rows(section(page("configuration.md"), heading))

    assert sorted({*documented}) == sorted({key.path for key in all_keys() if key.file == file})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_heading_and_its_options_a_row(command: str) -> None:
    text = page("commands.md")
    group = " ".join(command.split()[:-1])

    documented = rows(section(text, command)) or rows(section(text, group))

    assert documented == COMMANDS[command]


def test_no_heading_names_a_command_that_is_not_there() -> None:
    named = [heading for heading in headings(page("commands.md")) if heading.startswith("engine ")]

    assert sorted(named) == sorted({*COMMANDS, "engine trader"})


def test_the_options_of_the_api_have_their_rows(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        api.__main__.parse(["--help"])
    options = re.findall(r"^  (--\w+)", capsys.readouterr().out, re.MULTILINE)

    assert rows(section(page("commands.md"), "api")) == options
    assert options == ["--config", "--host", "--port", "--parent"]


def test_every_target_of_make_has_its_row() -> None:
    assert rows(section(page("commands.md"), "make")) == [f"make {target}" for target in targets()]


def test_every_endpoint_has_its_heading() -> None:
    documented = [heading.removeprefix("GET ") for heading in headings(page("api.md")) if heading.startswith("GET ")]

    assert {f"/api/{name}" for name in DOCUMENTS} < set(documented)
    assert sorted(documented) == sorted([*openapi_document()["paths"], "/schema"])


def test_every_kind_of_record_has_its_row() -> None:
    assert sorted(rows(section(page("architecture.md"), "Records"))) == sorted(KINDS)


def test_every_rule_has_its_row() -> None:
    assert sorted(rows(page("risk.md"))) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_has_its_heading(name: str) -> None:
    assert f"`{name}`" in page("strategies.md") if name in ALIASES else name in headings(page("strategies.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith("https://"):
            name, _, anchor = target.partition("#")
            linked = path.parent / name if name else path
            assert linked.exists(), f"{path.name} links to {target}, which is not there"
            if anchor:
                places = [
                    re.sub(r"[^\w -]", "", found.lower()).replace(" ", "-") for found in headings(linked.read_text())
                ]
                assert anchor in places, f"{path.name} links to {target}, and there is no such heading"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_source_files_that_are_named_are_there(path: Path) -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", path.read_text(encoding="utf-8"))

    assert [name for name in named if not any(f"/{source}".endswith(f"/{name}") for source in SOURCES)] == []


@pytest.mark.parametrize(("where", "typed"), shell_lines())
def test_commands_that_readers_are_told_to_type_are_understood(where: str, typed: str) -> None:
    program, *words = shlex.split(typed) or [""]

    match program:
        case "engine":
            app.parse_args(words, print_error=False, exit_on_error=False)
        case "api":
            api.__main__.parse(words)
        case "make":
            assert {word for word in words if "=" not in word} <= set(targets())
        case "curl":
            (url,) = [word for word in words if word.startswith("http")]
            assert re.sub(r"https?://[^/]+", "", url).partition("?")[0] in openapi_document()["paths"]
        case "":
            assert typed == ""
        case _:
            pytest.fail(f"{where} tells readers to type {typed!r}, which this test does not know")
