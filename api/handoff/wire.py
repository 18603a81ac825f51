"""What every row and document of the wire format shares, and how they become bytes."""

import math
from collections.abc import Iterable

import msgspec
from msgspec import Struct


class Wire(Struct, frozen=True, kw_only=True):
    """What all rows and documents share: no float in them is NaN or infinite."""

    def __post_init__(self) -> None:
        for value in msgspec.structs.astuple(self):
            if type(value) is float and not math.isfinite(value):
                raise ValueError(f"{type(self).__name__} holds a number that JSON cannot carry: {self!r}")


def encode(value: Wire) -> bytes:
    """Compact JSON in declaration order, so that equal values have equal bytes."""
    return msgspec.json.encode(value)


def assemble(key: str, encoded_rows: Iterable[bytes], **numbers: int) -> bytes:
    """A document whose list ``key`` is made of rows that were encoded before: only new rows cost an encoding.

    ``numbers`` follow the list under their own names: ``assemble("accountTotals", rows, lastHourlyMarkerRead=198)``.
    """
    tail = b"".join(b',"%s":%d' % (name.encode(), number) for name, number in numbers.items())
    return b'{"%s":[%s]%s}' % (key.encode(), b",".join(encoded_rows), tail)
