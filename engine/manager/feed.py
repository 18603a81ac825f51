"""The feed: the latest look at the market and at one venue account; reading it never waits."""

from decimal import Decimal

from engine.manager.ports import ExchangeProvider, MarketProvider
from engine.model.market import MarketSnapshot
from engine.model.order import VenueAccount


class MarkMissing(Exception):
    """A coin that is held has no price; nothing that depends on its value may be decided."""


class Feed:
    """What the desks of one venue account look at. ``watch`` keeps it fresh."""

    def __init__(self, market: MarketProvider, exchange: ExchangeProvider) -> None:
        self.market = market
        self.exchange = exchange
        self.observed: VenueAccount | None = None
        self._snapshot: MarketSnapshot | None = None
        self._held: MarketSnapshot | None = None

    def hold(self, slot_ms: int) -> None:
        """Look once at the instant of a slot, and let everybody who looks at it later see the same."""
        if self._held is None or self._held.time_ms != slot_ms:
            self._held = self.look(slot_ms)

    def look(self, now_ms: int) -> MarketSnapshot:
        """The market at ``now_ms``: one frozen snapshot for everybody who asks at the same instant."""
        snapshot = self._snapshot
        if snapshot is None or snapshot.time_ms != now_ms:
            held = self._held
            if held is not None and held.time_ms == now_ms:
                return held
            snapshot = self.market.look(now_ms)
            self._snapshot = snapshot
        return snapshot

    def forget(self) -> None:
        """Drop the current snapshot: prices have moved within the instant."""
        self._snapshot = self._held = None

    def account_age_ms(self, now_ms: int) -> int | None:
        """How old the last report of the venue account is; ``None`` when there was none."""
        return None if self.observed is None else now_ms - self.observed.time_ms


def mark_of(snapshot: MarketSnapshot, coin: str) -> Decimal:
    """The mark of a coin that must have one. Raises ``MarkMissing``."""
    mark = snapshot.mark(coin)
    if mark is None:
        raise MarkMissing(f"{coin} has no price at {snapshot.time_ms}")
    return mark
