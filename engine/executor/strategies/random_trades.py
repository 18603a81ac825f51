"""Random: the baseline that trades without a reason, and the same way in every run."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import HUNDRED, EntrySettings, above_zero, direction_of, enter, exact, leave
from engine.model.decision import Decision
from engine.model.market import Column
from engine.model.standing import DAY_MS


class RandomTradesSettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """About ``trades_per_day`` positions a day are opened, and as many closed.

    Stop and target lie ``stop_pct`` and ``target_pct`` percent of the mark away.
    """

    trades_per_day: float = 4.0
    stop_pct: float | None = 2.0
    target_pct: float | None = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "trades_per_day", "stop_pct", "target_pct")


class RandomTrades:
    """Draws whether to act, on which coin and on which side: a function of seed, trader and slot."""

    name = "random"
    columns: tuple[Column, ...] = ()

    def __init__(self, settings: RandomTradesSettings, seed: int) -> None:
        self._settings = settings
        self._seed = seed

    def decide(self, context: Context) -> list[Decision]:
        """A drawn coin is closed when it is held, and opened on a drawn side when it is not."""
        if not context.coins:
            return []
        acts, which, side = _draws(self._seed, context.trader, context.slot_ms)
        # Every second action closes what another opened.
        if acts >= 2 * self._settings.trades_per_day * context.interval_ms / DAY_MS:
            return []
        coin = context.coins[int(which * len(context.coins))]
        if direction_of(context, coin) != 0:
            return [leave(coin, "drawn to be closed")]
        mark = context.market.mark(coin)
        if mark is None:
            return []
        stop_pct, target_pct = self._settings.stop_pct, self._settings.target_pct
        stop_away = None if stop_pct is None else mark * exact(stop_pct) / HUNDRED
        target_away = None if target_pct is None else mark * exact(target_pct) / HUNDRED
        direction = 1 if side < 0.5 else -1
        entry = enter(context, coin, direction, self._settings, stop_away, target_away, "drawn to be opened")
        return [] if entry is None else [entry]

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """It looks at the slot and at no bar: every slot may be a point."""
        return None


def _draws(seed: int, trader: str, slot_ms: int) -> tuple[float, float, float]:
    """Three numbers from 0 to below 1, evenly spread over slots."""
    digest = blake2b(f"{seed}:{slot_ms}:{trader}".encode(), digest_size=12).digest()
    return (
        int.from_bytes(digest[:4], "big") / 2**32,
        int.from_bytes(digest[4:8], "big") / 2**32,
        int.from_bytes(digest[8:], "big") / 2**32,
    )
