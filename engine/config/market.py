"""The keys of ``market.yaml``: where prices come from."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Struct, field

from engine.config.kinds import Coin, Folder, Milliseconds, Name, Number, Refused, Seed, Span

COINS = ("BTC", "ETH", "SOL", "BNB", "DOGE", "XRP", "HYPE")

Retries = Annotated[int, Number("count", at_least=0, at_most=10)]


class SyntheticMarket(Struct, frozen=True, kw_only=True, tag_field="type", tag="synthetic"):
    """Prices that are a pure function of seed and time."""

    seed: Seed = 0
    coins: tuple[Coin, ...] = COINS
    bar_interval_ms: Annotated[int, Span(at_least_ms=1_000, at_most_ms=3_600_000)] = field(
        name="bar_interval", default=60_000
    )


class HistoryMarket(Struct, frozen=True, kw_only=True, tag_field="type", tag="history"):
    """Recorded bars out of a folder."""

    folder: Folder
    coins: tuple[Coin, ...]
    base_interval_ms: Milliseconds = field(name="base_interval", default=60_000)
    allow_gaps: bool = False


class HyperliquidMarket(Struct, frozen=True, kw_only=True, tag_field="type", tag="hyperliquid"):
    """Hyperliquid's public prices."""

    testnet: bool = False
    coins: tuple[Coin, ...] = COINS
    timeout_ms: Milliseconds = field(name="timeout", default=8_000)
    http_timeout_ms: Milliseconds = field(name="http_timeout", default=10_000)
    max_retries: Retries = 3
    mode: Annotated[str, Refused("there is one way to read prices; leave it out")] = ""


class CcxtMarket(Struct, frozen=True, kw_only=True, tag_field="type", tag="ccxt"):
    """Public prices of a venue that is reached through ccxt, by its name there."""

    exchange: Name
    testnet: bool = False
    coins: tuple[Coin, ...] = COINS
    timeout_ms: Milliseconds = field(name="timeout", default=8_000)
    max_retries: Retries = 3


Market = SyntheticMarket | HistoryMarket | HyperliquidMarket | CcxtMarket

# Fields of a coin snapshot that a kind of provider never has: a limit that needs one refuses to load with it.
LACKS: Mapping[type[Struct], tuple[str, ...]] = {
    SyntheticMarket: ("oracle",),
    HistoryMarket: ("open_interest", "oracle"),
    HyperliquidMarket: (),
    CcxtMarket: ("open_interest",),
}


class Markets(Struct, frozen=True, kw_only=True):
    """``market.yaml``. ``default`` is the market of traders that name none."""

    default: str = ""
    providers: dict[str, Market] = {}


def bar_ms(market: Market) -> int:
    """How long one bar of a market lasts, in ms."""
    match market:
        case SyntheticMarket():
            return market.bar_interval_ms
        case HistoryMarket():
            return market.base_interval_ms
        case HyperliquidMarket() | CcxtMarket():
            return 60_000
