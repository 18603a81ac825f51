"""Grounding: which numbers of a reply stand in what its author was shown."""

from decimal import Decimal
from typing import Any

import pytest

from engine.executor.grounding import MOST_CITED, grounding
from engine.executor.parse import Parsed
from engine.executor.ports import Message
from engine.executor.selector.reply import ParsedWeights
from engine.model.decision import Decision

SHOWN = """# Market
## BTC
mark: 109950
change 1h: -1.25 %
funding rate per hour: +0.00125 %
open interest: latest 25000
  close: 109010, 109120, 109230
  RSI14: 56.1, 56.87
# Account
equity: 9913.37 USD
invalid when (your own note): "a close below 104777"
"""
SYSTEM = 'Leverage: at most 20. Answer with\n```\n{"position_size_usd": 1234.0}\n```\n'
MESSAGES = (Message(role="system", content=SYSTEM), Message(role="user", content=SHOWN))


def score(words: str, *decisions: Decision) -> tuple[int, int]:
    """Cited and grounded numbers of a reply that thinks this."""
    found = grounding(Parsed(thoughts=words, decisions=decisions), MESSAGES)
    return found.cited, found.grounded


@pytest.mark.parametrize(
    "words",
    [
        "BTC is at 109950",
        "BTC is at 109,950 and was at 109,010",
        "BTC is at $109950.",
        "about 110k",
        "near $0.11M",
        "RSI14 at 56.87, or 56.9, or 57",
        "down 1.25 %, 1.3% that is, or -1.25%",
        "equity of 9,913.37 USD (9913)",
        "funding 0.00125%",
        "closes 109010,109120,109230",
        "between 109010-109230",
        "leverage up to 20x",
        "open interest 25000",
        "RSI(14) 56.1; RSI-14 56.1; EMA 20 is not shown, RSI 14: 56.1",
    ],
)
def test_a_number_that_was_shown_is_grounded_however_it_is_written(words: str) -> None:
    cited, grounded = score(words)

    assert cited == grounded > 0


@pytest.mark.parametrize(
    "words",
    [
        "BTC is at 109951",
        "BTC is at 109949.9",
        "about 111k",
        "RSI14 at 58",
        "RSI14 at 56.86",
        "down 1.35 %",
        "a 3 % move",
        "the level of 104777",  # only its own note says so
        "the usual 1234 USD",  # only the form shows it
        "volume is 77,000",
    ],
)
def test_a_number_that_was_not_shown_is_not(words: str) -> None:
    assert score(words) == (1, 0)


@pytest.mark.parametrize(
    "words",
    [
        "EMA20 over EMA50, RSI7, ATR14 and MACD12",
        "bars of 3m and 4h, x2, v1.2.3",
        "on 2025-10-20 at 12:00",
        "2 of 3 reasons, 1 doubt",
        "the 20-bar average, a 1:3 ratio",
        "9" * 400,
        "EMA(20), MACD 12/26, ATR-14",
        "ВTC ٣٤ １２３",
        "",
    ],
)
def test_names_dates_and_words_are_no_citations(words: str) -> None:
    assert score(words) == (0, 0)


def test_the_numbers_of_a_decision_are_its_own() -> None:
    decision = Decision(
        symbol="BTC",
        signal="buy_to_enter",
        position_size_usd=Decimal("1500"),
        leverage=12,
        stop_loss=Decimal("108250.5"),
        profit_target=Decimal("113000"),
        confidence=0.65,
        justification="stop at 108250.5, target 113000, 1500 USD at 12x, 65 % sure (0.65)",
        invalidation_condition="below 109010 with RSI14 under 44",
    )

    assert score("", decision) == (2, 1)  # the shown 109010 and the invented 44
    assert score("stop 108250.5 from 109950", decision) == (3, 2)


def test_a_number_of_a_decision_that_was_shown_as_well_is_a_citation() -> None:
    decision = Decision(symbol="BTC", signal="buy_to_enter", leverage=20)

    assert score("all of the 20x", decision) == (1, 1)


def test_the_weights_of_a_selector_are_its_own_too() -> None:
    parsed = ParsedWeights(
        decisions=(), thoughts="0.35 for the trend, 65 % cash, mark 109950", weights={"a": 0.35, "b": 0.65}
    )

    found = grounding(parsed, MESSAGES)

    assert (found.cited, found.grounded) == (1, 1)


def test_a_quote_ends_with_its_line_so_that_a_stray_mark_hides_no_facts() -> None:
    shown = (Message(role="user", content='a 5" screen\nmark: 109950\nnote: "below 104777"\n'),)

    found = grounding(Parsed(thoughts="109950, not 104777", decisions=()), shown)

    assert (found.cited, found.grounded) == (2, 1)


def test_summary_and_justifications_count_like_thoughts() -> None:
    parsed = Parsed(
        thoughts="mark 109950",
        summary="equity 9913.37",
        decisions=(Decision(symbol="BTC", signal="hold", justification="RSI14 99.9"),),
    )

    found = grounding(parsed, MESSAGES)

    assert (found.cited, found.grounded, found.share) == (3, 2, 2 / 3)


def test_a_reply_without_numbers_has_no_share() -> None:
    assert grounding(Parsed(decisions=()), MESSAGES).share is None


def test_an_endless_list_of_numbers_is_looked_at_up_to_a_point() -> None:
    assert score("109950 " * (MOST_CITED + 500)) == (MOST_CITED, MOST_CITED)


@pytest.mark.parametrize("words", ["-" * 50_000, "1," * 50_000, "(" * 50_000 + "1", "$" * 50_000, "0" * 200_000])
def test_hostile_words_take_no_time(words: str) -> None:
    """Linear, whatever is written; a test that hangs has failed."""
    found: Any = score(words)

    assert len(found) == 2
