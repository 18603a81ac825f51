"""What an answer means is taken to the letter: what could mean two things, or nothing, is refused by field."""

import json
from decimal import Decimal
from typing import Any

import pytest

from engine.executor.contract import FIELDS, ConfidenceScale, decision_schema
from tests.executor.parse.replies import entry, read, refused, v2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"signal": "buy"}, "signal"),
        ({"signal": None}, "signal"),
        ({"signal": 1}, "signal"),
        ({"signal": "ｈold"}, "signal"),
        ({"symbol": "ВTC"}, "symbol"),  # the first letter is Cyrillic
        ({"symbol": "ＢＴＣ"}, "symbol"),
        ({"symbol": "BTC-PERP"}, "symbol"),
        ({"symbol": " BTC"}, "symbol"),
        ({"symbol": "BTC\n"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "A" * 13}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"symbol": 7}, "symbol"),
        ({"position_size_usd": -1}, "position_size_usd"),
        ({"position_size_usd": 0}, "quantity"),
        ({"position_size_usd": None}, "quantity"),
        ({"quantity": 1}, "quantity"),
        ({"position_size_usd": True}, "position_size_usd"),
        ({"position_size_usd": "1_000"}, "position_size_usd"),
        ({"position_size_usd": "１０００"}, "position_size_usd"),
        ({"position_size_usd": " 1000 "}, "position_size_usd"),
        ({"position_size_usd": "1,000"}, "position_size_usd"),
        ({"position_size_usd": "1e3"}, "position_size_usd"),
        ({"position_size_usd": "NaN"}, "position_size_usd"),
        ({"position_size_usd": "Infinity"}, "position_size_usd"),
        ({"position_size_usd": []}, "position_size_usd"),
        ({"position_size_usd": {"usd": 5}}, "position_size_usd"),
        ({"position_size_usd": 1e16}, "position_size_usd"),
        ({"stop_loss": -98}, "stop_loss"),
        ({"stop_loss": 1e-30}, "stop_loss"),
        ({"leverage": 2.5}, "leverage"),
        ({"leverage": True}, "leverage"),
        ({"leverage": 1001}, "leverage"),
        ({"leverage": "5x"}, "leverage"),
        ({"leverage": -3}, "leverage"),
        ({"confidence": 1.01}, "confidence"),
        ({"confidence": -0.1}, "confidence"),
        ({"confidence": "high"}, "confidence"),
        ({"justification": 5}, "justification"),
        ({"invalidation_condition": ["a"]}, "invalidation_condition"),
        ({"take_profit": 109}, "profit_target"),
        ({"coin": "ETH"}, "symbol"),
        ({"trailing_stop": 1}, "trailing_stop"),
    ],
)
def test_a_field_that_means_nothing_sure_refuses_the_reply(changes: dict[str, Any], field: str) -> None:
    error = refused(v2(entry(symbol="ETH"), entry(**changes)) if "coin" not in changes else v2(entry(**changes)))

    assert error.field.endswith(field)
    assert error.reason


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e-400",
        "1" * 5_000,
        "1e9999999999999999999",
        "-0.001",
        "0x1F",
    ],
)
def test_a_number_that_no_one_can_trade_with_is_refused(number: str) -> None:
    reply = v2(entry()).replace("1000", number)

    assert number in reply
    assert refused(reply)


@pytest.mark.parametrize(
    ("written", "value"),
    [("5.0", 5), ('"5"', 5), ("5e0", 5), ("0.5e1", 5), ("0", None), ("-0.0", None), ("null", None)],
)
def test_a_number_may_be_written_in_several_ways(written: str, value: int | None) -> None:
    reply = v2(entry()).replace('"leverage": 5', f'"leverage": {written}')

    assert read(reply).decisions[0].leverage == value


def test_numeric_strings_are_exact() -> None:
    [decision] = read(v2(entry(stop_loss="98.10", position_size_usd="1000"))).decisions

    assert (decision.stop_loss, decision.position_size_usd) == (Decimal("98.10"), Decimal(1000))


@pytest.mark.parametrize(
    "reply",
    [
        '{"decisions": [], "decisions": []}',
        v2(entry()).replace('"leverage": 5', '"leverage": 5, "leverage": 50'),
        '{"BTC": {"signal": "hold"}, "BTC": {"signal": "close"}}',
    ],
)
def test_a_key_that_stands_twice_is_refused(reply: str) -> None:
    assert refused(reply).status == "invalid_json"


