"""Every key of the configuration, told from the settings structs: path, default, unit, and why it is fixed."""

import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from engine.config.duration import format_duration
from engine.config.exchange import Exchanges
from engine.config.executor import ExecGuards, Executor, RiskParams
from engine.config.kinds import Number, Refused, Span, Text
from engine.config.llm import Llm
from engine.config.manager import Manager
from engine.config.market import Markets
from engine.config.root import Root
from engine.config.secret import Secret
from engine.executor.limits import Limits

FILES: dict[str, type[Struct]] = {
    "nof0.yaml": Root,
    "llm.yaml": Llm,
    "executor.yaml": Executor,
    "exchange.yaml": Exchanges,
    "market.yaml": Markets,
    "manager.yaml": Manager,
}
HAVE_TO_BE_WRITTEN = ("id", "total_equity_usd")


class Key(Struct, frozen=True, kw_only=True):
    """One key. In ``path``, ``<name>`` stands for an entry and ``[]`` for a list; ``kind`` is the type of its entry."""

    file: str
    path: str
    kind: str
    default: str
    unit: str
    refused: str


def all_keys() -> list[Key]:
    return [key for file, kind in FILES.items() for key in _keys(file, kind, "", "")]


def _keys(file: str, struct: type[Struct], prefix: str, kind: str) -> Iterator[Key]:
    if struct in (RiskParams, ExecGuards) and file != "executor.yaml":
        return  # the same blocks, listed once
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}.{field.encode_name}" if prefix else field.encode_name
        wanted, notes = unwrapped(field.type)
        inner = list(_structs_in(wanted))
        if inner:
            for part, suffix in inner:
                tag = part.__struct_config__.tag
                yield from _keys(file, part, path + suffix, str(tag) if tag else kind)
            if not any(part in (RiskParams, ExecGuards) for part, _ in inner) or file == "executor.yaml":
                continue
        refused = next((note.reason for note in notes if isinstance(note, Refused)), "")
        yield Key(
            file=file, path=path, kind=kind, default=_default(struct, field), unit=_unit(wanted, notes), refused=refused
        )


def unwrapped(wanted: Any) -> tuple[Any, tuple[Any, ...]]:
    notes: tuple[Any, ...] = ()
    while True:
        if get_origin(wanted) is Annotated:
            wanted, *more = get_args(wanted)
            notes += tuple(more)
        elif get_origin(wanted) in (Union, types.UnionType) and type(None) in get_args(wanted):
            wanted = next(part for part in get_args(wanted) if part is not type(None))
        else:
            return wanted, notes


def _structs_in(wanted: Any) -> Iterator[tuple[type[Struct], str]]:
    if isinstance(wanted, type) and issubclass(wanted, Struct):
        yield wanted, ""
        return
    suffix = "[]" if get_origin(wanted) is tuple else ".<name>" if get_origin(wanted) is dict else None
    if suffix is not None:
        item = unwrapped(get_args(wanted)[1 if suffix == ".<name>" else 0])[0]
        parts = get_args(item) if get_origin(item) in (Union, types.UnionType) else (item,)
        yield from ((part, suffix) for part in parts if isinstance(part, type) and issubclass(part, Struct))


def _default(struct: type[Struct], field: FieldInfo) -> str:
    if field.name in HAVE_TO_BE_WRITTEN:
        return "required"
    if struct in (RiskParams, ExecGuards):
        return "none" if (struct, field.name) == (ExecGuards, "max_margin_usage_pct") else _limit_default(field.name)
    if field.default is not NODEFAULT:
        return shown(field.default, unwrapped(field.type)[1])
    return "none" if field.default_factory is not NODEFAULT else "required"


def _limit_default(name: str) -> str:
    if name.startswith("enable_"):
        return "true"
    if name == "candidate_limit":
        return "all"
    value = getattr(Limits(), name)
    if value is None or name in ("pause_ms",):
        return "off"
    return format_duration(value) if name.endswith("_ms") else shown(value, ())


def shown(value: Any, notes: tuple[Any, ...]) -> str:
    if value is None or value == "" or value == () or value == {} or isinstance(value, Struct):
        return "none"
    if any(isinstance(note, Span) for note in notes):
        return format_duration(value)
    match value:
        case bool():
            return "true" if value else "false"
        case Path():
            return value.as_posix()
        case tuple():
            return ", ".join(value)
        case Decimal() | float() | int():
            return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else str(value)
    return str(value)


def _unit(wanted: Any, notes: tuple[Any, ...]) -> str:
    for note in notes:
        if isinstance(note, Number | Span | Text):
            return note.unit
    if get_origin(wanted) is Literal:
        return " / ".join(get_args(wanted))
    if get_origin(wanted) is tuple:
        inner, inner_notes = unwrapped(get_args(wanted)[0])
        return f"list of {_unit(inner, inner_notes)}"
    if get_origin(wanted) is dict or (isinstance(wanted, type) and issubclass(wanted, Struct)):
        return "mapping"
    return {bool: "true / false", Secret: "secret", str: "text"}[wanted]
