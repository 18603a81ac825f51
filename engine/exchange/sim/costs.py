"""What trading costs at the simulated venue: spread, impact, fees, and how much of a bar one order may take."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from engine.exchange.sim.settings import SimSettings
from engine.model.instrument import Instrument, round_quantity_down
from engine.model.order import Liquidity, Side

ZERO = Decimal(0)
MICRO = Decimal("0.000001")  # the quantum of fees and funding, USD
_BPS = Decimal(10_000)
_STEPS = tuple(Decimal(1).scaleb(-places) for places in range(13))


class Costs:
    """The settings, worked out once for the many orders they apply to."""

    __slots__ = ("_boundless", "_buy", "_half_spread", "_impact", "_maker", "_participation", "_sell", "_taker")

    def __init__(self, settings: SimSettings) -> None:
        half_spread = settings.spread_bps / 2 / _BPS
        self._half_spread = float(half_spread)
        self._buy = 1 + half_spread
        self._sell = 1 - half_spread
        self._impact = float(settings.impact_bps / _BPS)
        self._participation = (
            math.inf if settings.max_participation_pct is None else float(settings.max_participation_pct / 100)
        )
        self._boundless = settings.max_participation_pct is None and not self._impact
        self._maker = settings.maker_fee_bps / _BPS
        self._taker = settings.taker_fee_bps / _BPS

    def fee_usd(self, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> Decimal:
        """The fee of one fill, rounded up to a millionth of a dollar: never in favour of the account."""
        rate = self._maker if liquidity == "maker" else self._taker
        return (quantity * price * rate).quantize(MICRO, ROUND_CEILING)

    def fillable(self, quantity: Decimal, bar_volume: float, instrument: Instrument) -> Decimal:
        """How much of an order finds a counterparty in a bar of this volume, rounded down to the lot.

        Where neither participation nor impact is modelled the volume does not matter.
        """
        if self._boundless:
            return quantity
        if not 0 < bar_volume < math.inf:
            return ZERO
        most = bar_volume * self._participation
        return quantity if float(quantity) <= most else round_quantity_down(Decimal(repr(most)), instrument)

    def bid(self, mid: Decimal) -> Decimal:
        """What the best buyer pays."""
        return mid * self._sell

    def ask(self, mid: Decimal) -> Decimal:
        """What the best seller wants."""
        return mid * self._buy

    def taken_price(
        self, mid: Decimal, side: Side, quantity: Decimal, bar_volume: float, instrument: Instrument
    ) -> Decimal:
        """The average price of an order that takes ``quantity`` at once: the middle, half the spread and impact.

        impact = impact_bps x sqrt(quantity / bar volume), the square-root law of market impact (Almgren et al.,
        Direct Estimation of Equity Market Impact, 2005; Bouchaud et al., Trades, Quotes and Prices, 2018). The result
        is rounded against the order to the finest price step; without costs it is the middle itself, unrounded. Where
        the volume is not known the order is taken to be as large as the bar.
        """
        if self._impact:
            share = float(quantity) / bar_volume if 0 < bar_volume < math.inf else 1.0
            adverse = self._half_spread + self._impact * math.sqrt(share)
            moved = Decimal(math.ceil(adverse * 1e10)).scaleb(-10)
            price = mid * (1 + moved) if side == "buy" else mid * (1 - moved)
        elif self._half_spread:
            price = mid * (self._buy if side == "buy" else self._sell)
        else:
            return mid
        return against(price, side, instrument)


def against(price: Decimal, side: Side, instrument: Instrument) -> Decimal:
    """The price on the instrument's finest step, up for a buyer and down for a seller, but never down to nothing.

    Averages over several levels are finer than the grid of quoted prices, so significant figures do not matter.
    """
    step = _STEPS[instrument.max_price_decimals]
    if side == "buy":
        return price.quantize(step, ROUND_CEILING)
    return max(price.quantize(step, ROUND_FLOOR), step)
