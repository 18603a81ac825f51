"""A scripted model: reads the prompt like any model and answers in its words by simple rules, calling nobody."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from engine.executor.ports import Message, Reply
from engine.llm.scripted_weights import asked_for_weights, weights_answer

CHARACTERS_A_TOKEN = 4
NEAREST_STOP, FARTHEST_STOP = 0.004, 0.03  # fractions of the price


class Style(Struct, frozen=True, kw_only=True):
    """A temper. ``patience`` is how many chances it lets pass for one that it takes, on average.

    ``follows`` says whether it goes with a move or against it; ``stretch`` how far (a fraction) price has to be from
    its average; ``risk`` the fraction of equity that a stop may cost; ``heeds_trend`` whether the longer term has to
    agree.
    """

    follows: bool
    stretch: float
    risk: float
    leverage: int
    patience: int
    heeds_trend: bool


STYLES: Mapping[str, Style] = {
    "momentum": Style(follows=True, stretch=0.0008, risk=0.006, leverage=8, patience=4, heeds_trend=False),
    "contrarian": Style(follows=False, stretch=0.0012, risk=0.005, leverage=6, patience=3, heeds_trend=False),
    "cautious": Style(follows=True, stretch=0.0005, risk=0.003, leverage=3, patience=8, heeds_trend=True),
}
HOLDS_ON = 4  # times its patience: what was entered is mostly left to its stop and target
ASKS_TOO_MUCH_ONCE_IN = 17  # entries: a size beyond the limits, so that a denial is seen now and then


class ScriptedModel:
    """A chat model without a model: its reply is a function of seed, style and the text of the messages alone."""

    def __init__(self, name: str, *, seed: int = 0, style: str = "momentum") -> None:
        if style not in STYLES:
            raise ValueError(f"style was {style!r}; known: {', '.join(STYLES)}")
        self._name = name
        self._seed = seed
        self._style = style

    @property
    def name(self) -> str:
        """The name by which the configuration calls it."""
        return self._name

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """Nothing: nobody is called."""
        return Decimal(0)

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The reply to the messages, at once; who asks and when makes no difference."""
        text = "\n".join(message.content for message in messages)
        raw = self.answer(text).encode()
        return Reply(
            raw=raw,
            model=f"scripted/{self._style}",
            prompt_tokens=len(text) // CHARACTERS_A_TOKEN,
            completion_tokens=len(raw) // CHARACTERS_A_TOKEN,
        )

    def answer(self, text: str) -> str:
        """The answer to a prompt's text: decisions in contract v2, or weights where the prompt wants those."""
        said = (
            f"No language model was called: this is the scripted model {self._name!r}, style {self._style}, "
            f"seed {self._seed}, which goes by fixed rules over the numbers in the prompt."
        )
        if asked_for_weights(text):
            return weights_answer(text, self._style, said)
        style = STYLES[self._style]
        seen = read(text)
        decisions: list[dict[str, Any]] = []
        thoughts = [said]
        room = seen.most_positions - len(seen.positions)
        for coin in seen.coins:
            held = seen.positions.get(coin.name)
            whim = self._whim(text, coin.name)
            lean, why = _lean(coin, style)
            entering = held is None and lean != 0 and not coin.resting and room > 0 and whim % style.patience == 0
            if held is not None and lean == -held and whim % (HOLDS_ON * style.patience) == 0:
                decisions.append(_closing(coin, why, seen))
                thoughts.append(f"{coin.name}: {why}; that speaks against the position, so it goes.")
            elif entering:
                too_much = whim // style.patience % ASKS_TOO_MUCH_ONCE_IN == 0
                decisions.append(_entry(coin, lean, why, style, seen, too_much))
                thoughts.append(f"{coin.name}: {why}; {'up' if lean > 0 else 'down'} it is.")
                room -= 1
            else:
                decisions.append(_holding(coin, why, seen))
                thoughts.append(f"{coin.name}: {why}; nothing to do.")
        if not seen.coins:
            thoughts.append("There was no coin in the prompt that these rules can read.")
        summary = _summary(decisions)
        return json.dumps(
            {
                "chain_of_thought": "\n".join(thoughts),
                "decisions": decisions,
                "summary": f"{summary} (No model called.)",
            }
        )

    def _whim(self, text: str, coin: str) -> int:
        hashed = blake2b(f"{self._seed}:{self._style}:{coin}:{text}".encode(), digest_size=8)
        return int.from_bytes(hashed.digest(), "big")


class SeenCoin(Struct, frozen=True, kw_only=True):
    """What the rules read of a coin; all numbers as they stand in the text."""

    name: str
    mark: float
    ema20: float
    macd: tuple[float, ...]
    rsi7: float
    rsi14: float
    trend: int
    range: float
    leverage: int
    resting: bool


class Seen(Struct, frozen=True, kw_only=True):
    """What the rules read of a prompt. ``positions`` are +1 for long and -1 for short by coin."""

    coins: tuple[SeenCoin, ...]
    positions: dict[str, int]
    equity: float
    margin_free: float
    most_positions: int
    largest_position: float
    reward_to_risk: float
    confidence: float
    scale: float


_NUMBER = r"(-?\d+(?:\.\d+)?)"
_POSITION = re.compile(r"([A-Za-z0-9]+) (long|short)")


