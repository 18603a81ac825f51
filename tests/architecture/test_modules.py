"""How every module is written: a noun for a name, a first line that says what it holds, a readable length."""

import ast

from tests.architecture.source_tree import PACKAGES, modules, parsed, relative

LONGEST_LINES = 420
NAMES_THAT_SAY_NOTHING = {"utils", "util", "base", "common", "helpers", "helper", "misc"}


def test_every_module_says_in_its_first_line_what_it_holds() -> None:
    silent = [relative(path) for path in modules(*PACKAGES) if path.read_text() and not ast.get_docstring(parsed(path))]

    assert silent == []


def test_no_module_is_longer_than_one_can_read() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in modules(*PACKAGES)}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_LINES} == {}


def test_no_module_is_named_after_nothing() -> None:
    assert [relative(path) for path in modules(*PACKAGES, "tests") if path.stem in NAMES_THAT_SAY_NOTHING] == []


def test_nothing_is_left_for_later() -> None:
    markers = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")

    assert [
        relative(path) for path in modules(*PACKAGES) if any(marker in path.read_text() for marker in markers)
    ] == []
