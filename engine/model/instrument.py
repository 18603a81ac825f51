"""Instruments: what can be traded on a venue, and how its prices and sizes are rounded."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Literal

from msgspec import Struct

PriceRounding = Literal["down", "up", "nearest"]

_PRICE_ROUNDING = {"down": ROUND_FLOOR, "up": ROUND_CEILING, "nearest": ROUND_HALF_EVEN}
_STEPS = tuple(Decimal(1).scaleb(-places) for places in range(13))


class MarginTier(Struct, frozen=True, kw_only=True, gc=False):
    """From ``notional_usd`` upwards at most ``max_leverage`` is allowed."""

    notional_usd: Decimal
    max_leverage: int


class Instrument(Struct, frozen=True, kw_only=True, gc=False):
    """A perpetual future of one venue, quoted and settled in USD.

    ``size_decimals`` fixes the lot, ``max_price_decimals`` and ``significant_figures`` the price grid: a price has at
    most that many significant figures and at most ``max_price_decimals`` decimals; whole numbers are always allowed.
    Source of the grid: Hyperliquid, "Tick and lot size": max_price_decimals = 6 - size_decimals, 5 significant figures.
    """

    venue: str
    coin: str
    venue_symbol: str
    size_decimals: int
    max_price_decimals: int
    significant_figures: int = 5
    contract_size: Decimal = Decimal(1)
    min_notional_usd: Decimal = Decimal(10)
    tiers: tuple[MarginTier, ...]

    @property
    def lot(self) -> Decimal:
        """The smallest step of a size, in coins."""
        return _STEPS[self.size_decimals]

    @property
    def max_leverage(self) -> int:
        """The highest leverage of any tier."""
        return self.tiers[0].max_leverage


def hyperliquid_instrument(coin: str, size_decimals: int, max_leverage: int, venue: str = "hyperliquid") -> Instrument:
    """An instrument by Hyperliquid's rules, with a single margin tier."""
    return Instrument(
        venue=venue,
        coin=coin,
        venue_symbol=coin,
        size_decimals=size_decimals,
        max_price_decimals=6 - size_decimals,
        tiers=(MarginTier(notional_usd=Decimal(0), max_leverage=max_leverage),),
    )


def round_quantity_down(quantity: Decimal, instrument: Instrument) -> Decimal:
    """Towards zero to the instrument's lot: an order never grows by rounding."""
    return quantity.quantize(_STEPS[instrument.size_decimals], ROUND_DOWN)


def round_price(price: Decimal, instrument: Instrument, direction: PriceRounding) -> Decimal:
    """The closest price on the instrument's grid in the direction named; ``price`` is positive and finite.

    Below the smallest step "down" finds 0, which is no price.
    """
    places = instrument.significant_figures - 1 - price.adjusted()
    if places > instrument.max_price_decimals:
        places = instrument.max_price_decimals
    return price.quantize(_STEPS[places if places > 0 else 0], _PRICE_ROUNDING[direction])


def on_price_grid(price: Decimal, instrument: Instrument) -> bool:
    """Whether the venue would take this price as it stands."""
    return price.is_finite() and price > 0 and round_price(price, instrument, "down") == price


def tier_at(notional_usd: Decimal, tiers: Sequence[MarginTier]) -> MarginTier:
    """The margin tier in which a position of this absolute notional lies."""
    found = tiers[0]
    for tier in tiers[1:]:
        if notional_usd < tier.notional_usd:
            break
        found = tier
    return found


def maintenance_margin_usd(notional_usd: Decimal, tiers: Sequence[MarginTier]) -> Decimal:
    """Margin below which a position of this absolute notional is liquidated.

    Half of the initial margin at the highest leverage of the tier, with the deduction that makes it continuous where
    tiers meet. Source: Hyperliquid, "Margin tiers": maintenance = notional * rate - deduction.
    """
    if len(tiers) == 1:
        return notional_usd / (2 * tiers[0].max_leverage)
    return max([notional_usd * rate - deduction for rate, deduction in maintenance_lines(tiers)])


def maintenance_lines(tiers: Sequence[MarginTier]) -> list[tuple[Decimal, Decimal]]:
    """Rate and deduction in USD of each tier.

    Rates rise from tier to tier, so the line that holds at a notional is the one that asks for most there.
    """
    deduction = Decimal(0)
    rate = Decimal(1) / (2 * tiers[0].max_leverage)
    lines = [(rate, deduction)]
    for tier in tiers[1:]:
        next_rate = Decimal(1) / (2 * tier.max_leverage)
        deduction += tier.notional_usd * (next_rate - rate)
        rate = next_rate
        lines.append((rate, deduction))
    return lines
