"""What becomes of each fault of the stand-in endpoint, with one retry and 0.9 s to answer in."""

from typing import Literal

from msgspec import Struct

Cost = Literal["nothing", "as counted", "the dearest"]


class End(Struct, frozen=True, kw_only=True):
    """How a question ends: the status of the reply, or of what kind it was unavailable.

    ``calls`` is how often the endpoint was asked. The cost is nothing, what the tokens come to as far as they are
    counted, or the price of the longest reply where nobody knows.
    """

    status: str
    calls: int
    cost: Cost


def _of(status: str, cost: Cost, calls: int = 1) -> End:
    return End(status=status, calls=calls, cost=cost)


ENDS: dict[str, End] = {
    "L-01 empty": _of("empty", "as counted"),
    "L-01 null": _of("empty", "as counted"),
    "L-01 prose": _of("no_json", "as counted"),
    "L-01 fence": _of("understood", "as counted"),
    "L-01 two objects": _of("ambiguous", "as counted"),
    "L-01 trailing junk": _of("understood", "as counted"),
    "L-01 truncated": _of("truncated", "as counted"),
    "L-01 byte order mark": _of("understood", "as counted"),
    "L-01 utf-16": _of("no_completion", "the dearest"),
    "L-01 html": _of("no_completion", "the dearest"),
    "L-01 no choices": _of("no_completion", "the dearest"),
    "L-01 another schema": _of("no_completion", "the dearest"),
    "L-01 the answer without its envelope": _of("no_completion", "the dearest"),
    "L-01 no body": _of("no_completion", "the dearest"),
    "L-02 NaN": _of("invalid_json", "as counted"),
    "L-02 duplicate keys": _of("invalid_json", "as counted"),
    "L-02 nested": _of("no_json", "as counted"),
    "L-02 nested envelope": _of("no_completion", "the dearest"),
    "L-03 absurd sizes": _of("understood", "as counted"),
    "L-04 unknown coin": _of("understood", "as counted"),
    "L-05 no first byte": _of("unavailable: timeout", "the dearest"),
    "L-05 a byte a second": _of("unavailable: timeout", "the dearest"),
    "L-05 never ends": _of("unavailable: timeout", "the dearest"),
    "L-05 200 MB": _of("too_large", "the dearest"),
    "L-05 bomb": _of("too_large", "the dearest"),
    "L-05 not packed as it says": _of("unavailable", "the dearest"),
    "L-05 events": _of("no_completion", "the dearest"),
    "L-05 tool call": _of("tool_call", "as counted"),
    "L-05 refusal": _of("refused", "as counted"),
    "L-05 withheld": _of("refused", "as counted"),
    "L-05 hangs up": _of("unavailable", "the dearest"),
    "L-05 cut off": _of("unavailable", "the dearest"),
    "L-05 gibberish": _of("unavailable", "the dearest"),
    "L-06 401": _of("unavailable: auth", "nothing"),
    "L-06 402": _of("unavailable: quota", "nothing"),
    "L-06 403": _of("unavailable: auth", "nothing"),
    "L-06 404": _of("unavailable", "nothing"),
    "L-06 408": _of("unavailable", "nothing", 2),
    "L-06 429": _of("unavailable", "nothing", 2),
    "L-06 429 with Retry-After": _of("unavailable", "nothing"),
    "L-06 429 for a day": _of("unavailable", "nothing"),
    "L-06 429 quota": _of("unavailable: quota", "nothing"),
    "L-06 500": _of("unavailable", "nothing", 2),
    "L-06 502": _of("unavailable", "nothing", 2),
    "L-06 503": _of("unavailable", "nothing", 2),
    "L-06 529": _of("unavailable", "nothing", 2),
    "L-06 redirect": _of("unavailable", "nothing"),
    "L-06 error within 200": _of("unavailable", "nothing", 2),
    "L-07 another's answer": _of("understood", "as counted"),
    "L-08 tokens without end": _of("understood", "as counted"),
    "L-08 tokens below zero": _of("understood", "as counted"),
    "L-08 tokens in words": _of("understood", "as counted"),
    "L-08 no count": _of("understood", "as counted"),
    "L-08 nine million tokens": _of("understood", "as counted"),
}
