"""The keys of ``exchange.yaml``: venue accounts, real and simulated."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Struct, field

from engine.config.kinds import (
    BasisPoints,
    File,
    Milliseconds,
    MillisecondsOrOff,
    Name,
    Number,
    Seed,
    Usd,
    UsdAboveZero,
)
from engine.config.secret import Secret
from engine.executor.limits import Policy
from engine.model.order import MarginMode


class SimSection(Struct, frozen=True, kw_only=True):
    """How the simulated venue fills and charges; ``initial_balance_usd`` absent means what its traders need.

    ``instruments`` is a file that adds to, or overrides, the table of instruments that ships with the project.
    """

    initial_balance_usd: UsdAboveZero | None = None
    maker_fee_bps: BasisPoints = Decimal("1.5")
    taker_fee_bps: BasisPoints = Decimal("4.5")
    spread_bps: BasisPoints = Decimal(2)
    impact_bps: BasisPoints = Decimal(5)
    max_participation_pct: Annotated[Decimal, Number("%", above=0, at_most=100)] = Decimal(10)
    latency_ms: MillisecondsOrOff = field(name="latency", default=200)
    latency_jitter_ms: MillisecondsOrOff = field(name="latency_jitter", default=0)
    funding: bool = True
    margin_mode: MarginMode = "cross"
    liquidation_fee_bps: BasisPoints = Decimal(0)
    trigger_tolerance_pct: Annotated[Decimal, Number("%", above=0, at_most=100)] = Decimal(10)
    instruments: File | None = None
    seed: Seed = 0


class SimExchange(Struct, frozen=True, kw_only=True, tag_field="type", tag="sim"):
    """An account at the simulated venue: paper trading."""

    policy: Policy = "netting"
    max_account_notional_usd: Usd | None = None
    max_coin_notional_usd: Usd | None = None
    sim: SimSection = SimSection()


class HyperliquidExchange(Struct, frozen=True, kw_only=True, tag_field="type", tag="hyperliquid"):
    """An account at Hyperliquid."""

    private_key: Secret = field(default_factory=lambda: Secret(""))
    main_address: str = ""
    vault_address: str = ""
    testnet: bool = False
    timeout_ms: Milliseconds = field(name="timeout", default=30_000)
    policy: Policy | None = None
    max_account_notional_usd: Usd | None = None
    max_coin_notional_usd: Usd | None = None


class CcxtExchange(Struct, frozen=True, kw_only=True, tag_field="type", tag="ccxt"):
    """An account at a venue that is reached through ccxt, by its name there."""

    exchange: Name
    api_key: Secret = field(default_factory=lambda: Secret(""))
    api_secret: Secret = field(default_factory=lambda: Secret(""))
    passphrase: Secret = field(default_factory=lambda: Secret(""))
    testnet: bool = False
    timeout_ms: Milliseconds = field(name="timeout", default=30_000)
    policy: Policy | None = None
    max_account_notional_usd: Usd | None = None
    max_coin_notional_usd: Usd | None = None


Exchange = SimExchange | HyperliquidExchange | CcxtExchange


class Exchanges(Struct, frozen=True, kw_only=True):
    """``exchange.yaml``. ``default`` is the account of traders that name none."""

    default: str = ""
    providers: dict[str, Exchange] = {}


Venue = Literal["sim", "testnet", "real"]


def venue_of(exchange: Exchange) -> Venue:
    """Whose money an account trades with."""
    if isinstance(exchange, SimExchange):
        return "sim"
    return "testnet" if exchange.testnet else "real"
