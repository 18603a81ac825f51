"""Funding that a venue tells late: it is booked when it is told, to those who held the coin, and alarms nobody."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.backtest.driver import step
from engine.exchange.sim.exchange import SimExchange
from engine.manager.ports import Capabilities
from engine.manager.record import Funded
from engine.manager.watch import observe
from engine.model.order import FundingPayment, VenueAccount
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy, close
from tests.arena.small_arena import TEN_BPS, SmallArena
from tests.arena.venues import Relay

HOUR = 60  # minutes
FLAT = {"BTC": [100.0] * 150}


class Tardy(Relay):
    """Tells of its funding bookings once it is asked at or after ``tells_ms``."""

    capabilities = Capabilities(bounded_acceptance=True, funding_late_ms=5 * MINUTE_MS)

    def __init__(self, sim: SimExchange) -> None:
        super().__init__(sim)
        self.tells_ms = T0
        self.asked = 0

    async def funding(self, since_ms: int) -> Sequence[FundingPayment]:
        self.asked += 1
        return await self.sim.funding(since_ms) if await self.time() >= self.tells_ms else ()


def holding(*, tells_at: float) -> tuple[SmallArena, Tardy]:
    """Ann is long ten coins and bob twenty, and the venue tells of the first hour's funding at that minute."""
    arena = SmallArena(
        {"ann": {1: buy(quantity="10")}, "bob": {1: buy(quantity="20")}},
        FLAT,
        costs=replace(TEN_BPS, funding=True),
        funding={"BTC": "0.0001"},
        venue=Tardy,
    )
    venue = arena.exchange
    assert isinstance(venue, Tardy)
    venue.tells_ms = T0 + int(tells_at * MINUTE_MS)
    arena.observe().at(1)
    arena.slot("ann")
    arena.slot("bob")
    return arena, venue


def look(arena: SmallArena) -> list[str]:
    """One look at the venue account; the incidents until now."""
    step(observe(arena.arena, arena.account))
    return arena.incidents()


def paid(arena: SmallArena) -> list[dict[str, Decimal]]:
    """The shares of every funding record."""
    return [dict(funded.shares) for funded in arena.records(Funded)]


def test_funding_told_two_minutes_late_is_booked_and_until_then_nobody_is_alarmed() -> None:
    arena, _ = holding(tells_at=HOUR + 2)

    assert look(arena.at(HOUR + 0.1)) == []
    assert paid(arena) == []
    assert look(arena.at(HOUR + 2)) == []

    assert paid(arena) == [{"ann": Decimal("-0.1"), "bob": Decimal("-0.2")}]  # 10 and 20 x 100 USD x 0.01 %
    assert arena.ledger("ann").funding_usd == Decimal("-0.1")
    assert look(arena.at(HOUR + 10)) == []
    assert len(paid(arena)) == 1


def test_who_held_the_coin_at_the_hour_pays_though_it_is_sold_before_it_is_told() -> None:
    arena, _ = holding(tells_at=HOUR + 2)
    look(arena.at(HOUR + 0.1))

    arena.desks["bob"].decider = Scripted({HOUR + 1: close()})
    arena.observe().at(HOUR + 1)
    arena.slot("bob")
    look(arena.at(HOUR + 2))

    assert arena.held("bob") == 0
    assert paid(arena) == [{"ann": Decimal("-0.1"), "bob": Decimal("-0.2")}]


def test_money_that_is_still_missing_after_the_longest_delay_is_an_incident() -> None:
    arena, _ = holding(tells_at=HOUR + 100)

    assert look(arena.at(HOUR + 4)) == []

    assert look(arena.at(HOUR + 6)) == ["money_drift"]


def test_a_venue_that_has_told_everything_is_not_asked_again_within_the_hour() -> None:
    arena, venue = holding(tells_at=0)
    for minute in (0.1, 6, 7):
        look(arena.at(HOUR + minute))
    asked = venue.asked

    look(arena.at(HOUR + 30))

    assert venue.asked == asked
    assert len(paid(arena)) == 1


class TwoSecondsAhead(Relay):
    """Its clock has reached the hour when the engine's is two seconds short of it; a dollar is gone by then."""

    capabilities = Capabilities(bounded_acceptance=True, funding_late_ms=0)

    async def account(self) -> VenueAccount:
        told = await self.sim.account()
        gone_usd = told.time_ms > T0 + 59 * MINUTE_MS
        return replace(told, time_ms=told.time_ms + 2_000, equity_usd=told.equity_usd - gone_usd)


@pytest.mark.parametrize(("seconds_before", "alarms"), [(2, []), (3, ["money_drift"])])
def test_money_is_not_compared_when_the_venue_has_passed_an_hour_that_is_not_funded(
    seconds_before: int, alarms: list[str]
) -> None:
    arena = SmallArena({"ann": {}}, FLAT, venue=TwoSecondsAhead)

    assert look(arena.at(HOUR - seconds_before / 60)) == alarms
