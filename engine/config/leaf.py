"""Single values: a written text read as switch, number, duration, path, secret or word, within its range."""

import math
import re
from decimal import Decimal
from os.path import normpath
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from engine.config.document import Scalar
from engine.config.duration import format_duration, parse_duration
from engine.config.environment import Expanded
from engine.config.kinds import Number, Span, Text
from engine.config.secret import Secret

_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)
_SWITCH_LOOKALIKES = ("yes", "no", "on", "off", "y", "n", "true", "false")
_SWITCHES = {"true": True, "false": False}


class LeafError(Exception):
    """Why a value cannot be read; ``secret`` when what was written is not to be repeated."""

    def __init__(self, message: str, *, secret: bool = False) -> None:
        self.secret = secret
        super().__init__(message)


def read_leaf(written: Scalar, expanded: Expanded, kind: Any, notes: tuple[Any, ...], folder: Path) -> Any:
    """The value of one key; relative paths are taken from ``folder``. Raises ``LeafError``."""
    if written.plain and written.text in ("", "~", "null"):
        raise LeafError("has no value; leave the key out for its default", secret=True)
    if kind is Secret:
        return _secret(written, expanded)
    text = expanded.text
    if get_origin(kind) is Literal:
        return _word(text, get_args(kind))
    if kind is bool:
        return _switch(text, written.plain)
    for note in notes:
        match note:
            case Span():
                return _duration(text, note)
            case Number():
                return _number(text, kind, note, written.plain)
            case Text() if re.fullmatch(note.pattern, text) is None:
                raise LeafError(f"expected {note.words}")
    if kind is Path:
        return rooted(Path(text), folder)
    assert kind is str, f"no way to read a {kind}"
    return text


def read_untyped(scalar: Scalar) -> bool | int | float | str | None:
    """A setting whose type only its reader knows, by looks; quoted ones stay texts. Raises ``LeafError``.

    ``null`` is a value here: a strategy's stop is switched off by it. Nothing at all is none.
    """
    if not scalar.plain:
        return scalar.text
    if scalar.text in _SWITCHES:
        return _SWITCHES[scalar.text]
    if scalar.text.lower() in _SWITCH_LOOKALIKES:
        raise LeafError("write true or false, or put it in quotes")
    if scalar.text == "null":
        return None
    if scalar.text in ("", "~"):
        raise LeafError("it has no value")
    if _WHOLE.fullmatch(scalar.text):
        return int(scalar.text)
    if _DECIMAL.fullmatch(scalar.text):
        return _finite(float(scalar.text))
    return scalar.text


def rooted(path: Path, folder: Path) -> Path:
    """The path as seen from where the engine runs: taken from ``folder`` unless it is absolute."""
    return Path(normpath(folder / path))


def _secret(written: Scalar, expanded: Expanded) -> Secret:
    holds_default = ":-" in written.text and not written.text.endswith(":-}")
    if holds_default or (expanded.text and not expanded.whole):
        raise LeafError("holds a secret; name an environment variable instead: ${VARIABLE}", secret=True)
    return Secret(expanded.text, written.text)


def _word(text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise LeafError(f"known: {', '.join(words)}")
    return text


def _switch(text: str, plain: bool) -> bool:
    if not plain or text not in _SWITCHES:
        raise LeafError("expected true or false" + ("" if plain else ", without quotes"))
    return _SWITCHES[text]


def _duration(text: str, span: Span) -> int:
    try:
        milliseconds = parse_duration(text)
    except ValueError as e:
        raise LeafError(str(e)) from e
    if not span.at_least_ms <= milliseconds <= span.at_most_ms:
        raise LeafError(f"expected {format_duration(span.at_least_ms)} to {format_duration(span.at_most_ms)}")
    return milliseconds


def _number(text: str, kind: Any, number: Number, plain: bool) -> int | float | Decimal:
    pattern, noun = (_WHOLE, "a whole number") if kind is int else (_DECIMAL, "a number")
    expected = f"expected {noun} {number}".rstrip()
    if not plain:
        raise LeafError(f"{expected}, without quotes")
    if pattern.fullmatch(text) is None:
        raise LeafError(expected)
    value = int(text) if kind is int else _finite(float(text)) if kind is float else Decimal(text)
    if not number.holds(value):
        raise LeafError(expected)
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise LeafError("expected a finite number")
    return value
