"""Settings as they may be shown: the configured keys with every default filled in, and no secret."""

from collections.abc import Iterator
from decimal import Decimal
from os.path import relpath
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Struct

from engine.config.duration import format_duration
from engine.config.kinds import Span
from engine.config.secret import MASK, Secret
from engine.config.settings import Settings


def redacted(settings: Settings) -> dict[str, Any]:
    """The configuration by file and key, as plain values; the same configuration always gives the same.

    Paths are relative to the folder of ``nof0.yaml``, so that a deployment that was moved is unchanged. Secrets show
    the variable they come from. ``in_force`` holds the limits and the capital that follow for each trader and account.
    """
    folder = settings.folder
    return {
        "nof0.yaml": _plain(settings.root, folder),
        "llm.yaml": _plain(settings.llm, folder),
        "executor.yaml": _plain(settings.executor, folder),
        "exchange.yaml": _plain(settings.exchanges, folder),
        "market.yaml": _plain(settings.markets, folder),
        "manager.yaml": _plain(settings.manager, folder),
        "in_force": {
            "traders": {trader.id: _plain(trader, folder) for trader in settings.traders},
            "accounts": {account.id: _plain(account, folder) for account in settings.accounts},
        },
    }


def secrets_in(settings: Settings) -> tuple[str, ...]:
    """Every secret that the configuration holds, for the log to mask."""
    return tuple(dict.fromkeys(secret.reveal() for secret in _secrets(settings) if secret))


def redacted_text(settings: Settings) -> str:
    """``redacted`` as one line of JSON with sorted keys: what the journal keeps, and compares with what it has."""
    return msgspec.json.encode(redacted(settings), order="sorted").decode()


def _secrets(value: Any) -> Iterator[Secret]:
    match value:
        case Secret():
            yield value
        case Struct():
            for name in value.__struct_fields__:
                yield from _secrets(getattr(value, name))
        case dict():
            for part in value.values():
                yield from _secrets(part)
        case tuple():
            for part in value:
                yield from _secrets(part)


def _plain(value: Any, folder: Path) -> Any:
    match value:
        case Secret():
            return value.source or (MASK if value else "")
        case Path():
            return Path(relpath(value, folder)).as_posix()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Struct():
            return _plain_struct(value, folder)
        case dict():
            return {str(key): _plain(part, folder) for key, part in value.items()}
        case tuple():
            return [_plain(part, folder) for part in value]
    return value


def _plain_struct(value: Struct, folder: Path) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    tag = value.__struct_config__.tag_field
    if tag is not None:
        shown[tag] = value.__struct_config__.tag
    for field in msgspec.structs.fields(type(value)):
        part = getattr(value, field.name)
        if part is None:
            continue
        if isinstance(part, int) and _is_duration(field.type):
            shown[field.encode_name] = format_duration(part)
        else:
            shown[field.encode_name] = _plain(part, folder)
    return shown


def _is_duration(kind: Any) -> bool:
    """Whether a key is written as a duration; it may also be optional."""
    if get_origin(kind) is Annotated:
        return any(isinstance(note, Span) for note in get_args(kind)[1:])
    return any(_is_duration(part) for part in get_args(kind))
