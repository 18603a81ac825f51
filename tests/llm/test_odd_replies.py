"""Bad and odd replies: each ends as it should, and docs/replies.md says how, for people."""

from collections.abc import Callable, Iterator
from itertools import groupby, takewhile
from pathlib import Path

import pytest

from engine.executor.parse import ReplyMalformed, parse
from engine.executor.strict_json import printable
from tests.llm.odd_replies import GOOD, ODD_REPLIES, OddReply
from tests.standin.ends import ENDS

PAGE = Path(__file__).parents[2] / "docs" / "replies.md"
SHOWN, BEFORE = 64, 16  # characters of a reply that are shown, and how many of them before what is odd


def outcome(reply: OddReply) -> str:
    """What the parser makes of it: decisions coin by coin, or the status of the refusal."""
    try:
        parsed = parse(reply.raw, finish_reason=reply.finish_reason, coins=("BTC", "ETH"), confidence_scale="fraction")
    except ReplyMalformed as malformed:
        return malformed.status
    return ", ".join(f"{decision.symbol} {decision.signal}" for decision in parsed.decisions) or "nothing"


@pytest.mark.parametrize("reply", ODD_REPLIES, ids=lambda reply: f"{reply.group}: {reply.name}")
def test_an_odd_reply_ends_as_it_should(reply: OddReply) -> None:
    assert outcome(reply) == reply.expected


def test_there_are_many_and_each_is_another_one() -> None:
    assert len(ODD_REPLIES) >= 120
    assert len({(reply.group, reply.name) for reply in ODD_REPLIES}) == len(ODD_REPLIES)
    assert len({(reply.raw, reply.finish_reason) for reply in ODD_REPLIES}) == len(ODD_REPLIES)


def test_the_page_about_them_is_up_to_date(golden: Callable[[Path, str], None]) -> None:
    golden(PAGE, "\n".join(page()) + "\n")


HEAD = f"""# Replies

What becomes of bad and odd replies. This page is written by a test (`make golden`), which also holds the engine to it.
The statuses are explained in [prompts.md](prompts.md#the-answer-decision-contract-v2).

## {len(ODD_REPLIES)} texts

Each is the text of a completion that asked for confidence from 0 to 1 about BTC and ETH. One that is understood shows
what it decides, before risk judges it: an absurd size, or a coin that is not there, is well said and denied later. Any
other word is the status by which the whole reply is refused. Shown is a piece of each, from about where it is odd."""

FAULTS_HEAD = f"""
## {len(ENDS)} faults of an endpoint

Each is done by the stand-in endpoint of the tests over real HTTP, to a model that may be retried once and has 0.9 s.
*Calls* is how often the endpoint was asked. What failed for certain costs nothing; what cannot be known counts as the
longest reply that was asked for, and is not asked again.

| fault | becomes | calls | costs |
|---|---|---|---|"""


def page() -> Iterator[str]:
    """The page, line by line."""
    yield HEAD
    for group, replies in groupby(ODD_REPLIES, key=lambda reply: reply.group):
        yield f"\n### {group}\n\n| reply | a piece of it | becomes |\n|---|---|---|"
        for reply in replies:
            ending = "" if reply.finish_reason == "stop" else f"; ends by `{reply.finish_reason or '–'}`"
            decided = " " in reply.expected or reply.expected == "nothing"
            becomes = reply.expected if decided else coded(reply.expected)
            yield f"| {reply.name} | {shown(reply.raw)}{ending} | {becomes} |"
    yield FAULTS_HEAD
    for name, end in ENDS.items():
        becomes = end.status if end.status == "understood" else coded(end.status)
        yield f"| {name} | {becomes} | {end.calls} | {end.cost} |"


def shown(raw: bytes) -> str:
    """A piece of a reply as code: from shortly before the first letter that a good one has not."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = " ".join(f"{byte:02x}" for byte in raw[: SHOWN // 3 + 1])
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, GOOD, strict=False)))
    start = max(same - BEFORE, 0) if same < min(len(text), len(GOOD)) else max(len(text) - SHOWN, 0)
    start = min(start, len(GOOD) - BEFORE)
    piece = printable(text[start:], SHOWN).strip()
    return coded(("…" if start else "") + piece) if piece else "–"


def coded(text: str) -> str:
    """The text as code, safe in a table."""
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"
