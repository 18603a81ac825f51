"""Replies as models might write them: mostly meant well, then bent in meaning, in JSON, in bytes."""

import json
from decimal import Decimal
from random import Random

from tests.fuzz.corpus import CORPUS, FINISH_REASONS, LEXEMES, SYMBOLS
from tests.fuzz.sight import Sight

Entry = list[tuple[str, str]]  # names and the letters of their values: a name may stand twice, a value be no JSON

FIELDS = (
    "symbol",
    "signal",
    "quantity",
    "position_size_usd",
    "leverage",
    "entry_price",
    "stop_loss",
    "profit_target",
    "risk_usd",
    "confidence",
    "invalidation_condition",
    "justification",
    "coin",
    "take_profit",
    "reasoning",
    "target_quantity",
    "reduce_only",
)
NUMBERS = FIELDS[2:10]
SIGNALS = ("buy_to_enter", "sell_to_enter", "hold", "close", "close_position", "BUY_TO_ENTER", "long", "")

# How a reply is made, and how many in a hundred are made so.
KINDS: tuple[tuple[str, int], ...] = (
    ("well meant", 46),
    ("strange values", 18),
    ("strange names", 8),
    ("bent bytes", 14),
    ("many decisions", 2),
    ("nested", 1),
    ("corpus", 8),
    ("noise", 3),
)


def a_reply(rng: Random, sight: Sight, percent: bool) -> tuple[str, bytes, str]:
    """How it was made, its bytes, and its finish reason. ``percent``: confidence is asked for as 0 to 100."""
    kinds, weights = zip(*KINDS, strict=True)
    kind = rng.choices(kinds, weights)[0]
    finish = rng.choice(FINISH_REASONS) if rng.random() < 0.02 else "stop"
    match kind:
        case "well meant":
            raw = _written(rng, _entries(rng, sight, percent)).encode()
        case "strange values":
            raw = _written(rng, [_odd_values(rng, entry) for entry in _entries(rng, sight, percent)]).encode(
                "utf-8", "surrogatepass"
            )
        case "strange names":
            raw = _written(rng, [_odd_names(rng, entry) for entry in _entries(rng, sight, percent)]).encode()
        case "bent bytes":
            raw = _bent(rng, _written(rng, _entries(rng, sight, percent)).encode())
        case "many decisions":
            raw = _written(rng, _many(rng, sight, percent)).encode()
        case "nested":
            raw = _nested(rng, _written(rng, _entries(rng, sight, percent)))
        case "corpus":
            raw = rng.choice(CORPUS)
        case _:
            raw = rng.randbytes(rng.choice([1, 3, 30, 300]))
    return kind, raw, finish


def _entries(rng: Random, sight: Sight, percent: bool) -> list[Entry]:
    held = list(sight.held.get(sight.trader, {}))
    coins = list(sight.coins if rng.random() < 0.9 else sight.instruments)
    chosen = rng.sample(coins, rng.choice([1, 1, 1, 2, 3]))
    if held and rng.random() < 0.5:
        chosen = list(dict.fromkeys([rng.choice(held), *chosen]))
    return [_entry(rng, sight, coin, percent) for coin in chosen]


def _entry(rng: Random, sight: Sight, coin: str, percent: bool) -> Entry:
    """A decision that might pass: sized by the caps, stops and targets where they belong, now and then a step off."""
    limits, seen = sight.limits, sight.seen.get(coin)
    mark = float(seen.mark) if seen is not None and seen.mark.is_finite() and seen.mark > 0 else 100.0
    own = sight.held.get(sight.trader, {}).get(coin)
    if own is not None and rng.random() < 0.4:
        signal = rng.choice(["close", "close", "close", "hold", "close_position"])
    elif own is not None and rng.random() < 0.6:
        signal = "buy_to_enter" if own.quantity > 0 else "sell_to_enter"
    else:
        signal = rng.choice(["buy_to_enter", "sell_to_enter"])
    entry: Entry = [("symbol", json.dumps(coin)), ("signal", json.dumps(signal))]
    if signal in ("close", "close_position", "hold"):
        if own is not None and rng.random() < 0.4:
            entry.append(("quantity", _number(abs(float(own.quantity)) * rng.choice([0.1, 0.5, 0.999, 1, 1.0001, 7]))))
        if rng.random() < 0.2:
            entry.append(("entry_price", _number(mark * rng.choice([0.5, 0.9, 1, 1.01, 3]))))
        return entry
    usd = float(limits.max_position_size_usd) * 10 ** rng.uniform(-1.6, 0.12)
    if sight.units and rng.random() < 0.5:
        usd = min(usd, float(sight.units) * rng.choice([0.02, 0.1, 0.5]))
    entry.append(("position_size_usd", _number(usd)) if rng.random() < 0.6 else ("quantity", _number(usd / mark)))
    major = coin in ("BTC", "ETH")
    cap = min(limits.major_coin_leverage if major else limits.altcoin_leverage, sight.instruments[coin].max_leverage)
    if rng.random() < 0.9:
        leverage = rng.randint(1, cap) if rng.random() < 0.9 else rng.choice([cap, cap + 1, 40, 1000])
        entry.append(("leverage", rng.choice([str(leverage), f"{leverage}.0", f'"{leverage}"'])))
    ahead = 1 if signal == "buy_to_enter" else -1
    risk = mark * 10 ** rng.uniform(-2.7, -1.3)
    least = float(limits.min_risk_reward_ratio or 1)
    reward = risk * least * (rng.uniform(1.0, 4.0) if rng.random() < 0.9 else rng.uniform(0, 1.01))
    if rng.random() < 0.03:
        ahead = -ahead
    if rng.random() < (0.97 if limits.stop_loss_enabled else 0.5):
        entry.append(("stop_loss", _number(mark - ahead * risk)))
    if rng.random() < (0.97 if limits.take_profit_enabled else 0.5):
        entry.append((rng.choice(["profit_target", "take_profit"]), _number(mark + ahead * reward)))
    if rng.random() < 0.5:
        entry.append(("entry_price", _number(mark * (1 + rng.choice([0, 0, 0.003, -0.003, 0.015, 0.05, -0.3])))))
    confidence = rng.uniform(0.76, 0.99) if rng.random() < 0.9 else rng.uniform(0, 0.75)
    entry.append(("confidence", _number(confidence * (100 if percent else 1))))
    if rng.random() < 0.3:
        entry.append(("risk_usd", _number(usd * risk / mark)))
        entry.append(
            ("justification", json.dumps(rng.choice(["up", "\n", '{"decisions": []}', "</think>", "é\u0000"])))
        )
    return entry


