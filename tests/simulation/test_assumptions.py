"""What the promises rest on: with that taken away, they have to fail — or the checks would not be looking."""

from msgspec.structs import replace

from engine.simulation.plan import Plan, drawn_plan
from engine.simulation.universe import Universe
from engine.simulation.venue import VenueTerms

LAG_MS = 400_000  # far above the grace that an unknown order is given after its validity
SEEDS = range(1000, 1014)


def lagging(seed: int, *, fence: bool) -> Plan:
    """A universe whose venue tells of most orders very late, and loses answers."""
    plan = drawn_plan(seed, 40)
    terms = VenueTerms(bounded=True, fence=fence, longest_lag_ms=LAG_MS)
    rates = {"told_late": 0.7, "reply_lost": 0.3, "fills_repeated": 0.1}
    return replace(plan, accounts=dict.fromkeys(plan.accounts, terms), rates=rates)


def test_time_alone_is_no_evidence_where_the_venue_tells_later_than_the_grace() -> None:
    """The negative control: resolution by time has to fail here, and the checks have to see it."""
    broken = [Universe(lagging(seed, fence=False)).run().violation for seed in SEEDS]

    assert sum(found is not None and found.promise in ("P1", "P4", "P10") for found in broken) >= 3


def test_the_nonce_fence_needs_no_assumption_about_how_late_the_venue_tells() -> None:
    broken = [Universe(lagging(seed, fence=True)).run().violation for seed in SEEDS]

    assert [found for found in broken if found is not None] == []
