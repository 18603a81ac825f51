"""Scenarios 2 to 5: no account, no order; far prices, unmatched orders, refusals leave nothing; partial fills count."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.exchange.sim.admission import SENTENCES
from engine.manager.record import Filled, Reported, SlotOpened
from engine.model.order import Accepted, Rejected
from tests.arena.chat import Speaker, a_buy, model_decider, says
from tests.arena.scripts import Scripted, buy
from tests.arena.small_arena import BRACKETED, HOUR_MS, TEN_BPS, SmallArena, Trader


def nothing_came_of_it(arena: SmallArena, trader: str = "ann") -> bool:
    """No position, no round trip under way, no exit plan, no trade, no order that still may fill."""
    known = arena.state.traders[arena.desks[trader].trader]
    return (
        arena.held(trader) == arena.venue_holds() == 0
        and not known.trips
        and not known.plans
        and not known.recent_trades
        and not arena.state.accounts[arena.account].intents
        and not arena.records(Filled)
    )


def test_without_an_account_report_the_slot_is_skipped_and_the_model_is_not_asked() -> None:
    """Scenario 2, R-03."""
    model = Speaker(says(a_buy()))
    arena = SmallArena({"ann": Trader(decider=model_decider(model))})
    arena.feed.observed = None

    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == ("skipped", "account:missing")
    assert model.asked == []
    assert arena.records(SlotOpened) == []


def test_with_an_account_report_older_than_allowed_the_slot_is_skipped_and_the_model_is_not_asked() -> None:
    """Scenario 2, R-03."""
    model = Speaker(says(a_buy()))
    arena = SmallArena({"ann": Trader(decider=model_decider(model))}, max_account_age_ms=HOUR_MS)
    arena.observe()

    on_time = arena.at(60).slot("ann")
    late = arena.at(61).slot("ann")

    assert on_time.outcome == "acted"
    assert (late.outcome, late.why) == ("skipped", "account:stale, 3660000 ms old, 3600000 allowed")
    assert len(model.asked) == 1


def test_without_a_price_of_what_it_holds_a_trader_is_skipped() -> None:
    """Scenario 2, R-03: equity is not known, so nothing may be decided."""
    arena = SmallArena({"ann": {0: buy(quantity="10"), 2: buy("ETH", "10")}}, {"BTC": [100.0] * 4, "ETH": [10.0] * 4})
    arena.observe().slot("ann")

    closed = arena.at(2).darken("BTC").slot("ann")

    assert (closed.outcome, closed.why.split()[0]) == ("skipped", "BTC")
    assert arena.held("ann", "ETH") == 0


def test_an_entry_ten_percent_off_the_market_is_denied() -> None:
    """Scenario 3."""
    arena = SmallArena({"ann": {0: buy(quantity="10", entry_price="90")}}).observe()

    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == ("denied", "BTC denied: price_band")
    assert nothing_came_of_it(arena)


def test_a_decider_s_own_price_never_becomes_the_price_of_a_fill() -> None:
    """Scenario 3: one percent off is within the band, and the fill is at the market all the same."""
    arena = SmallArena({"ann": {0: buy(quantity="10", entry_price="99")}}).observe()

    arena.slot("ann")

    assert [fill.price for fill in arena.fills()] == [100]


def test_an_immediate_order_that_meets_nobody_leaves_no_position_and_no_stops() -> None:
    """Scenario 4: a bid at 99 in a market at 100."""
    script = Scripted({0: buy(quantity="10", entry_price="99", stop="95", target="120")})
    arena = SmallArena({"ann": Trader(decider=script, limits=BRACKETED, order_style="limit_ioc")}).observe()

    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == ("acted", "BTC rejected: IocCancel")
    assert arena.gateway.submitted == 1 + 1  # leverage at the start, and this
    assert nothing_came_of_it(arena)


@pytest.mark.parametrize("code", SENTENCES)
def test_an_order_that_the_venue_refuses_leaves_nothing(code: str) -> None:
    """R-02, for each of the venue's words."""
    script = Scripted({0: buy(quantity="10", stop="95", target="120"), 1: buy(quantity="10", stop="95", target="120")})
    arena = SmallArena({"ann": Trader(decider=script, limits=BRACKETED)}).observe()
    arena.sim.refuse_next(code, "as at the venue")

    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == ("acted", f"BTC rejected: {code}")
    assert arena.records(Reported)[-1].report == Rejected(code=code, detail="as at the venue")
    assert nothing_came_of_it(arena)
    assert arena.at(1).slot("ann").why == ""  # and the next one is not held up by it
    assert arena.held("ann") == 10


def test_an_order_beyond_the_margin_of_the_venue_account_leaves_nothing() -> None:
    """R-02, by the venue's own judgement: 100 USD at 20x do not carry 3,000 USD."""
    poor = replace(TEN_BPS, initial_balance_usd=Decimal(100))
    trader = Trader(decider=Scripted({0: buy(quantity="30")}), capital_usd=Decimal(100))
    arena = SmallArena({"ann": trader}, costs=poor).observe()

    closed = arena.slot("ann")

    assert closed.why == "BTC rejected: PerpMargin"
    assert nothing_came_of_it(arena)


def test_a_fill_of_forty_percent_is_forty_percent_in_the_ledger_and_under_the_stop() -> None:
    """Scenario 5: a tenth of the 40 BTC that trade in a bar is 4 BTC; 10 were wanted."""
    script = Scripted({1: buy(quantity="10", stop="95", target="120")})
    thin = replace(TEN_BPS, max_participation_pct=Decimal(10))
    prices = {"BTC": [100.0, 100.0, 100.0, (100.0, 100.0, 94.0, 96.0), 96.0, 96.0]}
    arena = SmallArena({"ann": Trader(decider=script, limits=BRACKETED)}, prices, costs=thin, volume=40.0)
    arena.play(3)

    assert arena.records(Reported)[-1].report == Accepted(
        order_id=arena.fills()[0].order_id, filled_quantity=Decimal(4)
    )
    assert arena.held("ann") == arena.venue_holds() == 4
    assert arena.ledger("ann").fees_usd == Decimal("0.4")
    assert not arena.state.accounts[arena.account].intents

    arena.play(6)

    assert arena.orders("ann")[-1].cause == "stop"
    assert arena.sent("ann")[-1].quantity == 4
    assert arena.held("ann") == arena.venue_holds() == 0
    assert arena.ledger("ann").realized_usd == -20
    assert arena.drifts() == []
