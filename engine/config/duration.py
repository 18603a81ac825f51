"""Durations as people write them: ``500ms``, ``60s``, ``3m``, ``1h30m``, ``2d``."""

import re

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_PART = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)", re.ASCII)
_WHOLE = re.compile(r"(?:[0-9]{1,9}(?:ms|s|m|h|d))+", re.ASCII)


def parse_duration(text: str) -> int:
    """Milliseconds. Parts run from the larger to the smaller unit, each unit once. Raises ``ValueError``.

    A number without a unit is refused, and so is zero with anything but a single part: nobody can tell ``3`` seconds
    from ``3`` minutes.
    """
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("expected a duration such as 500ms, 60s, 3m, 1h30m or 2d")
    parts = [(int(number), UNITS_MS[unit]) for number, unit in _PART.findall(text)]
    sizes = [size for _, size in parts]
    if sizes != sorted(sizes, reverse=True) or len(set(sizes)) < len(sizes):
        raise ValueError("expected a duration with larger units first and each unit once, such as 1h30m")
    return sum(number * size for number, size in parts)


def format_duration(milliseconds: int) -> str:
    """The shortest text that ``parse_duration`` reads as this non-negative number of milliseconds."""
    text, left = "", milliseconds
    for unit, size in reversed(UNITS_MS.items()):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
