"""The table of instruments that ships with the project, and how a file of the user's own adds to it."""

from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.model.instrument import Instrument, MarginTier, hyperliquid_instrument

SHIPPED = Path(__file__).with_name("instruments.json")
MOST_SIZE_DECIMALS = 6  # of Hyperliquid's perpetuals: prices have 6 - size_decimals decimals


class InstrumentFault(Exception):
    """A table of instruments that cannot be used; the message names the file, the coin and what is wrong."""


class InstrumentTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One coin in the file: its lot, its leverage, and where they differ from the venue's rule, grid and tiers.

    ``tiers`` replace the single tier that ``max_leverage`` gives; the first starts at 0 USD.
    """

    size_decimals: int
    max_leverage: int
    venue: str = "hyperliquid"
    venue_symbol: str = ""
    max_price_decimals: int | None = None
    significant_figures: int = 5
    min_notional_usd: Decimal = Decimal(10)
    tiers: tuple[MarginTier, ...] = ()


def instrument_table(own: Path | None = None) -> dict[str, Instrument]:
    """The instruments by coin: the shipped table, extended and overridden by ``own`` where that is given.

    Raises ``InstrumentFault``.
    """
    table = _read(SHIPPED)
    if own is not None:
        table |= _read(own)
    return table


def _read(path: Path) -> dict[str, Instrument]:
    try:
        terms = msgspec.json.decode(path.read_bytes(), type=dict[str, InstrumentTerms])
    except OSError as error:
        raise InstrumentFault(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise InstrumentFault(f"{path}: {error}") from error
    faults = [f"{coin}: {fault}" for coin, of_coin in terms.items() for fault in _faults(of_coin)]
    if faults:
        raise InstrumentFault(f"{path}: " + "; ".join(faults))
    return {coin: _instrument(coin, of_coin) for coin, of_coin in terms.items()}


def _instrument(coin: str, terms: InstrumentTerms) -> Instrument:
    plain = hyperliquid_instrument(coin, terms.size_decimals, terms.max_leverage, terms.venue)
    return msgspec.structs.replace(
        plain,
        venue_symbol=terms.venue_symbol or plain.venue_symbol,
        max_price_decimals=plain.max_price_decimals if terms.max_price_decimals is None else terms.max_price_decimals,
        significant_figures=terms.significant_figures,
        min_notional_usd=terms.min_notional_usd,
        tiers=terms.tiers or plain.tiers,
    )


def _faults(terms: InstrumentTerms) -> list[str]:
    tiers = terms.tiers
    starts = [tier.notional_usd for tier in tiers]
    caps = [tier.max_leverage for tier in tiers]
    rules = [
        (0 <= terms.size_decimals <= MOST_SIZE_DECIMALS, f"size_decimals must lie in 0..{MOST_SIZE_DECIMALS}"),
        (1 <= terms.max_leverage <= 1000, "max_leverage must lie in 1..1000"),
        (terms.max_price_decimals is None or 0 <= terms.max_price_decimals <= 12, "max_price_decimals: 0..12"),
        (1 <= terms.significant_figures <= 12, "significant_figures must lie in 1..12"),
        (terms.min_notional_usd.is_finite() and terms.min_notional_usd >= 0, "min_notional_usd must be 0 or more"),
        (all(start.is_finite() for start in starts), "a tier's notional_usd must be a finite number"),
        (not tiers or (starts[0] == 0 and caps[0] == terms.max_leverage), "the first tier is max_leverage from 0 USD"),
        (all(cap >= 1 for cap in caps), "a tier's max_leverage must be 1 or more"),
    ]
    faults = [fault for holds, fault in rules if not holds]
    if not faults and (starts != sorted(starts) or len(starts) != len(dict.fromkeys(starts))):
        faults.append("tiers must rise by notional_usd")
    if not faults and caps != sorted(caps, reverse=True):
        faults.append("leverage must fall from tier to tier")
    return faults
