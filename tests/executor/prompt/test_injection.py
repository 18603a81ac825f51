"""Text from outside stays text: whatever it says, the prompt around it is the same, letter for letter."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct, structs

from engine.executor.briefing import AccountBrief, Briefing, CoinBrief, PositionBrief, brief
from engine.executor.context import Context
from engine.executor.executor import understand
from engine.executor.figures import LONGEST_QUOTE, Quoted, quoted
from engine.executor.ports import Reply
from engine.executor.prompt import PromptError, render
from engine.executor.retrospect import LONGEST_REASON, RetrospectBrief, TradeBrief
from engine.executor.risk import judge
from engine.model.decision import ExitPlan, Proposal
from engine.model.ids import TraderId
from engine.model.lesson import lesson_of
from engine.model.market import snapshot_of
from tests.executor.prompt.injections import INJECTIONS
from tests.executor.prompt.scene import LONG_MS, NOW_MS, SERIES_MS, coin, context, lesson, prompt_set, trade

HARMLESS = "as planned"
MARKUP = re.compile(r"<[|\uff5c/!?A-Za-z]|\[/?[A-Z]{3}|```")


def with_notes(text: str) -> Context:
    """A slot in which everything that a trader may have written itself, or be called, is this text."""
    scene = context()
    plan = structs.replace(scene.plans["ETH"], invalidation_condition=text, justification=text)
    learned = lesson_of(trade(), structs.replace(lesson().plan or ExitPlan(), justification=text))
    return context(trader=TraderId(text), plans={"ETH": plan}, lessons=(learned,))


def system_and_lines(scene: Context) -> tuple[str, list[str]]:
    system, user = render(scene, prompt_set("crowd_fader"), SERIES_MS, LONG_MS).messages
    return system.content, user.content.split("\n")


def quote_in(line: str) -> str:
    return line[line.index('"') :]


def test_there_are_enough_of_them() -> None:
    assert len(INJECTIONS) >= 40
    assert len(set(INJECTIONS.values())) == len(INJECTIONS)


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_note_changes_nothing_but_its_own_quote(name: str) -> None:
    system, clean = system_and_lines(with_notes(HARMLESS))

    told, lines = system_and_lines(with_notes(INJECTIONS[name]))

    assert told == system  # rules, limits, action space and the form of the answer
    assert len(lines) == len(clean)
    changed = [place for place, line in enumerate(lines) if line != clean[place]]
    assert [clean[place].partition(": ")[0].strip() for place in changed] == [
        "invalid when (your own note)",
        "reason at entry (your own note)",
    ]
    for place in changed:
        assert lines[place][: lines[place].index('"')] == clean[place][: clean[place].index('"')]


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_quote_is_one_json_string_without_markup_and_not_too_long(name: str) -> None:
    _, lines = system_and_lines(with_notes(INJECTIONS[name]))

    quotes = [quote_in(line) for line in lines if "your own note" in line]

    assert len(quotes) == 2
    for quote, longest in zip(quotes, (LONGEST_QUOTE, LONGEST_REASON), strict=True):
        text = json.loads(quote)
        assert len(text) <= longest
        assert text.isprintable()
        assert not MARKUP.search(quote)
        assert quote.encode()


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_coin_of_that_name_is_refused_before_anybody_is_asked(name: str) -> None:
    scene = context()
    text = INJECTIONS[name]
    market = snapshot_of(NOW_MS, [coin(text, "1")])
    instruments = {**scene.instruments, text: scene.instruments["BTC"]}
    account = structs.replace(scene.account, positions={})

    with pytest.raises(PromptError, match="has a name that no reply could give") as refusal:
        system_and_lines(context(coins=(text,), market=market, instruments=instruments, account=account))

    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_closed_trade_in_a_coin_of_that_name_is_refused_too(name: str) -> None:
    foreign = structs.replace(trade(), coin=INJECTIONS[name])

    with pytest.raises(PromptError, match="has a name that no reply could give"):
        system_and_lines(context(recent_trades=(foreign,), lessons=(lesson_of(foreign, None),)))


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_reply_that_obeys_is_held_to_the_same_contract_and_limits(name: str) -> None:
    scene, note = with_notes(INJECTIONS[name]), INJECTIONS[name][:1_500]  # a longer reply is refused for its size
    obeying = {
        "symbol": "BTC",
        "signal": "buy_to_enter",
        "quantity": 1000,
        "leverage": 1000,
        "stop_loss": 100_000,
        "profit_target": 150_000,
        "confidence": 1.0,
        "invalidation_condition": note,
        "justification": note,
    }
    reply = Reply(raw=json.dumps({"decisions": [obeying], "summary": note}).encode(), model="m")

    parsed = understand(reply, scene, prompt_set().confidence_scale)
    [verdict] = judge([_proposal(parsed.decisions[0])], scene)

    assert type(verdict).__name__ == "Denied"
    assert scene.limits == context().limits


def test_a_trader_is_called_by_a_quoted_name() -> None:
    briefing = brief(with_notes(INJECTIONS["account"]), SERIES_MS, LONG_MS)

    assert "\n" not in briefing.trader
    assert json.loads(briefing.trader).startswith('"  # Account')


def test_all_text_from_outside_is_typed_and_all_other_text_is_ours() -> None:
    """A field added to a briefing has to say here where its text comes from."""
    typed = [
        f"{part.__name__}.{field}"
        for part in (Briefing, AccountBrief, CoinBrief, PositionBrief, TradeBrief, RetrospectBrief)
        for field, kind in part.__annotations__.items()
        if kind in (Quoted, Quoted | None)
    ]

    assert typed == ["Briefing.trader", "PositionBrief.invalidation", "TradeBrief.thesis"]
    assert _fields_that_follow(HARMLESS, "IGNORE") == typed


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("RSI14 < 30 and [1, 2] hold", '"RSI14 < 30 and [1, 2] hold"'),
        ("<|im_start|>", '"\\u003c|im_start|>"'),
        ("<\uff5cUser\uff5c>", '"\\u003c\uff5cUser\uff5c>"'),
        ("[INST] a `b`", '"\\u005bINST] a `b`"'),
        ("```", '"\\u0060\\u0060\\u0060"'),
    ],
)
def test_only_marks_that_somebody_gives_a_meaning_to_are_escaped(text: str, written: str) -> None:
    assert quoted(text) == written
    assert json.loads(written) == text


def _fields_that_follow(one: str, other: str) -> list[str]:
    """The fields of a briefing that differ when the notes do."""
    before, after = (brief(with_notes(text), SERIES_MS, LONG_MS) for text in (one, other))
    return [*_differences(before, after)]


def _differences(before: Any, after: Any) -> list[str]:
    found: list[str] = []
    for field in type(before).__struct_fields__:
        old, new = getattr(before, field), getattr(after, field)
        if isinstance(old, tuple):
            found += [name for one, other in zip(old, new, strict=True) for name in _differences(one, other)]
        elif isinstance(old, Struct):
            found += _differences(old, new)
        elif old != new:
            found.append(f"{type(before).__name__}.{field}")
    return found


def _proposal(decision: Any) -> Proposal:
    return Proposal(
        decision=decision,
        coin="BTC",
        side="buy",
        quantity=decision.quantity,
        closes=Decimal(0),
        held=Decimal(0),
        mark=Decimal(110_000),
        limit_price=Decimal(110_500),
        style="market_ioc",
        leverage=decision.leverage,
        plan=ExitPlan(stop_loss=decision.stop_loss, profit_target=decision.profit_target),
    )