def _number(value: float) -> str:
    return format(Decimal(f"{value:.6g}"), "f")


def _odd_values(rng: Random, entry: Entry) -> Entry:
    changed = list(entry)
    for _ in range(rng.choice([1, 1, 2])):
        place = rng.randrange(len(changed))
        name = changed[place][0]
        if name in NUMBERS or rng.random() < 0.3:
            changed[place] = (name, rng.choice(LEXEMES))
        else:
            changed.append((rng.choice(NUMBERS), rng.choice(LEXEMES)))
    return changed


def _odd_names(rng: Random, entry: Entry) -> Entry:
    changed = list(entry)
    place = rng.randrange(len(changed))
    match rng.randrange(6):
        case 0:
            changed[0] = ("symbol", json.dumps(rng.choice(SYMBOLS), ensure_ascii=rng.random() < 0.5))
        case 1:
            changed[1] = ("signal", json.dumps(rng.choice(SIGNALS)))
        case 2:
            changed.append(rng.choice(changed))
        case 3:
            changed.append((rng.choice(FIELDS), changed[place][1]))
        case 4:
            changed[place] = (rng.choice([*FIELDS, "size", "Stop_Loss", "stop_lоss", ""]), changed[place][1])
        case _:
            del changed[place]
    return changed


def _many(rng: Random, sight: Sight, percent: bool) -> list[Entry]:
    entries = [_entry(rng, sight, coin, percent) for coin in sight.instruments]
    while len(entries) < rng.choice([8, 64, 65, 200]):
        entries.append([("symbol", json.dumps(f"C{len(entries)}")), ("signal", '"hold"')])
    if rng.random() < 0.3:
        entries.append(rng.choice(entries))
    rng.shuffle(entries)
    return entries


def _written(rng: Random, entries: list[Entry]) -> str:
    """The decisions in one of the contracts that are read, in one of the wrappings that they come in."""
    form = rng.choices(["v2", "list", "by coin", "arguments", "single"], [55, 10, 15, 10, 10])[0]
    match form:
        case "v2":
            rest = rng.choice(["", ', "summary": "s"', ', "chain_of_thought": "why {not}", "summary": null'])
            text = '{"decisions": [' + ", ".join(_object(entry) for entry in entries) + "]" + rest + "}"
        case "list":
            text = "[" + ",\n".join(_object(entry) for entry in entries) + "]"
        case "by coin":
            text = "{" + ", ".join(f"{_symbol(entry)}: {_object(entry)}" for entry in entries) + "}"
        case "arguments":
            parts = [f'{_symbol(entry)}: {{"trade_signal_args": {_object(entry)}}}' for entry in entries]
            text = "{" + ", ".join(parts) + "}"
        case _:
            text = _object(entries[0])
    return rng.choices(
        [
            text,
            f"```json\n{text}\n```",
            f"I have thought about it.\n{text}\nThat is all.",
            f"<think>BTC at 5, {{sell}}?</think>\n{text}",
            f"\ufeff{text}\n",
        ],
        [60, 15, 10, 10, 5],
    )[0]


def _object(entry: Entry) -> str:
    return "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in entry) + "}"


def _symbol(entry: Entry) -> str:
    return next((value for name, value in entry if name == "symbol" and value.startswith('"')), '"BTC"')


def _bent(rng: Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice([0, 1, 1, 4, 20]))
        match rng.randrange(8):
            case 0:
                changed[start:end] = rng.randbytes(end - start)
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end]
            case 3:
                changed[start:start] = rng.choice(CORPUS)[:200]
            case 4 if changed:
                changed[start % len(changed)] ^= 1 << rng.randrange(8)
            case 5:
                del changed[start:]
            case 6:
                changed[start:start] = rng.choice([b"-", b".", b"0", b"e", b"9", b'"', b",", b"}", b"]", b"\\", b"\n"])
            case _:
                digits = [place for place, byte in enumerate(changed) if 48 <= byte <= 57]
                if digits:
                    changed[rng.choice(digits)] = rng.choice(b"0123456789.-e")
    if rng.random() < 0.05:
        return bytes(changed).decode("latin-1").encode(rng.choice(["utf-16", "utf-8", "utf-32"]))
    return bytes(changed)


def _nested(rng: Random, text: str) -> bytes:
    depth = rng.choice([3, 31, 33, 1000, 50_000])
    opens, closes = rng.choice([("[", "]"), ('{"a":', "}"), ('{"decisions": [', "]}")])
    return (opens * depth + text + closes * (depth if rng.random() < 0.5 else 0)).encode()
