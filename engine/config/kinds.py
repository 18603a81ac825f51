"""Kinds of values: what a key of the configuration may hold, with unit and range, said in its type."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct

COIN = re.compile(r"[A-Za-z0-9]{1,12}", re.ASCII)
NAME = re.compile(r"[a-z0-9_.-]{1,64}", re.ASCII)


class Number(Struct, frozen=True):
    """A number in a unit, within a range."""

    unit: str
    above: int | float | None = None
    at_least: int | float | None = None
    at_most: int | float | None = None

    def holds(self, value: Decimal | float) -> bool:
        """Whether a finite number lies in the range."""
        return (
            (self.above is None or value > Decimal(str(self.above)))
            and (self.at_least is None or value >= Decimal(str(self.at_least)))
            and (self.at_most is None or value <= Decimal(str(self.at_most)))
        )

    def __str__(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f"from {self.at_least} to {self.at_most}"
        words = (("above", self.above), ("at least", self.at_least), ("at most", self.at_most))
        return ", ".join([f"{word} {bound}" for word, bound in words if bound is not None])


class Span(Struct, frozen=True):
    """A duration, kept in ms."""

    unit: str = "duration"
    at_least_ms: int = 1
    at_most_ms: int = 366 * 86_400_000


class Text(Struct, frozen=True):
    """A text that matches a pattern; ``words`` say which."""

    pattern: str
    words: str
    unit: str = "text"


class Untyped(Struct, frozen=True):
    """Of several kinds of entry the one that is meant where ``type`` is not written."""

    type: str


class Refused(Struct, frozen=True):
    """A key that must stay at its default; ``reason`` says what it would need."""

    reason: str


Milliseconds = Annotated[int, Span()]
MillisecondsOrOff = Annotated[int, Span(at_least_ms=0)]
Usd = Annotated[Decimal, Number("USD", at_least=0)]
UsdAboveZero = Annotated[Decimal, Number("USD", above=0)]
Percent = Annotated[Decimal, Number("%", at_least=0, at_most=100)]
BasisPoints = Annotated[Decimal, Number("bps", at_least=0, at_most=1000)]
Leverage = Annotated[int, Number("x", at_least=1, at_most=100)]
Count = Annotated[int, Number("count", at_least=1, at_most=1_000_000)]
CountOrOff = Annotated[int, Number("count", at_least=0, at_most=1_000_000)]
TokensADay = Annotated[int, Number("tokens", at_least=1)]
Seed = Annotated[int, Number("number", at_least=0, at_most=2**63 - 1)]
Coin = Annotated[str, Text(COIN.pattern, "1 to 12 letters and digits", "coin")]
Name = Annotated[str, Text(NAME.pattern, "1 to 64 of a-z, 0-9, '_', '.' and '-'", "name")]
Folder = Annotated[Path, Text(r".+", "a path", "folder")]
File = Annotated[Path, Text(r".+", "a path", "file")]
Endpoint = Annotated[str, Text(r"https?://\S+", "an address that starts with http:// or https://", "URL")]
LogLevel = Literal["debug", "info", "warning", "error"]
