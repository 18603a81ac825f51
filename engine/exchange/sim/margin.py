"""Margin at given marks: account value, initial and maintenance margin, liquidation, how far marks may move."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal

from msgspec import Struct

from engine.exchange.sim.costs import ZERO
from engine.exchange.sim.ledger import Holding, Ledger
from engine.model.instrument import Instrument, MarginTier

Marks = Mapping[str, Decimal]
Instruments = Mapping[str, Instrument]

_BAND_STEP = Decimal("1e-9")


class Pool(Struct, frozen=True, kw_only=True):
    """Positions that stand and fall together: all cross positions with the account's cash, or one isolated position."""

    raw_usd: Decimal
    holdings: dict[str, Holding]
    isolated: bool = False


def pools(ledger: Ledger) -> list[Pool]:
    """Every isolated position, then the cross positions together where there are any."""
    cross: dict[str, Holding] = {}
    found = []
    for coin, holding in ledger.holdings.items():
        if holding.mode == "isolated":
            found.append(Pool(raw_usd=holding.raw_usd, holdings={coin: holding}, isolated=True))
        else:
            cross[coin] = holding
    if cross:
        found.append(Pool(raw_usd=ledger.raw_usd, holdings=cross))
    return found


def equity_usd(pool: Pool, marks: Marks) -> Decimal:
    """Raw USD + sum of size x mark."""
    return sum([holding.size * marks[coin] for coin, holding in pool.holdings.items()], pool.raw_usd)


def pool_maintenance_usd(pool: Pool, marks: Marks, instruments: Instruments) -> Decimal:
    """The maintenance margin of all positions of the pool."""
    return sum([_maintenance(coin, held, marks[coin], instruments) for coin, held in pool.holdings.items()], ZERO)


def excess_usd(pool: Pool, marks: Marks, instruments: Instruments) -> Decimal:
    """Equity above maintenance; the pool is liquidated when it is negative."""
    return equity_usd(pool, marks) - pool_maintenance_usd(pool, marks, instruments)


def maintenance_usd(notional_usd: Decimal, tiers: Sequence[MarginTier]) -> Decimal:
    """Half the initial margin at the highest leverage, each slice of the notional by the tier in which it lies.

    Source: Hyperliquid, "Margin tiers"; summing slices is the same as its rate and deduction, which exist to be
    continuous.
    """
    if len(tiers) == 1:
        return notional_usd / (2 * tiers[0].max_leverage)
    total = ZERO
    for place, tier in enumerate(tiers):
        if notional_usd <= tier.notional_usd:
            break
        upper = tiers[place + 1].notional_usd if place + 1 < len(tiers) else notional_usd
        total += (min(notional_usd, upper) - tier.notional_usd) / (2 * tier.max_leverage)
    return total


def cross_value_usd(ledger: Ledger, marks: Marks) -> Decimal:
    """Account value without the isolated positions."""
    return sum([held.size * marks[coin] for coin, held in _cross(ledger)], ledger.raw_usd)


def account_value_usd(ledger: Ledger, marks: Marks) -> Decimal:
    """Account value with the isolated positions: raw USD of everything + sum of size x mark."""
    return sum([held.raw_usd + held.size * marks[coin] for coin, held in ledger.holdings.items()], ledger.raw_usd)


def cross_initial_usd(ledger: Ledger, marks: Marks) -> Decimal:
    """Initial margin of all cross positions at the marks: notional / leverage."""
    return sum([abs(held.size) * marks[coin] / held.leverage for coin, held in _cross(ledger)], ZERO)


def withdrawable_usd(ledger: Ledger, marks: Marks) -> Decimal:
    """Cross account value less the larger of initial margin and a tenth of the notional, never below 0.

    Source: Hyperliquid, "Margining".
    """
    notional = sum([abs(held.size) * marks[coin] for coin, held in _cross(ledger)], ZERO)
    return max(ZERO, cross_value_usd(ledger, marks) - max(cross_initial_usd(ledger, marks), notional / 10))


def liquidation_price(ledger: Ledger, coin: str, marks: Marks, instruments: Instruments) -> Decimal | None:
    """The mark of this coin at which its pool has just its maintenance, other marks unchanged; ``None`` if unreachable.

    Within a tier maintenance is linear in the price, so each tier gives one candidate, which counts when its notional
    lies in that tier. Algebraically this is Hyperliquid's mark - side x margin available / size / (1 - rate x side).
    """
    holding = ledger.holdings[coin]
    pool = next(pool for pool in pools(ledger) if coin in pool.holdings)
    others = Pool(raw_usd=pool.raw_usd, holdings={name: held for name, held in pool.holdings.items() if name != coin})
    backing = excess_usd(others, marks, instruments)
    size = abs(holding.size)
    tiers = instruments[coin].tiers
    for place, tier in enumerate(tiers):
        rate = Decimal(1) / (2 * tier.max_leverage)
        deduction = tier.notional_usd * rate - maintenance_usd(tier.notional_usd, tiers)
        slope = holding.size - size * rate
        price = -(backing + deduction) / slope
        notional = size * price
        last = place + 1 == len(tiers)
        if notional >= tier.notional_usd and (last or notional < tiers[place + 1].notional_usd) and price > 0:
            return price
    return None


def band(pool: Pool, marks: Marks, instruments: Instruments) -> Decimal:
    """By which fraction all marks may move, each in its worst direction, before maintenance is touched; rounded down.

    Equity falls by at most the fraction of the whole notional; maintenance grows by at most that notional at the rate
    of the highest tier. Never too large: for a single position with one tier it is exact on the losing side of a
    short.
    """
    spare = excess_usd(pool, marks, instruments)
    if spare <= 0:
        return ZERO
    slope = ZERO
    for coin, holding in pool.holdings.items():
        notional = abs(holding.size) * marks[coin]
        slope += notional + notional / (2 * instruments[coin].tiers[-1].max_leverage)
    return (spare / slope).quantize(_BAND_STEP, rounding=ROUND_FLOOR)


def _maintenance(coin: str, holding: Holding, mark: Decimal, instruments: Instruments) -> Decimal:
    return maintenance_usd(abs(holding.size) * mark, instruments[coin].tiers)


def _cross(ledger: Ledger) -> Iterable[tuple[str, Holding]]:
    return [(coin, held) for coin, held in ledger.holdings.items() if held.mode == "cross"]
