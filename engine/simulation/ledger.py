"""An independent ledger: quantities and money of every trader, worked out from the venue's executions alone."""

from collections.abc import Mapping
from decimal import Decimal

from engine.simulation.venue import Shown
from engine.simulation.witness import Promise

ZERO = Decimal(0)


class VenueLedger:
    """What each trader must hold and must have left, by the venue's fills and the durable intents. Shares no code
    with the book.

    ``unowned`` are the coins in which the venue executed something that no order of ours explains.
    """

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Decimal] = {}
        self.paid: dict[str, Decimal] = {}
        self.unowned: dict[str, Decimal] = {}
        self.net: dict[str, Decimal] = {}
        self._taken = 0

    def take(self, fills: list[Shown], promises: Mapping[str, Promise]) -> None:
        """Take in the fills that came since the last time."""
        for shown in fills[self._taken :]:
            fill = shown.fill
            signed = fill.quantity if fill.side == "buy" else -fill.quantity
            self.net[fill.coin] = self.net.get(fill.coin, ZERO) + signed
            promise = promises.get(fill.client_order_id or "")
            if promise is None:
                self.unowned[fill.coin] = self.unowned.get(fill.coin, ZERO) + signed
                continue
            place = (promise.trader, fill.coin)
            self.held[place] = self.held.get(place, ZERO) + signed
            self.paid[promise.trader] = self.paid.get(promise.trader, ZERO) - signed * fill.price - fill.fee_usd
        self._taken = len(fills)

    def held_by(self, trader: str) -> dict[str, Decimal]:
        """What a trader holds, flat coins left out."""
        return {coin: quantity for (name, coin), quantity in self.held.items() if name == trader and quantity}
