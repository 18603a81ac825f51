"""Strict JSON out of loose text: finds the objects in what a model wrote and decodes them without guessing.

All of it is linear in the length of the text, whatever the text is: one pass finds the outermost objects and their
depth, and only those are decoded, once each.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from msgspec import Struct

DEEPEST = 32  # levels of nesting
MOST_OBJECTS = 64  # outermost objects in one text
LONGEST_NUMBER = 40  # characters

MalformedStatus = Literal[
    "empty",
    "too_large",
    "not_text",
    "truncated",
    "refused",
    "tool_call",
    "no_completion",
    "no_json",
    "invalid_json",
    "ambiguous",
    "invalid",
]


class ReplyMalformed(Exception):
    """A reply is not a decision: ``field`` says where, ``reason`` what was found, ``status`` what kind of failure."""

    def __init__(self, field: str, reason: str, status: MalformedStatus = "invalid") -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.status: MalformedStatus = status


class Found(Struct, frozen=True, kw_only=True):
    """Where the outermost objects of a text lie, and the text beside them; ``thoughts`` is what think blocks held."""

    spans: tuple[tuple[int, int], ...]
    thoughts: str


_TOKEN = re.compile(r"""[{}\[\]"]|</?think(?:ing)?>""", re.IGNORECASE)
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_THINK_ENDS = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


def find_objects(text: str) -> Found:
    """The outermost ``{...}`` of a text, oldest first; quotes and brackets in the prose around them mean nothing.

    A ``<think>`` block outside an object is set aside: what is in it was thought, not answered. A closing tag without
    its opening one (some endpoints swallow it) makes everything before it a thought. Raises ``ReplyMalformed`` when an
    object is not closed, is nested too deeply, or there are too many.
    """
    spans: list[tuple[int, int]] = []
    thoughts: list[str] = []
    depth, start, place, thought_from = 0, 0, 0, 0
    while token := _TOKEN.search(text, place):
        mark, place = token.group(), token.end()
        if depth == 0:
            match mark[:2]:
                case "{":
                    depth, start = 1, token.start()
                case "</":
                    thoughts.append(text[thought_from : token.start()])
                    spans.clear()
                    thought_from = place
                case "<t" | "<T":
                    end = _THINK_ENDS.search(text, place)
                    if end is None:
                        raise ReplyMalformed("reply", "it ends inside a think block", "truncated")
                    thoughts.append(text[place : end.start()])
                    place = thought_from = end.end()
                case _:
                    continue  # a bracket or a quote in prose
            continue
        match mark:
            case '"':
                string = _STRING.match(text, token.start())
                if string is None:
                    raise ReplyMalformed("reply", "the JSON object ends inside a string", "truncated")
                place = string.end()
            case "{" | "[":
                depth += 1
                if depth > DEEPEST:
                    raise ReplyMalformed("reply", f"JSON is nested deeper than {DEEPEST} levels", "invalid_json")
            case "}" | "]":
                depth -= 1
                if depth == 0:
                    spans.append((start, place))
                    if len(spans) > MOST_OBJECTS:
                        raise ReplyMalformed("reply", f"there are more than {MOST_OBJECTS} JSON objects", "ambiguous")
            case _:
                continue  # a tag inside an object but outside its strings: decoding will refuse it
    if depth > 0:
        raise ReplyMalformed("reply", "the JSON object is not closed", "truncated")
    return Found(spans=tuple(spans), thoughts="\n".join(part.strip() for part in thoughts if part.strip()))


def decode(text: str) -> Any:
    """The value of a JSON text; every number an exact ``Decimal``.

    Raises ``ReplyMalformed`` for anything that is not JSON to the letter, and for what JSON decoders let pass although
    nobody can mean it: duplicate keys, NaN, infinities, numbers longer than any price.
    """
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno} of the object"
        raise ReplyMalformed("reply", reason, "invalid_json") from error
    except RecursionError as error:
        raise ReplyMalformed("reply", "JSON is nested too deeply", "invalid_json") from error


def _number(lexeme: str) -> Decimal:
    if len(lexeme) > LONGEST_NUMBER:
        raise ReplyMalformed("reply", f"a number of {len(lexeme)} characters", "invalid_json")
    try:
        return Decimal(lexeme)
    except InvalidOperation as error:  # an exponent of more than eighteen digits
        raise ReplyMalformed("reply", f"{lexeme} is not a number one can reckon with", "invalid_json") from error


def _constant(name: str) -> Any:
    raise ReplyMalformed("reply", f"{name} is not a number", "invalid_json")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ReplyMalformed(printable(key, 40), "the key stands twice in one object", "invalid_json")
        found[key] = value
    return found


# Not "strict" in the sense of the standard library: models write line breaks into strings, and nothing hangs on those.
_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_constant, strict=False
)


def storable(text: str) -> str:
    """The text without what databases and encoders choke on: NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def printable(text: str, longest: int) -> str:
    """The text on one line, safe to show: no control or format characters, and not too long."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text[: longest + 1])
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
