"""From reply bytes to decisions: tolerant of how an answer is wrapped, strict about what it means."""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from msgspec import Struct

from engine.executor.contract import KNOWN_NAMES, SIGNAL_SYNONYMS, SIGNALS, SYNONYMS, ConfidenceScale, Contract
from engine.executor.strict_json import MalformedStatus, ReplyMalformed, decode, find_objects, printable, storable
from engine.model.decision import Decision, Signal

__all__ = ["MalformedStatus", "Parsed", "ReplyMalformed", "parse"]

LONGEST_REPLY = 256 * 1024  # bytes
NO_COMPLETION = "no_completion"  # the finish reason of what an endpoint sent instead of a completion
MOST_DECISIONS = 64
LONGEST_NOTE = 2_000  # characters of a justification or an invalidation condition
LEAST, MOST = Decimal("1E-12"), Decimal("1E15")  # beyond these no price, size or amount is meant
HIGHEST_LEVERAGE = 1_000

_SYMBOL = re.compile(r"[A-Za-z0-9]{1,12}", re.ASCII)
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_LOOKS_LIKE_A_DECISION = re.compile(r"""["'](?:decisions|signal|trade_signal_args)["']\s*:""")
_FENCE = re.compile(r"```\w*")
_COMMENTARY = ("summary", "chain_of_thought")
_ENDINGS: dict[str, tuple[str, MalformedStatus]] = {
    "length": ("the reply was cut off at its token limit", "truncated"),
    "max_tokens": ("the reply was cut off at its token limit", "truncated"),
    "content_filter": ("the endpoint withheld the reply", "refused"),
    "refusal": ("the model refused to answer", "refused"),
    NO_COMPLETION: ("the endpoint sent something else than a chat completion", "no_completion"),
}
_TOOL_CALLS = ("tool_calls", "tool_use", "function_call")


class Parsed(Struct, frozen=True, kw_only=True):
    """What a reply decides. ``repaired`` says that the answer had to be taken out of a wrapping first.

    ``thoughts`` is the chain of thought: the answer's own field, else its think blocks, else the prose around it.
    """

    decisions: tuple[Decision, ...]
    summary: str = ""
    thoughts: str = ""
    contract: Contract = "v2"
    repaired: bool = False


def parse(
    raw: bytes,
    *,
    finish_reason: str = "stop",
    coins: Collection[str] = (),
    confidence_scale: ConfidenceScale = "auto",
) -> Parsed:
    """The decisions of a reply, in its order, at most one a coin.

    Reads contract v2, a bare list of its decisions, nof0's single object and nof1's map by coin. ``coins`` gives a
    symbol its own spelling (``KPEPE`` is ``kPEPE``); a symbol that is none of them stays as it is written, for risk to
    deny. Raises ``ReplyMalformed``, and nothing else, for every other byte string.
    """
    text = reply_text(raw, finish_reason)
    found = find_objects(text)
    answers, broken = _answers(text, found.spans)
    if not answers:
        raise broken or _nothing_found(finish_reason)
    if broken:
        raise ReplyMalformed("reply", f"beside an answer stands another that cannot be read ({broken})", "ambiguous")
    listed = _is_list(text, found.spans)
    if listed:
        if len(answers) < len(found.spans):
            raise ReplyMalformed("decisions", "the list holds objects that decide nothing")
        answer: dict[str, Any] = {"decisions": answers}
    elif all(other == answers[0] for other in answers[1:]):
        answer = answers[0]
    else:
        raise ReplyMalformed("reply", f"there are {len(answers)} different answers in it", "ambiguous")

    contract, entries = _entries(answer)
    if len(entries) > MOST_DECISIONS:
        raise ReplyMalformed("decisions", f"there are {len(entries)}, at most {MOST_DECISIONS} are read")
    spelling = {coin.upper(): coin for coin in coins}
    scale = _Scale(declared=confidence_scale, contract=contract)
    decisions: dict[str, Decision] = {}
    for where, symbol, entry in entries:
        decision = _decision(where, symbol, entry, spelling, scale)
        if decision.symbol in decisions:
            raise ReplyMalformed(f"{where}.symbol", f"{decision.symbol} is decided twice", "ambiguous")
        decisions[decision.symbol] = decision
    first, last = found.spans[0][0], found.spans[-1][1]
    return Parsed(
        decisions=tuple(decisions.values()),
        summary=commentary(answer.get("summary")),
        thoughts=commentary(answer.get("chain_of_thought"))
        or storable(found.thoughts or _prose(text, found.spans, listed)),
        contract=contract,
        repaired=len(found.spans) > 1 or text[first:last] != text.strip(),
    )


def reply_text(raw: bytes, finish_reason: str) -> str:
    """The reply as text, unless its size, its ending or its encoding already say that it is no answer."""
    if len(raw) > LONGEST_REPLY:
        raise ReplyMalformed("reply", f"{len(raw)} bytes long, at most {LONGEST_REPLY} are read", "too_large")
    if finish_reason in _ENDINGS:
        raise ReplyMalformed("finish_reason", *_ENDINGS[finish_reason])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReplyMalformed("reply", f"not UTF-8 text from byte {error.start} on", "not_text") from error
    if "\0" in text:
        raise ReplyMalformed("reply", "it contains NUL characters", "not_text")
    if not text.strip():
        if finish_reason in _TOOL_CALLS:
            raise _nothing_found(finish_reason)
        raise ReplyMalformed("reply", "it is empty", "empty")
    return text


