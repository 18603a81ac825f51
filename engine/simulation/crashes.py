"""The crash loop: one short scenario again and again, killed at each of its effects in turn, and twice at distances."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from engine.executor.limits import AccountLimits, Limits
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


def effects_of(plan: Plan) -> int:
    """How many effects the scenario has when nobody is killed, while its faults last."""
    universe = Universe(plan)
    counted: list[int] = []
    universe.timeline.later(plan.minutes * 60_000 - 1, lambda: counted.append(universe.effects))
    outcome = universe.run()
    assert outcome.violation is None, f"the scenario fails by itself: {outcome.violation}"
    return counted[0]


def every_effect(plan: Plan, *, step: int = 1, double: bool = True) -> Iterator[tuple[tuple[int, ...], Outcome]]:
    """The outcomes of the scenario killed at its ``step``-th, 2 ``step``-th, … effect, and once more a bit later."""
    effects = effects_of(plan)
    for first in range(1, effects + 1, step):
        yield (first,), Universe(replace(plan, crash_at=(first,))).run()
        if double:
            second = first + DISTANCES[first // step % len(DISTANCES)]
            yield (first, second), Universe(replace(plan, crash_at=(first, second))).run()
