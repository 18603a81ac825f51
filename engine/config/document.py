"""YAML documents as trees of scalars: what was written, before anybody decides what it means.

YAML 1.1 guesses types by looks (``no`` is false, ``12:30`` a number, ``1e3`` a text). Here a scalar stays the text it
is until the key it belongs to says what it has to be.
"""

from collections.abc import Iterator

import yaml
from msgspec import Struct

from engine.config.faults import Fault

LONGEST_BYTES = 1_000_000
_DEEPEST = 16
_PLAIN_TAGS = tuple(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value")
)


class Scalar(Struct, frozen=True):
    """One value as written; ``plain`` when it stands without quotes, so that it may be a number or a switch."""

    text: str
    plain: bool


Tree = dict[str, "Tree"] | list["Tree"] | Scalar


def parse_document(text: str, file: str, faults: list[Fault]) -> dict[str, Tree]:
    """The mapping that the text holds, empty when it holds none; what is wrong is added to ``faults``."""
    if len(text) > LONGEST_BYTES:
        faults.append(Fault(file=file, key="", message=f"is longer than {LONGEST_BYTES} characters"))
        return {}
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as e:
        faults.append(Fault(file=file, key="", message=_syntax(e)))
        return {}
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        faults.append(Fault(file=file, key="", message="is not a mapping of keys to values"))
        return {}
    tree = _Walk(file, faults).tree(node, "", 0)
    assert isinstance(tree, dict)
    return tree


def join(path: str, key: str) -> str:
    """The path of a key inside the mapping at ``path``."""
    return f"{path}.{key}" if path else key


class _Walk:
    """Turns composed nodes into trees; a node met twice is an alias."""

    def __init__(self, file: str, faults: list[Fault]) -> None:
        self._file = file
        self._faults = faults
        self._seen: list[yaml.Node] = []  # kept alive, so that an id is never used again
        self._ids: set[int] = set()

    def _fault(self, path: str, message: str) -> None:
        self._faults.append(Fault(file=self._file, key=path, message=message))

    def tree(self, node: yaml.Node, path: str, depth: int) -> Tree:
        if id(node) in self._ids:
            self._fault(path, "is an alias of another value; write the value itself, aliases are not read")
            return Scalar("", True)
        self._ids.add(id(node))
        self._seen.append(node)
        if depth > _DEEPEST:
            self._fault(path, f"is nested more than {_DEEPEST} levels deep")
            return Scalar("", True)
        if isinstance(node, yaml.MappingNode):
            return {key: self.tree(value, join(path, key), depth + 1) for key, value in self._pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self.tree(value, f"{path}[{index}]", depth + 1) for index, value in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if node.tag not in _PLAIN_TAGS or "\0" in node.value:
            self._fault(path, "carries a tag of its own; plain values only")
            return Scalar("", True)
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


def _syntax(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    return f"is not YAML: {problem}" + (f" in line {mark.line + 1}" if mark is not None else "")