def _nothing_found(finish_reason: str) -> ReplyMalformed:
    if finish_reason in _TOOL_CALLS:
        return ReplyMalformed("reply", "the model called a tool instead of answering; there are none", "tool_call")
    return ReplyMalformed("reply", "there is no JSON object with decisions in it", "no_json")


def _answers(text: str, spans: tuple[tuple[int, int], ...]) -> tuple[list[dict[str, Any]], ReplyMalformed | None]:
    """The objects that look like answers, and what is wrong with the first one that looks so but is not JSON."""
    answers: list[dict[str, Any]] = []
    broken: ReplyMalformed | None = None
    for start, end in spans:
        candidate = text[start:end]
        if not _LOOKS_LIKE_A_DECISION.search(candidate):
            continue
        try:
            answer = decode(candidate)
        except ReplyMalformed as error:
            broken = broken or error
        else:
            if _is_answer(answer):
                answers.append(answer)
    return answers, broken


def _is_answer(value: dict[str, Any]) -> bool:
    return "decisions" in value or "signal" in value or any(map(_is_signal, value.values()))


def _is_signal(value: Any) -> bool:
    return isinstance(value, dict) and ("signal" in value or "trade_signal_args" in value)


def _is_list(text: str, spans: tuple[tuple[int, int], ...]) -> bool:
    """Whether the objects are the items of one JSON list. Raises ``ReplyMalformed`` when such a list is cut off."""
    if not any(text[:start].rstrip().endswith("[") for start, _ in spans):
        return False
    opens = text[: spans[0][0]].rstrip().endswith("[")
    closes = text[spans[-1][1] :].lstrip().startswith("]")
    between = [text[end:start].strip() for (_, end), (start, _) in pairwise(spans)]
    if opens and closes and all(part == "," for part in between):
        return True
    raise ReplyMalformed("decisions", "the list is cut off, or not a list of decisions alone", "truncated")


def _prose(text: str, spans: tuple[tuple[int, int], ...], listed: bool) -> str:
    """What stands before and after the objects, list brackets and fences taken away."""
    before, after = text[: spans[0][0]].strip(), text[spans[-1][1] :].strip()
    if listed:
        before, after = before.removesuffix("["), after.removeprefix("]")
    return _FENCE.sub("", f"{before}\n{after}").strip()


def _entries(answer: dict[str, Any]) -> tuple[Contract, list[tuple[str, str | None, Any]]]:
    """The contract an answer keeps, and per decision: where it stands, the symbol that is its key, its fields."""
    if "decisions" in answer:
        if "signal" in answer or any(_is_signal(value) for value in answer.values()):
            raise ReplyMalformed("decisions", "there are other decisions beside the list", "ambiguous")
        listed = answer["decisions"]
        if not isinstance(listed, list):
            raise ReplyMalformed("decisions", f"a list is expected, {_kind(listed)} was found")
        return "v2", [(f"decisions[{place}]", None, entry) for place, entry in enumerate(listed)]
    if "signal" in answer:
        return "single", [("decision", None, {key: answer[key] for key in answer if key not in _COMMENTARY})]
    entries: list[tuple[str, str | None, Any]] = []
    for coin, entry in answer.items():
        if coin in _COMMENTARY and not isinstance(entry, dict):
            continue
        where = printable(coin, 20)
        if isinstance(entry, dict) and "trade_signal_args" in entry:
            if len(entry) > 1:
                raise ReplyMalformed(where, "there are fields beside trade_signal_args", "ambiguous")
            entry = entry["trade_signal_args"]
        entries.append((where, coin, entry))
    return "by_coin", entries


class _Scale(Struct, frozen=True, kw_only=True):
    declared: ConfidenceScale
    contract: Contract


def _decision(where: str, key: str | None, entry: Any, spelling: Mapping[str, str], scale: _Scale) -> Decision:
    if not isinstance(entry, dict):
        raise ReplyMalformed(where, f"an object is expected, {_kind(entry)} was found")
    for name in entry:
        if name not in KNOWN_NAMES:
            known = ", ".join(names[0] for names in SYNONYMS.values())
            raise ReplyMalformed(f"{where}.{printable(name, 40)}", f"the field is unknown; known: {known}")
    signal = _signal(where, entry)
    enters = signal in ("buy_to_enter", "sell_to_enter")
    quantity = _amount(where, entry, "quantity")
    position_size_usd = _amount(where, entry, "position_size_usd")
    if quantity is not None and position_size_usd is not None:
        raise ReplyMalformed(f"{where}.quantity", "given together with position_size_usd; one of them is", "ambiguous")
    if enters and quantity is None and position_size_usd is None:
        raise ReplyMalformed(f"{where}.quantity", f"{signal} needs a quantity or a position_size_usd above 0")
    return Decision(
        symbol=_symbol(where, key, entry, spelling),
        signal=signal,
        quantity=quantity,
        position_size_usd=position_size_usd,
        leverage=_leverage(where, entry),
        entry_price=_amount(where, entry, "entry_price"),
        stop_loss=_amount(where, entry, "stop_loss"),
        profit_target=_amount(where, entry, "profit_target"),
        risk_usd=_amount(where, entry, "risk_usd"),
        confidence=_confidence(where, entry, scale),
        invalidation_condition=_note(where, entry, "invalidation_condition"),
        justification=_note(where, entry, "justification"),
    )


