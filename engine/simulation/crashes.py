"""The crash loop: one short scenario again and again, killed at each of its effects in turn, and twice at distances."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from engine.executor.limits import AccountLimits, Limits
from engine.simulation.faults import HIGHEST, seeded
from engine.simulation.market import START_PRICES
from engine.simulation.outcome import Outcome
from engine.simulation.plan import Plan, TraderPlan
from engine.simulation.universe import Universe
from engine.simulation.venue import VenueTerms

DISTANCES = (1, 2, 3, 7, 20)
MINUTES = 4
_LIMITS = Limits(
    max_positions=2,
    max_position_size_usd=Decimal(1_000),
    major_coin_leverage=10,
    altcoin_leverage=5,
    min_risk_reward_ratio=None,
    min_confidence=None,
)


def _trader(name: str, **terms: object) -> TraderPlan:
    known = {
        "account": "first",
        "kind": "churner",
        "coins": ("BTC", "DOGE"),
        "interval_ms": 60_000,
        "capital_usd": Decimal(1_000),
        "limits": _LIMITS,
        "appetite": 0.8,
        "size_usd": 500,
        "seed": 7,
    }
    return TraderPlan(name=name, **{**known, **terms})  # type: ignore[arg-type]


SCENARIOS: dict[str, Plan] = {
    "quiet": Plan(
        seed=1,
        minutes=MINUTES,
        coins=("BTC", "DOGE"),
        accounts={"first": VenueTerms()},
        traders=(_trader("one"), _trader("two", seed=8)),
        rates={},
        move=0.003,
    ),
    "answers lost": Plan(
        seed=2,
        minutes=MINUTES,
        coins=("BTC", "DOGE"),
        accounts={"first": VenueTerms(dedups=False)},
        traders=(_trader("one", seed=9),),
        rates={"reply_lost": 0.3, "accept_delayed": 0.2, "told_late": 0.4},
        move=0.003,
    ),
    "fenced, filled in parts": Plan(
        seed=3,
        minutes=MINUTES,
        coins=("BTC", "DOGE"),
        accounts={"first": VenueTerms(fence=True, bounded=False, max_participation_pct=Decimal("0.3"))},
        traders=(_trader("one", seed=10),),
        rates={"error_after_accept": 0.3, "fills_late": 0.3, "fills_repeated": 0.3, "status_late": 0.3},
        move=0.003,
    ),
    "models, stops and commands": Plan(
        seed=4,
        minutes=MINUTES,
        coins=("BTC", "DOGE"),
        accounts={"first": VenueTerms()},
        traders=(_trader("one", kind="corpus"), _trader("two", seed=11, coins=("DOGE",))),
        rates={"command": 0.8, "reply_bad": 0.2, "request_lost": 0.1, "price_jump": 0.3},
        account_limits=AccountLimits(policy="exclusive"),
        move=0.004,
    ),
}


# What does not strike a variant besides its scenario's own faults: deaths are the loop's business, and an engine that
# is halted, or cannot trade for half an hour, has little to lose by them.
STRANGE = (
    "killed_at_effect",
    "killed",
    "killed_in_doubt",
    "terminated",
    "switch_tripped",
    "read_outage",
    "trade_outage",
    "coin_halted",
)
OTHERS = tuple(kind for kind in HIGHEST if kind not in STRANGE)


class Harvest(Struct, kw_only=True):
    """Sums over the crash universes of one scenario or of many; ``traces`` in the order in which they were run."""

    universes: int = 0
    crashes: int = 0
    orders: int = 0
    fills: int = 0
    ambiguous: int = 0
    quiet: int = 0
    broken: list[str] = []
    traces: list[str] = []

    def take(self, outcome: Outcome) -> None:
        """Add one universe."""
        self.universes += 1
        self.crashes += outcome.crashes
        self.orders += outcome.orders
        self.fills += outcome.fills
        self.ambiguous += outcome.ambiguous
        self.quiet += not outcome.fills
        self.traces.append(outcome.trace)

    def add(self, other: "Harvest") -> None:
        """Add the sums of others."""
        self.universes += other.universes
        self.crashes += other.crashes
        self.orders += other.orders
        self.fills += other.fills
        self.ambiguous += other.ambiguous
        self.quiet += other.quiet
        self.broken += other.broken
        self.traces += other.traces


def variant(name: str, number: int) -> Plan:
    """The ``number``-th variant of a scenario: 0 is the scenario, any other one keeps its shape in another world.

    Other coins and prices, other decisions of its traders, the scenario's faults at other rates and two kinds more.
    """
    plan = SCENARIOS[name]
    if number == 0:
        return plan
    random = seeded(number, f"variant of {name}")
    coins = dict(zip(plan.coins, random.sample(sorted(START_PRICES), len(plan.coins)), strict=True))
    traders = tuple(
        replace(
            trader,
            coins=tuple(coins[coin] for coin in trader.coins),
            appetite=random.choice((0.5, 0.8, 1.0)),
            size_usd=random.choice((250, 500, 800)),
            seed=random.randrange(1 << 30),
        )
        for trader in plan.traders
    )
    rates = {kind: min(1.0, rate * (0.5 + random.random())) for kind, rate in plan.rates.items()}
    for kind in random.sample(OTHERS, 2):
        rates.setdefault(kind, random.random() * HIGHEST[kind])
    return replace(
        plan,
        seed=random.randrange(1 << 40),
        coins=tuple(coins.values()),
        traders=traders,
        rates=rates,
        move=random.choice((0.001, 0.003, 0.005)),
        disorder=random.choice((0.0, 0.0, 0.1, 0.7)),
        watch_ms=random.choice((2_000, 4_000)),
    )


def harvest(name: str, number: int) -> Harvest:
    """What came of one variant killed at every effect, once and twice."""
    found = Harvest()
    for crashes, outcome in every_effect(variant(name, number)):
        found.take(outcome)
        if outcome.violation is not None:
            at = f"killed at effect {' and '.join(map(str, crashes))}" if crashes else "killed by nobody"
            broken = outcome.violation
            found.broken.append(f"{name}, variant {number}, {at}: {broken.promise} {broken.detail}")
    return found


def effects_of(plan: Plan) -> int:
    """How many effects the scenario has when nobody is killed, while its faults last."""
    effects, outcome = unharmed(plan)
    assert outcome.violation is None, f"the scenario fails by itself: {outcome.violation}"
    return effects


def unharmed(plan: Plan) -> tuple[int, Outcome]:
    """The effects of a scenario that nobody kills, while its faults last, and what comes of it."""
    universe = Universe(plan)
    counted = [0]
    universe.timeline.later(plan.minutes * 60_000 - 1, lambda: counted.append(universe.effects))
    outcome = universe.run()
    return counted[-1], outcome


def every_effect(plan: Plan, *, step: int = 1, double: bool = True) -> Iterator[tuple[tuple[int, ...], Outcome]]:
    """The outcomes of the scenario killed at its ``step``-th, 2 ``step``-th, … effect, and once more a bit later.

    Of a scenario that fails by itself that is the only outcome, with no effect to it.
    """
    effects, alone = unharmed(plan)
    if alone.violation is not None:
        yield (), alone
        return
    for first in range(1, effects + 1, step):
        yield (first,), Universe(replace(plan, crash_at=(first,))).run()
        if double:
            second = first + DISTANCES[first // step % len(DISTANCES)]
            yield (first, second), Universe(replace(plan, crash_at=(first, second))).run()
