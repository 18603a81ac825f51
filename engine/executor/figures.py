"""How numbers, instants and foreign text are written in a prompt."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import NewType

from engine.executor.strict_json import printable

LONGEST_QUOTE = 300  # characters
UNKNOWN = "n/a"

Quoted = NewType("Quoted", str)  # text that somebody else wrote, as ``quoted`` left it

# What endpoints and chat templates may take for the end of a message, a role or a fence: tags (one family of models
# writes them with the wide bar U+FF5C), [INST], backticks.
_MARKUP = re.compile(r"<(?=[|\uff5c/!?A-Za-z])|\[(?=/?[A-Z]{3})|`(?=``)|(?<=`)`|(?<=``)`")


def figures(value: float | Decimal, digits: int = 6) -> str:
    """A number with ``digits`` significant digits, never in scientific notation; whole digits are never cut off."""
    number = float(value)
    if not isfinite(number):
        return UNKNOWN
    if abs(number) < 1e-12:
        return "0"
    exponent = int(f"{number:.{digits - 1}e}".rpartition("e")[2])
    places = digits - 1 - exponent
    if places <= 0:
        return f"{number:.0f}"
    return f"{number:.{places}f}".rstrip("0").rstrip(".")


def series(values: Iterable[float], digits: int = 6) -> str:
    """Numbers in a row, divided by commas."""
    return ", ".join([figures(value, digits) for value in values])


def usd(value: float | Decimal) -> str:
    """An amount of money to the cent."""
    return f"{value:.2f}"


def percent(value: float | Decimal) -> str:
    """A percentage with its sign: ``-5.00 %``."""
    return f"{value:+.2f} %"


def instant(time_ms: int) -> str:
    """An instant to the minute, UTC."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def minutes(span_ms: int) -> str:
    """A span in whole minutes, rounded down."""
    return str(span_ms // 60_000)


def span(interval_ms: int) -> str:
    """The name of a bar's interval: ``3m``, ``4h``; 0 is the market's own bar."""
    for unit, length_ms in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if interval_ms and interval_ms % length_ms == 0:
            return f"{interval_ms // length_ms}{unit}"
    return f"{interval_ms / 1000:g}s" if interval_ms else "bar"


def quoted(text: str, longest: int = LONGEST_QUOTE) -> Quoted:
    """Text that somebody else wrote, as one quoted line: what stands in it can neither end the quote nor the line.

    Control and format characters become blanks; the marks that chat templates give a meaning to are written as JSON
    escapes, so that the text says the same and means nothing.
    """
    line = json.dumps(printable(text, longest), ensure_ascii=False)
    return Quoted(_MARKUP.sub(lambda found: f"\\u{ord(found.group()):04x}", line))
