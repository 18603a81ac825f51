"""YAML documents as trees of scalars: what was written, before anybody decides what it means.

YAML 1.1 guesses types by looks (``no`` is false, ``12:30`` a number, ``1e3`` a text). Here a scalar stays the text it
is until the key it belongs to says what it has to be.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct

from engine.config.faults import Fault

LONGEST_CHARACTERS = 1_000_000
DEEPEST = 16
_PLAIN = ("str", "int", "float", "bool", "null", "timestamp", "value")


class Scalar(Struct, frozen=True):
    """One value as written; ``plain`` when it stands without quotes, so that it may be a number or a switch."""

    text: str
    plain: bool


Tree = dict[str, "Tree"] | list["Tree"] | Scalar


def parse_document(text: str, file: str, faults: list[Fault]) -> dict[str, Tree]:
    """The mapping that the text holds, empty when it holds none; what is wrong is added to ``faults``."""
    if len(text) > LONGEST_CHARACTERS:
        faults.append(Fault(file=file, key="", message=f"is longer than {LONGEST_CHARACTERS} characters"))
        return {}
    try:
        refusal = _refusal(text)
        node = None if refusal else yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as e:
        refusal, node = _syntax(e), None
    if refusal:
        faults.append(Fault(file=file, key="", message=refusal))
        return {}
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        faults.append(Fault(file=file, key="", message="is not a mapping of keys to values"))
        return {}
    tree = _Walk(file, faults).tree(node, "")
    assert isinstance(tree, dict)
    return tree


def join(path: str, key: str) -> str:
    """The path of a key inside the mapping at ``path``."""
    return f"{path}.{key}" if path else key


class _Walk:
    """Turns composed nodes into trees."""

    def __init__(self, file: str, faults: list[Fault]) -> None:
        self._file = file
        self._faults = faults

    def _fault(self, path: str, message: str) -> None:
        self._faults.append(Fault(file=self._file, key=path, message=message))

    def tree(self, node: yaml.Node, path: str) -> Tree:
        if isinstance(node, yaml.MappingNode):
            return {key: self.tree(value, join(path, key)) for key, value in self._pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self.tree(value, f"{path}[{index}]") for index, value in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN:
            self._fault(path, "carries a tag of its own; plain values only")
        return Scalar(node.value, not node.style)

    def _pairs(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, yaml.Node]]:
        first_line: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                self._fault(path, f"has a key in line {line} that is no plain word")
            elif key.value == "<<":
                self._fault(join(path, "<<"), "merges another mapping; write the keys out, merging is not read")
            elif key.value in first_line:
                self._fault(join(path, key.value), f"stands twice, in lines {first_line[key.value]} and {line}")
            else:
                first_line[key.value] = line
                yield key.value, value


def _refusal(text: str) -> str:
    """Why a text is not even composed: composing unfolds aliases, and the parser's own stack is not endless."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            return f"holds an alias{_place(event.start_mark)}; write the value itself, aliases are not read"
        if depth > DEEPEST:
            return f"is nested more than {DEEPEST} levels deep{_place(event.start_mark)}"
    return ""


def _syntax(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or "it cannot be read"
    return f"is not YAML: {problem}{_place(getattr(error, 'problem_mark', None))}"


def _place(mark: Any) -> str:
    return "" if mark is None else f" in line {mark.line + 1}"
