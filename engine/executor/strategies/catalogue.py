"""The catalogue: every strategy by the name that the configuration calls it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from engine.executor.ports import Strategy
from engine.executor.strategies.bollinger_range import BollingerRange, BollingerRangeSettings
from engine.executor.strategies.breakout import Breakout, BreakoutSettings
from engine.executor.strategies.buy_and_hold import BuyAndHold, BuyAndHoldSettings
from engine.executor.strategies.cash import Cash, CashSettings
from engine.executor.strategies.ema_trend import EmaCross, EmaCrossSettings, EmaTrend, EmaTrendSettings
from engine.executor.strategies.equal_weight import EqualWeight, EqualWeightSettings
from engine.executor.strategies.funding_carry import FundingCarry, FundingCarrySettings
from engine.executor.strategies.grid import Grid, GridSettings
from engine.executor.strategies.mean_reversion import MeanReversion, MeanReversionSettings
from engine.executor.strategies.momentum import Momentum, MomentumSettings
from engine.executor.strategies.random_trades import RandomTrades, RandomTradesSettings
from engine.executor.strategies.volatility import Volatility, VolatilitySettings


class StrategyError(ValueError):
    """A strategy that is not in the catalogue, or settings that it does not take; the message names what would do."""


class _Offer(Struct, frozen=True):
    settings: type[Struct]
    make: Callable[[Any, int], Strategy]  # validated settings and the seed


_OFFERS: Mapping[str, _Offer] = {
    "ema_trend": _Offer(EmaTrendSettings, lambda settings, seed: EmaTrend(settings)),
    "ema_cross": _Offer(EmaCrossSettings, lambda settings, seed: EmaCross(settings)),
    "bollinger_range": _Offer(BollingerRangeSettings, lambda settings, seed: BollingerRange(settings)),
    "breakout": _Offer(BreakoutSettings, lambda settings, seed: Breakout(settings)),
    "momentum": _Offer(MomentumSettings, lambda settings, seed: Momentum(settings)),
    "mean_reversion": _Offer(MeanReversionSettings, lambda settings, seed: MeanReversion(settings)),
    "grid": _Offer(GridSettings, lambda settings, seed: Grid(settings)),
    "volatility": _Offer(VolatilitySettings, lambda settings, seed: Volatility(settings)),
    "funding_carry": _Offer(FundingCarrySettings, lambda settings, seed: FundingCarry(settings)),
    "funding_arbitrage": _Offer(
        FundingCarrySettings, lambda settings, seed: FundingCarry(settings, "funding_arbitrage")
    ),
    "cash": _Offer(CashSettings, lambda settings, seed: Cash()),
    "buy_and_hold": _Offer(BuyAndHoldSettings, lambda settings, seed: BuyAndHold(settings)),
    "equal_weight": _Offer(EqualWeightSettings, lambda settings, seed: EqualWeight(settings)),
    "random": _Offer(RandomTradesSettings, RandomTrades),
}

STRATEGIES: tuple[str, ...] = tuple(_OFFERS)


def build(name: str, settings: Mapping[str, object], *, seed: int) -> Strategy:
    """The strategy of that name with these settings; a setting left out has its default.

    Raises ``StrategyError`` for an unknown name, an unknown setting, a wrong type or a value out of range.
    """
    offer = _OFFERS.get(name)
    if offer is None:
        raise StrategyError(f"strategy {name!r} is unknown; known: {', '.join(STRATEGIES)}")
    known = [field.name for field in msgspec.structs.fields(offer.settings)]
    unknown = [key for key in settings if key not in known]
    if unknown:
        raise StrategyError(f"{name} has no setting {', '.join(unknown)}; known: {', '.join(known) or 'none'}")
    try:
        chosen = msgspec.convert(dict(settings), offer.settings, strict=True)
    except msgspec.ValidationError as error:
        raise StrategyError(f"{name}: {error}") from error
    return offer.make(chosen, seed)


def settings_of(name: str) -> type[Struct]:
    """The settings struct of a strategy: its fields, defaults and units."""
    return _OFFERS[name].settings
