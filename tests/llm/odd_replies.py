"""Bad and odd replies as models send them, each with what has to become of it."""

import json
from typing import Any

from msgspec import Struct

ENTRY: dict[str, Any] = {"symbol": "BTC", "signal": "buy_to_enter", "position_size_usd": 100, "confidence": 0.8}
HOLD: dict[str, Any] = {"symbol": "ETH", "signal": "hold"}


class OddReply(Struct, frozen=True, kw_only=True):
    """One reply. ``expected`` is the status of a refusal, or what was decided, coin by coin, where it is understood."""

    group: str
    name: str
    raw: bytes
    expected: str
    finish_reason: str = "stop"


def v2(*entries: Any, **fields: Any) -> str:
    return json.dumps({"decisions": list(entries), **fields}, ensure_ascii=False)


def entry(**changes: Any) -> str:
    """One decision, some of whose fields are other ones."""
    return v2({**ENTRY, **changes})


def lexeme(field: str, letters: str) -> str:
    """One decision, one field of which is written in these very letters."""
    rest = {name: value for name, value in ENTRY.items() if name != field}
    return '{"decisions": [{' + json.dumps(rest)[1:-1] + f', "{field}": {letters}' + "}]}"


GOOD = v2(ENTRY)
BUY, BUY_AND_HOLD, NOTHING = "BTC buy_to_enter", "BTC buy_to_enter, ETH hold", "nothing"

