"""However an answer is wrapped, it is found; and nothing beside it is taken for one."""

import json
from decimal import Decimal

import pytest

from tests.executor.parse.replies import entry, read, refused, v2


def test_a_plain_answer_gives_its_decisions_with_exact_numbers() -> None:
    answer = v2(entry(entry_price=100.1, quantity=None), summary="up", chain_of_thought="first\nthen")

    parsed = read(answer)

    [decision] = parsed.decisions
    assert (decision.symbol, decision.signal, decision.leverage) == ("BTC", "buy_to_enter", 5)
    assert (decision.position_size_usd, decision.quantity) == (Decimal(1000), None)
    assert decision.entry_price == Decimal("100.1")
    assert (decision.stop_loss, decision.profit_target) == (Decimal(98), Decimal(108))
    assert (decision.confidence, decision.justification) == (0.8, "it rises")
    assert (parsed.summary, parsed.thoughts, parsed.contract, parsed.repaired) == ("up", "first\nthen", "v2", False)


@pytest.mark.parametrize(
    "wrapped",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "\ufeff{}",
        'Here is what I think of BTC [1, 2, 3] and don\'t "quote":\n\n{}\n\nGood luck!',
        '<think>Perhaps {{"decisions": [1]}} or {{ not }}</think>\n{}',
        "<THINKING>hm</THINKING>{}",
        'thinking without an opening tag {{"signal": "hold"}}</think>{}',
        'A format example is {{"a": 1}} and mine is {}',
        "{0}\n\nOnce more:\n{0}",
    ],
)
def test_an_answer_is_found_in_its_wrapping(wrapped: str) -> None:
    answer = v2(entry())

    parsed = read(wrapped.format(answer))

    assert [decision.symbol for decision in parsed.decisions] == ["BTC"]


def test_a_stripped_wrapping_is_noted_and_a_plain_answer_is_not() -> None:
    assert read(v2(entry())).repaired is False
    assert read(f" {v2(entry())}\n").repaired is False
    assert read(f"```json\n{v2(entry())}\n```").repaired is True


@pytest.mark.parametrize(
    ("reply", "thoughts"),
    [
        (v2(entry(), chain_of_thought="mine"), "mine"),
        (f"<think>aloud</think>{v2(entry())}", "aloud"),
        (f"Prose first.\n```json\n{v2(entry())}\n```", "Prose first."),
        (v2(entry(), chain_of_thought={"step": ["one", "two"]}), "step: one\ntwo"),
        (v2(entry(), chain_of_thought="a\u0000b\ud800c"), "a\ufffdb\ufffdc"),
        (v2(entry()), ""),
    ],
)
def test_the_thoughts_are_the_answers_own_else_what_stands_around_it(reply: str, thoughts: str) -> None:
    assert read(reply).thoughts == thoughts


def test_line_breaks_inside_strings_are_forgiven() -> None:
    assert read(v2(entry(), summary="one").replace("one", "one\ntwo")).summary == "one\ntwo"


def test_a_bare_list_of_decisions_is_read_and_noted() -> None:
    parsed = read("```json\n" + json.dumps([entry(), entry(symbol="ETH")]) + "\n```")

    assert [decision.symbol for decision in parsed.decisions] == ["BTC", "ETH"]
    assert parsed.repaired is True


def test_a_single_object_is_read_in_the_words_of_its_contract() -> None:
    answer = {
        "signal": "sell_to_enter",
        "symbol": "ETH",
        "leverage": 3,
        "position_size_usd": 500,
        "entry_price": 4000,
        "stop_loss": 4100,
        "take_profit": 3600,
        "risk_usd": 12.5,
        "confidence": 82,
        "invalidation_condition": "above 4100",
        "reasoning": "tired",
    }

    parsed = read(json.dumps(answer), scale="auto")

    [decision] = parsed.decisions
    assert (decision.signal, decision.justification) == ("sell_to_enter", "tired")
    assert decision.profit_target == 3600
    assert (decision.confidence, parsed.contract) == (0.82, "single")


@pytest.mark.parametrize("nested", [False, True])
def test_a_map_by_coin_is_read_in_the_words_of_its_contract(nested: bool) -> None:
    hold = {"coin": "BTC", "signal": "hold", "quantity": 0.12, "confidence": 0.65, "justification": "fine"}
    close = {"signal": "close_position", "quantity": 2, "profit_target": 0, "stop_loss": 0, "leverage": 10}
    answer = {"BTC": hold, "ETH": close}

    wrapped = {coin: {"trade_signal_args": args} for coin, args in answer.items()} if nested else answer
    parsed = read(json.dumps(wrapped), scale="auto")

    assert parsed.contract == "by_coin"
    assert [(decision.symbol, decision.signal) for decision in parsed.decisions] == [("BTC", "hold"), ("ETH", "close")]
    assert (parsed.decisions[1].quantity, parsed.decisions[1].stop_loss) == (Decimal(2), None)


def test_no_decisions_at_all_is_an_answer() -> None:
    assert read('{"decisions": []}').decisions == ()


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("I cannot help with trading.", "no_json"),
        ("<html><body><h1>502 Bad Gateway</h1></body></html>", "no_json"),
        ("MACD: [1, 2, 3] and [{}] and {}", "no_json"),
        ('{"answer": "hold"}', "no_json"),
        ('{"result": {"decisions": []}}', "no_json"),
        ("[" * 100_000, "no_json"),
        (v2(entry()).encode("utf-16"), "not_text"),
        (v2(entry()).encode("utf-16-le"), "not_text"),
        (b'{"decisions": [\xff]}', "not_text"),
        (v2(entry())[:-5], "truncated"),
        (f"[{json.dumps(entry())},", "truncated"),
        (f"[{json.dumps(entry())}, {json.dumps(entry(symbol='ETH'))[:-20]}", "truncated"),
        ("<think>still thinking " + v2(entry()), "truncated"),
        ('{"decisions": [], "summary": "never ends', "truncated"),
        (v2(entry()) + v2(entry(symbol="ETH")), "ambiguous"),
        (v2(entry()) + "{'decisions': ['python']}", "ambiguous"),
        ("{'decisions': []}", "invalid_json"),
        ('{"decisions": [],}', "invalid_json"),
        ('{"decisions": ' + "[" * 100_000, "invalid_json"),
        ("{" * 200_000, "invalid_json"),
        ("{}" * 100_000, "ambiguous"),
        (b" " * 300_000, "too_large"),
    ],
)
def test_what_is_no_answer_is_refused_by_what_it_is(reply: str | bytes, status: str) -> None:
    assert refused(reply).status == status


@pytest.mark.parametrize(
    ("finish_reason", "raw", "status"),
    [
        ("length", v2(entry()), "truncated"),
        ("max_tokens", v2(entry()), "truncated"),
        ("content_filter", "", "refused"),
        ("tool_calls", "", "tool_call"),
        ("tool_calls", "calling", "tool_call"),
    ],
)
def test_how_a_reply_ended_can_refuse_it(finish_reason: str, raw: str, status: str) -> None:
    assert refused(raw, finish_reason=finish_reason).status == status


def test_a_list_that_holds_more_than_decisions_is_refused() -> None:
    assert refused(json.dumps([entry(), {"note": 1}])).field == "decisions"
    assert refused(json.dumps([entry(), 1])).status == "truncated"