def read(text: str) -> Seen:
    """The numbers of a prompt laid out as the shipped templates do it; what cannot be found gets a modest default."""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    coins: list[SeenCoin] = []
    positions: dict[str, int] = {}
    for section in sections[1:]:
        title, _, body = section.partition("\n")
        fields = dict(line.strip().split(": ", 1) for line in body.splitlines() if ": " in line)
        position = _POSITION.fullmatch(title)
        if position is not None:
            positions[position[1]] = 1 if position[2] == "long" else -1
        elif (coin := _coin(title, fields)) is not None:
            coins.append(coin)
    scale = _found(text, r"`confidence` runs from 0 to " + _NUMBER, 1.0)
    return Seen(
        coins=tuple(coins),
        positions=positions,
        equity=_found(text, rf"^equity: {_NUMBER} USD", 0.0),
        margin_free=_found(text, rf"^margin free: {_NUMBER} USD", 0.0),
        most_positions=int(_found(text, rf"^- open positions: at most {_NUMBER}", 3)),
        largest_position=_found(text, rf"^- position value: at most {_NUMBER} USD", 1_000.0),
        reward_to_risk=_found(text, rf"^- reward to risk: at least {_NUMBER}", 3.0),
        confidence=_found(text, rf"^- confidence: at least {_NUMBER}", 0.75 * scale),
        scale=scale,
    )


def _coin(name: str, fields: Mapping[str, str]) -> SeenCoin | None:
    try:
        mark = float(fields["mark"])
        long_ema20, long_ema50 = (float(fields.get(key, "0")) for key in ("long EMA20", "long EMA50"))
        return SeenCoin(
            name=name,
            mark=mark,
            ema20=_series(fields["EMA20"])[-1],
            macd=_series(fields["MACD"]),
            rsi7=_series(fields["RSI7"])[-1],
            rsi14=_series(fields["RSI14"])[-1],
            trend=(long_ema20 > long_ema50) - (long_ema20 < long_ema50),
            range=float(fields.get("long ATR14", "0")) / mark,
            leverage=int(fields.get("order rules", "leverage up to 1").rpartition(" ")[2]),
            resting="resting" in fields,
        )
    except (KeyError, ValueError, ZeroDivisionError):  # bars are missing, or another template laid this out
        return None


def _series(text: str) -> tuple[float, ...]:
    return tuple(float(value) for value in text.split(", "))


def _found(text: str, pattern: str, default: float) -> float:
    match = re.search(pattern, text, re.MULTILINE)
    return default if match is None else float(match[1])


def _lean(coin: SeenCoin, style: Style) -> tuple[int, str]:
    """+1 for up, -1 for down, 0 for neither, and the reason."""
    stretch = coin.mark / coin.ema20 - 1 if coin.ema20 > 0 else 0.0
    reason = f"mark {coin.mark:g} is {100 * stretch:+.2f} % from EMA20, MACD {coin.macd[-1]:g}, RSI14 {coin.rsi14:g}"
    if style.follows:
        up = stretch > style.stretch and coin.macd[-1] > 0 and coin.rsi14 < 75
        down = stretch < -style.stretch and coin.macd[-1] < 0 and coin.rsi14 > 25
    else:
        up = stretch < -style.stretch and coin.rsi7 < 30
        down = stretch > style.stretch and coin.rsi7 > 70
    lean = int(up) - int(down)
    if lean and style.heeds_trend and coin.trend != lean:
        return 0, f"{reason}, but the longer term does not agree"
    return lean, reason


def _entry(coin: SeenCoin, lean: int, why: str, style: Style, seen: Seen, too_much: bool) -> dict[str, Any]:
    stop_at = min(max(coin.range, NEAREST_STOP), FARTHEST_STOP)
    target_at = 1.1 * seen.reward_to_risk * stop_at
    leverage = max(1, min(style.leverage, coin.leverage))
    size = min(style.risk * seen.equity / stop_at, 0.9 * seen.largest_position, 0.4 * seen.margin_free * leverage)
    note = ""
    if too_much:
        size = 3 * seen.largest_position
        note = " It asks for more than the limits allow, as this script does now and then, to show a denial."
    strength = min(abs(coin.mark / coin.ema20 - 1) / (10 * style.stretch), 1.0)
    confidence = seen.confidence + (seen.scale - seen.confidence) * (0.1 + 0.6 * strength)
    return {
        "symbol": coin.name,
        "signal": "buy_to_enter" if lean > 0 else "sell_to_enter",
        "position_size_usd": round(size, 2),
        "leverage": leverage,
        "entry_price": coin.mark,
        "stop_loss": _price(coin.mark * (1 - lean * stop_at)),
        "profit_target": _price(coin.mark * (1 + lean * target_at)),
        "risk_usd": round(size * stop_at, 2),
        "confidence": round(confidence, 3),
        "invalidation_condition": f"MACD of {coin.name} changes its sign",
        "justification": f"{why}.{note}",
    }


def _closing(coin: SeenCoin, why: str, seen: Seen) -> dict[str, Any]:
    confidence = round(seen.confidence, 3)
    return {"symbol": coin.name, "signal": "close", "confidence": confidence, "justification": f"{why}."}


def _holding(coin: SeenCoin, why: str, seen: Seen) -> dict[str, Any]:
    confidence = round(seen.scale / 2, 3)
    return {"symbol": coin.name, "signal": "hold", "confidence": confidence, "justification": f"{why}."}


def _price(value: float) -> float:
    """A price of five significant digits, which every instrument's grid takes after rounding."""
    return float(f"{value:.5g}")


def _summary(decisions: Sequence[Mapping[str, Any]]) -> str:
    words = {"buy_to_enter": "buying", "sell_to_enter": "selling short", "close": "closing"}
    done = [
        f"{words[decision['signal']]} {decision['symbol']}" for decision in decisions if decision["signal"] in words
    ]
    return f"{', '.join(done).capitalize()}." if done else "Waiting: nothing fits the rules."