_WRAPPED: list[tuple[str, str | bytes, str]] = [
    ("the object alone", GOOD, BUY),
    ("a fence", f"```json\n{GOOD}\n```", BUY),
    ("a fence without a language", f"```\n{GOOD}\n```", BUY),
    ("a fence that is not closed", f"```json\n{GOOD}", BUY),
    ("a fence of another language", f"```python\n{GOOD}\n```", BUY),
    ("prose before", f"Here is my decision: {GOOD}", BUY),
    ("prose after", f"{GOOD}\nGood luck!", BUY),
    ("Chinese prose around", f"根据分析，比特币看涨。以下是我的决定：\n{GOOD}\n请谨慎操作。", BUY),
    ("prose from right to left", f"القرار: {GOOD} انتهى", BUY),
    ("prose with braces of its own", f"I weighed {{risk}} and {{reward}}. {GOOD}", BUY),
    ("prose with a lone quotation mark", f'It is 5" away. {GOOD}', BUY),
    ("a list of numbers before", f"MACD [1.5, -2, 3]: {GOOD}", BUY),
    ("another object before", '{"macd": [1, 2]} so: ' + GOOD, BUY),
    ("a think block", f"<think>Up it goes.</think>{GOOD}", BUY),
    ("a think block with another decision", f"<think>{entry(signal='close')}</think>{GOOD}", BUY),
    ("a think block without its opening", f"{entry(signal='close')}</think>{GOOD}", BUY),
    ("thinking by another name", f"<thinking>hm</thinking>\n{GOOD}", BUY),
    ("two think blocks", f"<think>a</think><think>b</think>{GOOD}", BUY),
    ("a byte order mark", b"\xef\xbb\xbf" + GOOD.encode(), BUY),
    ("blank lines around", f"\n\n\t{GOOD}\r\n\r\n", BUY),
    ("the same answer twice", f"{GOOD}\n{GOOD}", BUY),
    ("the same answer, spaced otherwise", f"{GOOD}\n{json.dumps(json.loads(GOOD), indent=2)}", BUY),
    ("line breaks in a text", entry(justification="a\nb").replace("\\n", "\n"), BUY),
    ("a brace too many at the end", GOOD + "}", BUY),
    ("a comment at the end", GOOD + " // done", BUY),
    ("a bare list", json.dumps([ENTRY, HOLD]), BUY_AND_HOLD),
    ("a map by coin", json.dumps({"BTC": {key: ENTRY[key] for key in ENTRY if key != "symbol"}}), BUY),
    ("a map by coin with nof1's arguments", json.dumps({"BTC": {"trade_signal_args": {**ENTRY, "coin": "BTC"}}}), BUY),
    ("a single object", json.dumps(ENTRY), BUY),
    ("no decisions", v2(), NOTHING),
    ("a summary and a chain of thought", v2(ENTRY, summary="up", chain_of_thought="because"), BUY),
    ("a chain of thought that is an object", v2(ENTRY, chain_of_thought={"BTC": "up"}), BUY),
    ("markdown tables around", f"| coin | do |\n|---|---|\n| BTC | buy |\n\n{GOOD}", BUY),
    ("an emoji", f"🚀 {GOOD} 🚀", BUY),
]
_NOT_THERE: list[tuple[str, str | bytes, str]] = [
    ("nothing", "", "empty"),
    ("blanks", " \n\t ", "empty"),
    ("prose alone", "I would wait for a better price.", "no_json"),
    ("Chinese prose alone", "我建议等待更好的价格再做决定。", "no_json"),
    ("a refusal in words", "I'm sorry, but I can't help with trading decisions.", "no_json"),
    ("HTML", "<html><body><h1>502 Bad Gateway</h1></body></html>", "no_json"),
    ("an error in words of JSON", '{"error": {"message": "rate limited"}}', "no_json"),
    ("YAML", "decisions:\n  - symbol: BTC\n    signal: hold\n", "no_json"),
    ("XML", "<decisions><symbol>BTC</symbol></decisions>", "no_json"),
    ("an object that decides nothing", '{"thoughts": "up"}', "no_json"),
    ("an empty object", "{}", "no_json"),
    ("an empty list", "[]", "no_json"),
    ("a number", "42", "no_json"),
    ("null", "null", "no_json"),
    ("a tool call in words", '{"name": "place_order", "arguments": {"coin": "BTC"}}', "no_json"),
    ("brackets without end", "[" * 100_000, "no_json"),
    ("only thoughts", f"<think>{GOOD}</think>", "no_json"),
    ("a JSON text in a JSON text", json.dumps(GOOD), "truncated"),
    ("UTF-16", GOOD.encode("utf-16"), "not_text"),
    ("UTF-32", GOOD.encode("utf-32"), "not_text"),
    ("Latin-1", entry(justification="Ärger").encode("latin-1"), "not_text"),
    ("NUL characters", GOOD.replace(" ", "\0"), "not_text"),
    ("a lone surrogate", GOOD.encode() + b"\xed\xa0\x80", "not_text"),
    ("bytes at random", bytes(range(256)), "not_text"),
    ("300,000 blanks after it", GOOD + " " * 300_000, "too_large"),
    ("a reply of 257 KiB", entry(justification="x" * 263_000), "too_large"),
]
_BROKEN: list[tuple[str, str | bytes, str]] = [
    ("the last brace missing", GOOD[:-1], "truncated"),
    ("cut off in a number", GOOD[: GOOD.index("100") + 1], "truncated"),
    ("cut off in a text", GOOD[: GOOD.index("buy_to") + 3], "truncated"),
    ("cut off in a think block", "<think>First I look at", "truncated"),
    ("one whole object and a beginning", f'{GOOD} {{"decisions": [', "truncated"),
    ("50,000 levels of objects", '{"a":' * 50_000, "invalid_json"),
    ("10⁵ levels of lists in it", '{"decisions": ' + "[" * 100_000 + "]" * 100_000 + "}", "invalid_json"),
    ("33 levels", '{"decisions": ' + "[" * 33 + "]" * 33 + "}", "invalid_json"),
    ("single quotes", str(json.loads(GOOD)), "invalid_json"),
    ("typographic quotes", GOOD.replace('"', "“"), "no_json"),
    ("a comma too many", GOOD.replace("}]", ",}]"), "invalid_json"),
    ("a comma too few", GOOD.replace(', "signal"', ' "signal"'), "invalid_json"),
    ("names without quotes", "{decisions: [{symbol: 'BTC', signal: 'hold'}]}", "no_json"),
    ("a comment inside", GOOD.replace("[", "[ /* up */ ", 1), "invalid_json"),
    ("True instead of true", lexeme("leverage", "True"), "invalid_json"),
    ("a tag inside", GOOD.replace("[", "[<think>hm</think>", 1), "invalid_json"),
    ("a name twice", lexeme("confidence", '0.8, "symbol": "ETH"'), "invalid_json"),
    ("the decisions twice", '{"decisions": [], ' + GOOD[1:], "invalid_json"),
    ("an ellipsis", '{"decisions": [...]}', "invalid_json"),
]
_NUMBERS: list[tuple[str, str | bytes, str]] = [
    ("NaN", lexeme("position_size_usd", "NaN"), "invalid_json"),
    ("Infinity", lexeme("position_size_usd", "Infinity"), "invalid_json"),
    ("-Infinity", lexeme("stop_loss", "-Infinity"), "invalid_json"),
    ("NaN in quotes", lexeme("position_size_usd", '"NaN"'), "invalid"),
    ("1e999", lexeme("position_size_usd", "1e999"), "invalid"),
    ("1e-400", lexeme("position_size_usd", "1e-400"), "invalid"),
    ("1e15 and a bit", lexeme("position_size_usd", "1.1e15"), "invalid"),
    ("five thousand digits", lexeme("position_size_usd", "9" * 5_000), "invalid_json"),
    ("an exponent of twenty digits", lexeme("position_size_usd", "1e99999999999999999999"), "invalid_json"),
    ("minus nothing", lexeme("stop_loss", "-0.0"), BUY),
    ("minus nothing as the size", lexeme("position_size_usd", "-0.0"), "invalid"),
    ("below zero", lexeme("position_size_usd", "-100"), "invalid"),
    ("1e3", lexeme("position_size_usd", "1e3"), BUY),
    ("5.0 as leverage", lexeme("leverage", "5.0"), BUY),
    ("5.5 as leverage", lexeme("leverage", "5.5"), "invalid"),
    ("1001 as leverage", lexeme("leverage", "1001"), "invalid"),
    ("true as leverage", lexeme("leverage", "true"), "invalid"),
    ("5x as leverage", lexeme("leverage", '"5x"'), "invalid"),
    ("in quotes", lexeme("position_size_usd", '"100"'), BUY),
    ("in quotes with blanks", lexeme("position_size_usd", '" 5 "'), "invalid"),
    ("with an underscore", lexeme("position_size_usd", '"1_000"'), "invalid"),
    ("with a comma", lexeme("position_size_usd", '"5,000"'), "invalid"),
    ("with a currency", lexeme("position_size_usd", '"$100"'), "invalid"),
    ("with a percent sign", lexeme("confidence", '"80%"'), "invalid"),
    ("full-width digits", lexeme("position_size_usd", '"１００"'), "invalid"),
    ("Arabic digits", lexeme("position_size_usd", '"١٠٠"'), "invalid"),
    ("full-width digits without quotes", lexeme("position_size_usd", "１００"), "invalid_json"),
    ("hexadecimal", lexeme("position_size_usd", "0x64"), "invalid_json"),
    ("a leading zero", lexeme("position_size_usd", "0100"), "invalid_json"),
    ("a leading point", lexeme("position_size_usd", ".5"), "invalid_json"),
    ("a plus sign", lexeme("position_size_usd", "+100"), "invalid_json"),
    ("a sum", lexeme("position_size_usd", "50 + 50"), "invalid_json"),
    ("a list", lexeme("position_size_usd", "[100]"), "invalid"),
    ("an object", lexeme("position_size_usd", '{"value": 100}'), "invalid"),
    ("null as the size", lexeme("position_size_usd", "null"), "invalid"),
    ("nothing as the size", lexeme("position_size_usd", "0"), "invalid"),
    ("confidence 101", lexeme("confidence", "101"), "invalid"),
    ("confidence 80 where 0.8 was asked for", lexeme("confidence", "80"), "invalid"),
]
_MEANING: list[tuple[str, str | bytes, str]] = [
    ("a Cyrillic В", entry(symbol="ВTC"), "invalid"),
    ("a Greek Ε", entry(symbol="ΕTH"), "invalid"),
    ("full-width letters", entry(symbol="ＢＴＣ"), "invalid"),
    ("a zero-width space", entry(symbol="B\u200bTC"), "invalid"),
    ("a mark that turns the writing around", entry(symbol="BTC\u202e"), "invalid"),
    ("a blank behind the coin", entry(symbol="BTC "), "invalid"),
    ("small letters", entry(symbol="btc"), BUY),
    ("a pair", entry(symbol="BTC/USDT"), "invalid"),
    ("a pair in one word", entry(symbol="BTCUSDT"), "BTCUSDT buy_to_enter"),
    ("a coin that is not there", entry(symbol="LUNA"), "LUNA buy_to_enter"),
    ("a coin of thirteen letters", entry(symbol="A" * 13), "invalid"),
    ("a number as the coin", entry(symbol=5), "invalid"),
    ("no coin", entry(symbol=None), "invalid"),
    ("a path", entry(symbol="../../etc"), "invalid"),
    ("a signal in capitals", entry(signal="BUY_TO_ENTER"), BUY),
    ("nof1's word for closing", entry(signal="close_position"), "BTC close"),
    ("an unknown signal", entry(signal="long"), "invalid"),
    ("two signals", entry(signal=["buy_to_enter", "close"]), "invalid"),
    ("a signal in Chinese", entry(signal="买入"), "invalid"),
    ("a coin decided twice", v2(ENTRY, {**ENTRY, "signal": "close"}), "ambiguous"),
    ("a coin decided twice, spelt otherwise", v2(ENTRY, {**ENTRY, "symbol": "btc"}), "ambiguous"),
    ("two different answers", GOOD + v2(HOLD), "ambiguous"),
    ("an answer and a broken one", GOOD + ' {"decisions": [nonsense]}', "ambiguous"),
    ("65 objects", '{"a": 1} ' * 64 + GOOD, "ambiguous"),
    ("decisions beside a decision", json.dumps({"decisions": [ENTRY], "signal": "close"}), "ambiguous"),
    ("both sizes", entry(quantity=1), "ambiguous"),
    ("no size", entry(position_size_usd=None), "invalid"),
    ("two names of a field that differ", entry(profit_target=5, take_profit=6), "ambiguous"),
    ("two names of a field that agree", entry(profit_target=5, take_profit=5), BUY),
    ("an unknown field", entry(reduce_only=True), "invalid"),
    ("another trader's name", entry(trader="rival"), "invalid"),
    ("a homoglyph in a field's name", GOOD.replace("position_size_usd", "positiоn_size_usd"), "invalid"),
    ("decisions that are no list", '{"decisions": {"BTC": {"signal": "hold"}}}', "invalid"),
    ("decisions that are null", '{"decisions": null}', "invalid"),
    ("a decision that is a text", v2("buy BTC"), "invalid"),
    ("65 decisions", v2(*[{"symbol": f"C{place}", "signal": "hold"} for place in range(65)]), "invalid"),
    ("a text where a number belongs", entry(stop_loss="below the low"), "invalid"),
    ("a justification that is a list", entry(justification=["up", "up"]), "invalid"),
    ("a JSON object in the justification", entry(justification=v2(HOLD)), BUY),
    ("a closing of more than there is", v2({"symbol": "BTC", "signal": "close", "quantity": 1e9}), "BTC close"),
    ("an absurd size", entry(position_size_usd=1e12, leverage=1000), BUY),
]
# What the endpoint says of how the reply ended outweighs what is in it.
_ENDINGS: list[tuple[str, str, str, str]] = [
    ("whole, and yet cut off at the token limit", GOOD, "length", "truncated"),
    ("the same in another endpoint's word", GOOD, "max_tokens", "truncated"),
    ("withheld by a filter", "", "content_filter", "refused"),
    ("withheld, with an answer beside", GOOD, "content_filter", "refused"),
    ("a refusal by name", "I cannot help with that.", "refusal", "refused"),
    ("a tool call and no text", "", "tool_calls", "tool_call"),
    ("a tool call and an answer", GOOD, "tool_calls", BUY),
    ("a tool call with prose", "Let me look that up.", "function_call", "tool_call"),
    ("no completion at all", GOOD, "no_completion", "no_completion"),
    ("an ending that nobody knows", GOOD, "end_turn", BUY),
    ("no word about the ending", GOOD, "", BUY),
]


def _bytes(raw: str | bytes) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")


ODD_REPLIES: tuple[OddReply, ...] = (
    *(
        OddReply(group=group, name=name, raw=_bytes(raw), expected=expected)
        for group, rows in (
            ("Packed in other things", _WRAPPED),
            ("No answer in it", _NOT_THERE),
            ("Not quite JSON", _BROKEN),
            ("Numbers", _NUMBERS),
            ("What is meant", _MEANING),
        )
        for name, raw, expected in rows
    ),
    *(
        OddReply(group="How it ended", name=name, raw=_bytes(raw), finish_reason=finish_reason, expected=expected)
        for name, raw, finish_reason, expected in _ENDINGS
    ),
)
