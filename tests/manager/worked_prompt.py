"""Two hours of one trader: four entries, three closed trades, one position open, and the prompt that comes then."""

from decimal import Decimal
from itertools import pairwise
from math import sin
from typing import Any

from msgspec.structs import replace

from engine.executor.limits import AccountLimits, Limits
from engine.executor.ports import Message
from engine.manager.desk import ModelDecider
from tests.arena.chat import Speaker, model_decider, says
from tests.arena.scripts import MINUTE_MS, T0
from tests.arena.small_arena import TEN_BPS, SmallArena, Trader
from tests.executor.prompt.scene import prompt_set

START = 12_600  # minutes of history before ann begins: enough for fifty bars of four hours
END = START + 123
SERIES_MS, LONG_MS = 3 * MINUTE_MS, 240 * MINUTE_MS
TEN_BPS_RATE = Decimal("0.001")  # what the venue takes, and so what a configuration would tell the account
LIMITS = Limits(cooldown_ms=30 * MINUTE_MS, min_risk_reward_ratio=None, min_confidence=None)

# Minutes after the start and the prices there; straight lines between them.
BTC_PATH = {0: 110_000, 15: 109_600, 40: 112_400, 75: 111_500, 99: 111_000, 123: 111_600}
ETH_PATH = {0: 4_000, 45: 4_000, 70: 4_110, 105: 4_080, 123: 4_020}


def entry(coin: str, side: str, quantity: float, stop: float, target: float, **terms: Any) -> dict[str, Any]:
    """An entry as a model writes it."""
    signal = "buy_to_enter" if side == "long" else "sell_to_enter"
    prices = {"stop_loss": stop, "profit_target": target}
    return {"symbol": coin, "signal": signal, "quantity": quantity, "leverage": 5, **prices, **terms}


# What ann answers at which minute after the start; at every other slot she holds.
ANSWERS: dict[int, dict[str, Any]] = {
    0: entry(
        "BTC", "long", 0.02, 109_000, 112_000, risk_usd=20, confidence=0.7, justification="RSI14 turned up from 38"
    ),
    45: entry(
        "ETH", "short", 0.5, 4_100, 3_850, risk_usd=50, confidence=0.8, justification="funding is dear, EMA20 is lost"
    ),
    75: entry("BTC", "long", 0.03, 110_500, 113_500, risk_usd=30, confidence=0.6, justification="the dip is bought"),
    99: {"symbol": "BTC", "signal": "close", "confidence": 0.6, "justification": "MACD turned down"},
    105: entry(
        "ETH",
        "short",
        0.4,
        4_150,
        3_900,
        risk_usd=28,
        confidence=0.65,
        justification="lower high",
        invalidation_condition="a 3m close above 4120",
    ),
}


class Ann(Speaker):
    """Answers by the minute."""

    async def complete(self, messages: Any, *, trader: str, slot_ms: int, timeout_ms: int) -> Any:
        decided = ANSWERS.get((slot_ms - T0) // MINUTE_MS - START)
        self._answers = [says(*([] if decided is None else [decided]))]
        return await super().complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)


def worked() -> tuple[SmallArena, tuple[Message, ...]]:
    """The arena after two hours, and the messages of its last slot."""
    ann = Ann(says())
    decider: ModelDecider = replace(
        model_decider(ann), prompts=prompt_set("crowd_fader"), series_interval_ms=SERIES_MS, long_interval_ms=LONG_MS
    )
    arena = SmallArena(
        {"ann": Trader(decider=decider, limits=LIMITS, minutes=3)},
        {"BTC": prices_of(BTC_PATH, 110_000.0, 10.0), "ETH": prices_of(ETH_PATH, 4_000.0, 1.0)},
        costs=replace(TEN_BPS, funding=True),
        funding={"BTC": "0.0000125", "ETH": "0.00004"},
        volume=10.0,
        account_limits=AccountLimits(taker_fee_rate=TEN_BPS_RATE),
        from_ms=T0 + START * MINUTE_MS,
    )
    arena.play(END + 1)
    return arena, ann.asked[-1]


def prices_of(path: dict[int, int], base: float, grid: float) -> list[float]:
    """A slow swell up to the start, then the path; all on the grid."""
    swell = [
        base * (1 + 0.01 * sin((minute - START) / 900) + 0.002 * sin((minute - START) / 47)) for minute in range(START)
    ]
    points = sorted(path.items())
    walk = [
        before + (after - before) * (minute - since) / (until - since)
        for (since, before), (until, after) in pairwise(points)
        for minute in range(since, until)
    ]
    return [round(price / grid) * grid for price in [*swell, *walk, *[float(points[-1][1])] * 5]]
