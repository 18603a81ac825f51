"""Entries: how large a strategy's position is to be, and where it is to end."""

from decimal import Decimal
from math import isfinite

from msgspec import Struct

from engine.executor.context import Context
from engine.model.decision import Decision

HUNDRED = Decimal(100)
# A position sized to the very cap is above it when the mark moves a little between deciding and judging.
ROOM = Decimal("0.98")


class EntrySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every strategy that enters positions can be told.

    A position is ``position_size_usd`` large, or else ``position_pct`` percent of the trader's equity, and never above
    the trader's largest position. ``leverage`` is left to the trader's limits when it is not given; ``confidence`` is
    0 to 1.
    """

    position_pct: float = 10.0
    position_size_usd: float | None = None
    leverage: int | None = None
    confidence: float | None = 0.8

    def __post_init__(self) -> None:
        above_zero(self, "position_pct", "position_size_usd", "leverage")
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence is {self.confidence}, it must be from 0 to 1")


def above_zero(settings: Struct, *names: str) -> None:
    """Refuse settings that are not finite numbers above zero; one that is left out is fine. Raises ``ValueError``."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not (isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}, it must be a number above zero")


def enter(
    context: Context,
    coin: str,
    direction: int,
    settings: EntrySettings,
    stop_away: Decimal | None,
    target_away: Decimal | None,
    why: str,
) -> Decision | None:
    """The wish to hold a position of the settings' size, long (``direction`` 1) or short (-1), whatever is held now.

    Stop and target lie as far from the mark as told, in USD. ``None`` where there is no mark, no equity to size by, or
    no room for a stop above zero.
    """
    mark = context.market.mark(coin)
    equity = context.equity_usd
    if mark is None or not (equity.is_finite() and equity > 0):
        return None
    if settings.position_size_usd is not None:
        size_usd = exact(settings.position_size_usd)
    else:
        size_usd = equity * exact(settings.position_pct) / HUNDRED
    stop = None if stop_away is None else mark - direction * stop_away
    target = None if target_away is None else mark + direction * target_away
    if (stop is not None and stop <= 0) or (target is not None and target <= 0):
        return None
    return Decision(
        symbol=coin,
        signal="buy_to_enter" if direction > 0 else "sell_to_enter",
        target_quantity=direction * affordable_usd(size_usd, context) / mark,
        leverage=settings.leverage,
        stop_loss=stop,
        profit_target=target,
        confidence=settings.confidence,
        justification=why,
    )


def affordable_usd(size_usd: Decimal, context: Context) -> Decimal:
    """The size, or what the trader's largest position leaves room for."""
    return min(size_usd, context.limits.max_position_size_usd * ROOM)


def leave(coin: str, why: str) -> Decision:
    """The wish to hold nothing of the coin."""
    return Decision(symbol=coin, signal="close", justification=why)


def direction_of(context: Context, coin: str) -> int:
    """1 when the trader is long in the coin, -1 when short, 0 when flat."""
    position = context.account.positions.get(coin)
    return 0 if position is None else 1 if position.quantity > 0 else -1


def exact(value: float) -> Decimal:
    """The shortest decimal that reads as this finite number."""
    return Decimal(repr(float(value)))


def scaled(multiple: float | None, value: float) -> Decimal | None:
    """A multiple of a finite value; ``None`` without a multiple."""
    return None if multiple is None else exact(multiple * value)
