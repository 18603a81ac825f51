"""A trader's standing: what the portfolio guards need to remember between slots."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from engine.model.position import ZERO

Status = Literal["running", "paused", "stopping", "stopped", "error"]
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
HOURLY_POINTS = 24 * 90  # net asset values kept for the Sharpe pause: ninety days


class Standing(Struct, kw_only=True):
    """One trader's memory, owned and changed by the fold of records alone; money in USD, times in ms UTC.

    ``liquidated`` holds from a liquidation on until the trader is started again: what it still holds is closed out.
    ``nav_hourly`` holds the net asset value per unit at the end of each hour, oldest first; ``peak_nav`` its all-time
    maximum. The day is a UTC day; its sums start anew with the first record of the next.
    """

    status: Status = "running"
    reason: str = ""
    liquidated: bool = False
    started_ms: int = 0
    last_slot_ms: int = -1
    slots: int = 0
    pause_until_ms: int = 0
    closed_ms: dict[str, int] = {}
    day: int = -1
    day_nav: float = 0.0
    day_turnover_usd: Decimal = ZERO
    day_fees_usd: Decimal = ZERO
    day_opens: int = 0
    nav: float = 1.0
    peak_nav: float = 1.0
    nav_hour: int = -1
    nav_hourly: list[float] = []
    trades: int = 0
    wins: int = 0
    loss_streak: int = 0
