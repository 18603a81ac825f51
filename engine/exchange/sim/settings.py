"""How the simulated venue fills and charges."""

from decimal import Decimal

from msgspec import Struct

from engine.model.order import MarginMode


class SimSettings(Struct, frozen=True, kw_only=True):
    """The terms of one simulated account. Basis points are of notional or middle price; 0 switches a cost off.

    ``spread_bps`` is the whole spread; a taker pays half of it. ``impact_bps`` is what a taker pays on top when it
    takes as much as trades in one bar; it grows with the square root of that share. ``max_participation_pct`` is the
    share of a bar's volume that one order may fill (``None``: all of any order). An order reaches the venue
    ``latency_ms`` after it was sent, and up to ``latency_jitter_ms`` later. ``leverage`` and ``margin_mode`` hold for
    coins nobody has set. ``trigger_tolerance_pct``: a trigger order that would fill further than this from its
    trigger ends unfilled. ``capped_coins`` are at their open interest cap: no order may increase or flip a position
    in them. Raises ``ValueError`` naming the field that is out of range.
    """

    initial_balance_usd: Decimal = Decimal(0)
    maker_fee_bps: Decimal = Decimal("1.5")
    taker_fee_bps: Decimal = Decimal("4.5")
    spread_bps: Decimal = Decimal(2)
    impact_bps: Decimal = Decimal(5)
    max_participation_pct: Decimal | None = Decimal(10)
    latency_ms: int = 200
    latency_jitter_ms: int = 0
    funding: bool = True
    margin_mode: MarginMode = "cross"
    leverage: int = 20
    liquidation_fee_bps: Decimal = Decimal(0)
    trigger_tolerance_pct: Decimal | None = Decimal(10)
    validity_ms: int = 10_000
    capped_coins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("maker_fee_bps", "taker_fee_bps", "spread_bps", "impact_bps", "liquidation_fee_bps"):
            value = getattr(self, name)
            if not (value.is_finite() and 0 <= value < 10_000):
                raise ValueError(f"{name} is {value}; it must lie between 0 and 10000 basis points")
        for name in ("max_participation_pct", "trigger_tolerance_pct"):
            value = getattr(self, name)
            if value is not None and not (value.is_finite() and 0 < value <= 100):
                raise ValueError(f"{name} is {value}; it must lie above 0 and not above 100 percent")
        if not (self.initial_balance_usd.is_finite() and self.initial_balance_usd >= 0):
            raise ValueError(f"initial_balance_usd is {self.initial_balance_usd}; it must be 0 or more")
        for name, least in (("latency_ms", 0), ("latency_jitter_ms", 0), ("leverage", 1), ("validity_ms", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be {least} or more")