def _value(where: str, entry: dict[str, Any], field: str) -> Any:
    """The value of a field under whichever of its names; ``None`` when it is absent or null."""
    given = [name for name in SYNONYMS[field] if entry.get(name) is not None]
    if len(given) > 1 and any(entry[name] != entry[given[0]] for name in given):
        raise ReplyMalformed(f"{where}.{field}", f"{' and '.join(given)} say different things", "ambiguous")
    return entry[given[0]] if given else None


def _signal(where: str, entry: dict[str, Any]) -> Signal:
    value = _value(where, entry, "signal")
    known = SIGNAL_SYNONYMS.get(value.lower()) if isinstance(value, str) and value.isascii() else None
    if known is None:
        raise ReplyMalformed(f"{where}.signal", f"{_shown(value)} is none of {', '.join(SIGNALS)}")
    return known


def _symbol(where: str, key: str | None, entry: dict[str, Any], spelling: Mapping[str, str]) -> str:
    value = _value(where, entry, "symbol")
    if value is None:
        value = key
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise ReplyMalformed(f"{where}.symbol", f"{_shown(value)} is not 1 to 12 letters A-Z and digits")
    if key is not None and key.upper() != value.upper():
        raise ReplyMalformed(f"{where}.symbol", f"{_shown(value)} stands under the key {_shown(key)}", "ambiguous")
    return spelling.get(value.upper(), value.upper())


def _decimal(where: str, entry: dict[str, Any], field: str) -> Decimal | None:
    """A finite number, also one written as a plain decimal string; zero stays zero, the rest is in range."""
    value = _value(where, entry, field)
    if value is None:
        return None
    if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value):
        value = Decimal(value)
    if not isinstance(value, Decimal):  # a bool is none either
        raise ReplyMalformed(f"{where}.{field}", f"a number is expected, {_shown(value)} was found")
    if value != 0 and not LEAST <= value.copy_abs() <= MOST:
        raise ReplyMalformed(f"{where}.{field}", f"{_shown(value)} is out of any range")
    return value


def _amount(where: str, entry: dict[str, Any], field: str) -> Decimal | None:
    """A positive number; zero, which contracts that require every field use for "none", is ``None``."""
    value = _decimal(where, entry, field)
    if value is not None and value < 0:
        raise ReplyMalformed(f"{where}.{field}", f"{_shown(value)} is negative; the direction is the signal's to say")
    return value or None


def _leverage(where: str, entry: dict[str, Any]) -> int | None:
    value = _amount(where, entry, "leverage")
    if value is None:
        return None
    if value > HIGHEST_LEVERAGE or value != int(value):
        raise ReplyMalformed(f"{where}.leverage", f"{_shown(value)} is not a whole number from 1 to {HIGHEST_LEVERAGE}")
    return int(value)


def _confidence(where: str, entry: dict[str, Any], scale: _Scale) -> float | None:
    """Confidence from 0 to 1. Undeclared, a number above 1 is percent; 1 itself may be either where nothing tells."""
    value = _decimal(where, entry, "confidence")
    if value is None:
        return None
    if scale.declared != "auto":
        percent = scale.declared == "percent"
    elif value == 1 and scale.contract == "v2":
        raise ReplyMalformed(f"{where}.confidence", "1 may mean 1 % or 100 %", "ambiguous")
    else:
        percent = value > 1 or (value == 1 and scale.contract == "single")
    highest = 100 if percent else 1
    if not 0 <= value <= highest:
        raise ReplyMalformed(f"{where}.confidence", f"{_shown(value)} is not between 0 and {highest}")
    return float(value / highest)


def _note(where: str, entry: dict[str, Any], field: str) -> str:
    value = _value(where, entry, field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ReplyMalformed(f"{where}.{field}", f"text is expected, {_kind(value)} was found")
    return storable(value[:LONGEST_NOTE])


def commentary(value: Any) -> str:
    """A text that nothing hangs on; whatever is not text is shown as it is."""
    return "" if value is None else storable(value if isinstance(value, str) else _plain(value))


def _plain(value: Any) -> str:
    match value:
        case dict():
            return "\n".join(f"{key}: {_plain(part)}" for key, part in value.items())
        case list():
            return "\n".join(map(_plain, value))
        case _:
            return str(value)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case Decimal():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _shown(value: Any) -> str:
    return printable(repr(value) if isinstance(value, str) else str(value), 40) if _is_plain(value) else _kind(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | Decimal) and not isinstance(value, bool)