@pytest.mark.parametrize(
    ("reply", "field"),
    [
        (v2(entry(), entry()), "decisions[1].symbol"),
        (v2(entry(), entry(symbol="btc")), "decisions[1].symbol"),
        (json.dumps({"decisions": [], "signal": "hold", "symbol": "BTC"}), "decisions"),
        (json.dumps({"decisions": [], "BTC": {"signal": "hold"}}), "decisions"),
        (json.dumps({"decisions": {"BTC": {"signal": "hold"}}}), "decisions"),
        (json.dumps({"decisions": None}), "decisions"),
        (json.dumps({"decisions": [None]}), "decisions[0]"),
        (json.dumps({"decisions": [["hold"]]}), "decisions[0]"),
        (json.dumps({"BTC": {"signal": "hold"}, "ETH": None}), "ETH"),
        (json.dumps({"BTC": {"signal": "hold"}, "ETH": "hold"}), "ETH"),
        (json.dumps({"BTC": {"trade_signal_args": {"signal": "hold"}, "signal": "close"}}), "BTC"),
        (json.dumps({"BTC": {"signal": "hold", "coin": "ETH"}}), "BTC.symbol"),
        (json.dumps({"my pick": {"signal": "hold"}}), "my pick.symbol"),
        (v2(*[entry(symbol=f"C{place}") for place in range(500)]), "decisions"),
    ],
)
def test_decisions_that_contradict_each_other_or_are_none_are_refused(reply: str, field: str) -> None:
    assert refused(reply).field == field


def test_a_coin_gets_its_own_spelling_and_a_stranger_keeps_the_models() -> None:
    symbols = ["kpepe", "doge", "Btc"]

    parsed = read(v2(*[entry(symbol=symbol) for symbol in symbols]))

    assert [decision.symbol for decision in parsed.decisions] == ["kPEPE", "DOGE", "BTC"]


def test_a_close_may_be_partial_or_whole() -> None:
    whole = {"symbol": "BTC", "signal": "close", "quantity": 0, "position_size_usd": 0}
    part = {"symbol": "ETH", "signal": "CLOSE", "quantity": 0.5}

    parsed = read(v2(whole, part))

    assert [(decision.quantity, decision.position_size_usd) for decision in parsed.decisions] == [
        (None, None),
        (Decimal("0.5"), None),
    ]


@pytest.mark.parametrize(
    ("scale", "written", "confidence"),
    [
        ("fraction", 0.8, 0.8),
        ("fraction", 1, 1.0),
        ("fraction", 80, None),
        ("percent", 80, 0.8),
        ("percent", 0.8, 0.008),
        ("percent", 101, None),
        ("auto", 0.8, 0.8),
        ("auto", 80, 0.8),
        ("auto", 100, 1.0),
        ("auto", 0, 0.0),
        ("auto", 1, None),
        ("auto", 101, None),
    ],
)
def test_confidence_is_read_on_the_declared_scale(
    scale: ConfidenceScale, written: float, confidence: float | None
) -> None:
    reply = v2(entry(confidence=written))

    if confidence is None:
        assert refused(reply, scale=scale).field == "decisions[0].confidence"
    else:
        assert read(reply, scale=scale).decisions[0].confidence == pytest.approx(confidence)


@pytest.mark.parametrize(
    ("reply", "confidence"),
    [
        (json.dumps(entry(confidence=1)), 0.01),  # the single object counts in percent
        (json.dumps({"BTC": {"signal": "hold", "confidence": 1}}), 1.0),  # the map by coin does not
    ],
)
def test_an_undeclared_one_is_read_as_its_contract_has_it(reply: str, confidence: float) -> None:
    assert read(reply, scale="auto").decisions[0].confidence == confidence


def test_long_and_unstorable_notes_are_made_storable() -> None:
    [decision] = read(v2(entry(justification="x" * 5_000, invalidation_condition="a\u0000\udfffb"))).decisions

    assert len(decision.justification) == 2_000
    assert decision.invalidation_condition == "a\ufffd\ufffdb"


def test_the_schema_asks_for_what_is_read_and_for_nothing_else() -> None:
    schema = decision_schema(("BTC", "ETH"))

    items = schema["properties"]["decisions"]["items"]
    assert schema["additionalProperties"] is False
    assert (items["additionalProperties"], items["required"]) == (False, list(FIELDS))
    assert items["properties"]["symbol"]["enum"] == ["BTC", "ETH"]
    assert read(v2({**dict.fromkeys(items["required"]), "symbol": "BTC", "signal": "hold"})).decisions[0].opens is False
