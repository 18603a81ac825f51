"""The plan of one universe: who trades what on which account, under which terms, drawn from its seed."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from engine.executor.limits import AccountLimits, Limits
from engine.simulation.faults import drawn_rates, seeded
from engine.simulation.market import START_PRICES
from engine.simulation.venue import VenueTerms

ORIGIN_MS = 1_760_918_400_000 - 40 * 60_000  # 2025-10-19 23:20 UTC: a midnight and two full hours lie ahead
HEAL_MS = 420_000


class TraderPlan(Struct, frozen=True, kw_only=True):
    """One trader: its decider, terms and limits."""

    name: str
    account: str
    kind: Literal["churner", "corpus"]
    coins: tuple[str, ...]
    interval_ms: int
    capital_usd: Decimal
    limits: Limits
    appetite: float = 0.3
    size_usd: int = 600
    seed: int = 0
    stops: bool = True


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that a seed decides before anything happens; ``minutes`` of faults are followed by healing."""

    seed: int
    minutes: int
    coins: tuple[str, ...]
    accounts: Mapping[str, VenueTerms]
    traders: tuple[TraderPlan, ...]
    rates: Mapping[str, float]
    account_limits: AccountLimits = AccountLimits()
    move: float = 0.001
    disorder: float = 0.0
    crash_at: tuple[int, ...] = ()
    watch_ms: int = 2_000
    restart_ms: int | None = None


def drawn_plan(seed: int, minutes: int) -> Plan:
    """The plan of a seed."""
    random = seeded(seed, "plan")
    coins = tuple(random.sample(sorted(START_PRICES), random.randint(1, 6)))
    accounts = {name: _terms(random) for name in ("first", "second")[: 1 if random.random() < 0.7 else 2]}
    account_limits = AccountLimits(
        policy="exclusive" if random.random() < 0.2 else "netting",
        max_account_notional_usd=Decimal(9_000) if random.random() < 0.2 else None,
    )
    wild = random.random() < 0.2
    traders = tuple(_trader(random, number, coins, tuple(accounts), wild) for number in range(_how_many(random)))
    used = {name: terms for name, terms in accounts.items() if any(trader.account == name for trader in traders)}
    if wild:  # nothing is left over: when a trader is ruined, so is the account
        for name, terms in used.items():
            capital = sum((trader.capital_usd for trader in traders if trader.account == name), Decimal(0))
            used[name] = replace(terms, balance_usd=capital)
    rates = drawn_rates(random)
    if wild:
        rates["price_jump"] = 0.06
    return Plan(
        seed=seed,
        minutes=minutes,
        coins=coins,
        accounts=used,
        traders=traders,
        rates=rates,
        account_limits=account_limits,
        move=random.choice((0.0005, 0.001, 0.003)),
        disorder=random.choice((0.0, 0.0, 0.1, 0.7)),
        watch_ms=random.choice((4_000, 10_000)),
    )


def _how_many(random: Random) -> int:
    return 1 + int(8 * random.random() ** 1.5)


def _terms(random: Random) -> VenueTerms:
    bounded = random.random() < 0.85
    return VenueTerms(
        bounded=bounded,
        fence=random.random() < 0.4,
        dedups=random.random() < 0.5,
        longest_lag_ms=random.choice((5_000, 20_000, 40_000)),
        max_participation_pct=Decimal("0.5") if random.random() < 0.25 else None,
    )


def _trader(random: Random, number: int, coins: tuple[str, ...], accounts: tuple[str, ...], wild: bool) -> TraderPlan:
    talks = random.random() < 0.2
    stops = random.random() < (0.2 if wild else 0.8)
    limits = Limits(
        max_positions=random.choice((1, 3, 6)),
        max_position_size_usd=Decimal(random.choice((400, 1_000, 3_000))),
        max_margin_usage_pct=None if wild else Decimal(60),
        max_trader_notional_usd=Decimal(4_000) if random.random() < 0.3 else None,
        major_coin_leverage=10,
        altcoin_leverage=5,
        min_risk_reward_ratio=None,
        min_confidence=Decimal(60) if talks else None,
        stop_loss_enabled=stops,
        take_profit_enabled=stops,
        cooldown_ms=60_000 if random.random() < 0.2 else None,
        max_opens_per_day=40 if random.random() < 0.2 else None,
    )
    return TraderPlan(
        name=f"t{number}",
        account=random.choice(accounts),
        kind="corpus" if talks else "churner",
        coins=tuple(sorted(random.sample(coins, random.randint(1, len(coins))), key=coins.index)),
        interval_ms=180_000 if talks else random.choice((60_000, 60_000, 120_000, 180_000)),
        capital_usd=Decimal(80 if wild else random.choice((1_000, 10_000))),
        limits=limits,
        appetite=random.choice((0.05, 0.3, 0.8)),
        size_usd=int(limits.max_position_size_usd * random.choice((20, 50, 80)) / 100),
        seed=random.randrange(1 << 30),
        stops=stops,
    )
