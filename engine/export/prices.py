"""The latest prices of all coins."""

from collections.abc import Mapping
from decimal import Decimal

from api.handoff import schema as wire


def prices_of(coins: Mapping[str, tuple[Decimal, int]]) -> wire.CryptoPrices:
    """``coins``: price in USD and when it was true (ms), by coin."""
    return wire.CryptoPrices(
        prices={
            coin: wire.CoinPrice(symbol=coin, price=float(price), timestamp=at_ms)
            for coin, (price, at_ms) in coins.items()
        }
    )
