"""From trees to structs: every key is read as what its type says, and every fault is collected with its path."""

import types
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from engine.config.document import Scalar, Tree, join
from engine.config.environment import Expanded, expand
from engine.config.faults import Fault
from engine.config.kinds import Refused, Untyped
from engine.config.leaf import LeafError, read_leaf, read_untyped, rooted
from engine.config.secret import Secret


class Failed:
    """Stands where a value could not be read."""


FAILED = Failed()


class Conversion:
    """Reads one file's tree. ``faults`` are certain; ``unset`` count only where the entry they are in is used."""

    def __init__(self, file: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._file = file
        self._folder = folder
        self._environ = environ
        self.faults: list[Fault] = []
        self.unset: list[Fault] = []

    def fault(self, path: str, message: str) -> Failed:
        """Note what is wrong with the key at this path."""
        self.faults.append(Fault(file=self._file, key=path, message=message))
        return FAILED

    def read(self, tree: Tree, wanted: Any, path: str = "") -> Any:
        """The value that ``tree`` holds for a type, or ``FAILED``; a struct is built with defaults for failed keys."""
        kind, notes = _unwrapped(wanted)
        if kind is Any:
            return self._untyped(tree, path)
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self._struct(tree, kind, path)
        if get_origin(kind) in (Union, types.UnionType):
            untyped = next((note.type for note in notes if isinstance(note, Untyped)), "")
            return self._variant(tree, get_args(kind), untyped, path)
        match get_origin(kind):
            case container if container is tuple:
                return self._sequence(tree, get_args(kind)[0], path)
            case container if container in (dict, Mapping):
                return self._mapping(tree, get_args(kind)[1], path)
        return self._leaf(tree, kind, notes, path)

    def _struct(self, tree: Tree, kind: type[Struct], path: str) -> Any:
        if not isinstance(tree, dict):
            return self.fault(path, "is not a mapping of keys to values")
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag = kind.__struct_config__.tag_field
        for key in tree:
            if key not in fields and key != tag:
                close = get_close_matches(key, fields, n=1)
                hint = f"did you mean {close[0]}" if close else f"known: {', '.join(fields)}"
                self.fault(join(path, key), f"is not a key here; {hint}")
        values = {field.name: self._field(tree, field, path) for field in fields.values()}
        if any(value is FAILED for value in values.values()):
            return FAILED
        return kind(**values)

    def _field(self, tree: dict[str, Tree], field: FieldInfo, path: str) -> Any:
        key = join(path, field.encode_name)
        default: Any = self._rooted(default_of(field))
        if field.encode_name not in tree:
            return self.fault(key, "is missing") if default is FAILED else default
        value = self.read(tree[field.encode_name], field.type, key)
        if value is FAILED:
            return default
        reason = next((note.reason for note in _unwrapped(field.type)[1] if isinstance(note, Refused)), None)
        if reason is not None and value != default:
            self.fault(key, f"cannot be changed: {reason}")
            return default
        return value

    def _rooted(self, value: Any) -> Any:
        """A default with its relative paths taken from the file's own folder."""
        if isinstance(value, Path):
            return rooted(value, self._folder)
        if isinstance(value, Struct):
            parts = {name: getattr(value, name) for name in value.__struct_fields__}
            return msgspec.structs.replace(value, **{name: self._rooted(part) for name, part in parts.items()})
        return value

    def _variant(self, tree: Tree, variants: tuple[type[Struct], ...], untyped: str, path: str) -> Any:
        tag = variants[0].__struct_config__.tag_field
        assert tag is not None
        if not isinstance(tree, dict):
            return self.fault(path, "is not a mapping of keys to values")
        known = {str(variant.__struct_config__.tag): variant for variant in variants}
        found = tree.get(tag, Scalar(untyped, True) if untyped else {})
        if not isinstance(found, Scalar):
            return self.fault(join(path, tag), f"is missing; known: {', '.join(known)}")
        if found.text not in known:
            return self.fault(join(path, tag), f"was {found.text!r}; known: {', '.join(known)}")
        return self._struct(tree, known[found.text], path)

    def _sequence(self, tree: Tree, item: Any, path: str) -> Any:
        if not isinstance(tree, list):
            return self.fault(path, "is not a list")
        read = [self.read(part, item, f"{path}[{index}]") for index, part in enumerate(tree)]
        if isinstance(item, type) and issubclass(item, Struct):
            return tuple(item() if value is FAILED else value for value in read)  # the others keep their places
        return tuple(value for value in read if value is not FAILED)

    def _mapping(self, tree: Tree, item: Any, path: str) -> Any:
        if not isinstance(tree, dict):
            return self.fault(path, "is not a mapping of keys to values")
        read = {key: self.read(part, item, join(path, key)) for key, part in tree.items()}
        return {key: value for key, value in read.items() if value is not FAILED}

    def _untyped(self, tree: Tree, path: str) -> Any:
        if isinstance(tree, dict):
            return self._mapping(tree, Any, path)
        if isinstance(tree, list):
            return self._sequence(tree, Any, path)
        expanded = self._expanded(tree, path)
        if expanded is None:
            return FAILED
        try:
            return read_untyped(Scalar(expanded.text, tree.plain))
        except LeafError as e:
            return self.fault(path, f"was {_shown(tree)}; {e}")

    def _leaf(self, tree: Tree, kind: Any, notes: tuple[Any, ...], path: str) -> Any:
        if not isinstance(tree, Scalar):
            return self.fault(path, f"is a {'list' if isinstance(tree, list) else 'mapping'}; expected a single value")
        expanded = self._expanded(tree, path)
        if expanded is None:
            return Secret("", tree.text) if kind is Secret else FAILED
        try:
            return read_leaf(tree, expanded, kind, notes, self._folder)
        except LeafError as e:
            return self.fault(path, f"{e}" if e.secret else f"was {_shown(tree)}; {e}")

    def _expanded(self, scalar: Scalar, path: str) -> Expanded | None:
        """The text with its variables filled in; ``None`` when that cannot be done, with the reason noted."""
        expanded = expand(scalar.text, self._environ)
        if expanded.fault:
            self.fault(path, f"was {scalar.text!r}; {expanded.fault}")
            return None
        if expanded.unset:
            self.unset.append(Fault(file=self._file, key=path, message=f"needs {expanded.unset}"))
            return None
        return expanded


def default_of(field: FieldInfo) -> Any:
    """What a key holds when it is not written; ``FAILED`` when it has to be."""
    if field.default is not NODEFAULT:
        return field.default
    return cast(Any, field.default_factory)() if field.default_factory is not NODEFAULT else FAILED


def _unwrapped(wanted: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type without its notes and without ``None`` (which only an absent key yields), and the notes."""
    notes: tuple[Any, ...] = ()
    while True:
        if get_origin(wanted) is Annotated:
            wanted, *more = get_args(wanted)
            notes += tuple(more)
            continue
        if get_origin(wanted) in (Union, types.UnionType):
            parts = [part for part in get_args(wanted) if part is not type(None)]
            if len(parts) == 1:
                wanted = parts[0]
                continue
        return wanted, notes


def _shown(scalar: Scalar) -> str:
    """What was written, never what a variable held."""
    return repr(scalar.text[:80])
