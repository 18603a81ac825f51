"""The buy-and-hold benchmark: 10,000 USD put into bitcoin at its first known price and left there."""

from decimal import Decimal

from engine.export.worth import START_USD, Worth, wire_usd

BUY_AND_HOLD = "buynhold_btc"  # the frontend's Sharpe column and names depend on this very id
COIN = "BTC"


class BuyAndHold:
    """Held by nobody: a curve to compare with."""

    def __init__(self) -> None:
        self.started_ms: int | None = None
        self._first: Decimal | None = None
        self._latest = Decimal(0)

    def take(self, price: Decimal | None, at_ms: int) -> bool:
        """The price of bitcoin at an instant, if there is one; whether it was the first."""
        if price is None or not price.is_finite() or price <= 0:
            return False
        self._latest = price
        if self._first is not None:
            return False
        self._first = price
        self.started_ms = at_ms
        return True

    def worth(self) -> Worth | None:
        """Its worth at the latest price; ``None`` before the first. It never sells, but holds no position either."""
        if self._first is None:
            return None
        return Worth(equity_usd=wire_usd(START_USD * self._latest / self._first), unrealized_usd=Decimal(0))
