"""A strategy that opens, enlarges, flips and closes by draws: much trading for little arithmetic."""

from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.model.decision import Decision
from engine.model.market import Column


class Churner:
    """Satisfies ``engine.executor.ports.Strategy``; what it does is a function of seed, trader, slot and coin.

    ``appetite`` is how often it acts on a coin at a slot, ``size_usd`` what it opens, ``stops`` whether with a stop.
    """

    name = "churner"
    columns: tuple[Column, ...] = ()

    def __init__(self, seed: int, appetite: float, size_usd: int, *, stops: bool) -> None:
        self._seed = seed
        self._appetite = appetite
        self._size_usd = size_usd
        self._stops = stops

    def decide(self, context: Context) -> Sequence[Decision]:
        """At most one decision a coin."""
        decisions = []
        for coin in context.coins:
            acts, what, which, away = self._draws(context.trader, context.slot_ms, coin)
            mark = context.market.mark(coin)
            if acts >= self._appetite or mark is None:
                continue
            held = context.account.positions.get(coin)
            if held is not None and what < 0.5:
                quantity = None if what < 0.35 else abs(held.quantity) / 2
                decisions.append(Decision(symbol=coin, signal="close", quantity=quantity, confidence=0.9))
                continue
            sign = 1 if which < 0.5 else -1
            distance = mark * Decimal(int(10 + 60 * away)) / 10_000
            decisions.append(
                Decision(
                    symbol=coin,
                    signal="buy_to_enter" if sign > 0 else "sell_to_enter",
                    position_size_usd=Decimal(int(self._size_usd * (0.2 + what))),
                    stop_loss=mark - sign * distance if self._stops else None,
                    profit_target=mark + sign * 2 * distance if self._stops else None,
                    confidence=0.9,
                )
            )
        return decisions

    def points(self, coin: str, columns: Columns) -> None:
        """Every slot may be one."""

    def _draws(self, trader: str, slot_ms: int, coin: str) -> tuple[float, float, float, float]:
        digest = blake2b(f"{self._seed}:{trader}:{slot_ms}:{coin}".encode(), digest_size=16).digest()
        first, second, third, fourth = (int.from_bytes(digest[place : place + 4], "big") for place in (0, 4, 8, 12))
        return first / 2**32, second / 2**32, third / 2**32, fourth / 2**32
