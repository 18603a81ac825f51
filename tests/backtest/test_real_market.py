"""Ten days of recorded candles with four traders on one venue account: the book and the venue agree at every slot."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.backtest.report import report_of
from engine.backtest.tape import whole_bars
from engine.exchange.sim.settings import SimSettings
from engine.manager.audit import Audit
from engine.market.history import HistoryMarket
from engine.model.standing import DAY_MS, HOUR_MS
from tests.arena.small_arena import LOOSE, SmallArena, Trader
from tests.backtest.crossing import Crossing

COSTS = SimSettings(initial_balance_usd=Decimal(100_000), max_participation_pct=Decimal("0.1"))
WITH_STOPS = replace(LOOSE, stop_loss_enabled=True)


def traders() -> dict[str, Trader]:
    """With the market, against it, with stops, and one whose limits are narrow."""
    narrow = replace(LOOSE, max_positions=2, cooldown_ms=HOUR_MS)
    return {
        "with": Trader(decider=Crossing(3_000), limits=LOOSE, minutes=15),
        "against": Trader(decider=Crossing(4_000, sign=-1), limits=LOOSE, minutes=15),
        "stops": Trader(decider=Crossing(2_000, stop="0.005"), limits=WITH_STOPS, minutes=5),
        "narrow": Trader(decider=Crossing(1_000, sign=-1), limits=narrow, minutes=5),
    }


@pytest.fixture
def market(shared_data: Path) -> HistoryMarket:
    """The recorded five-minute candles."""
    folder = shared_data / "hyperliquid"
    if not folder.is_dir():
        pytest.skip(f"real recordings are not at hand: no folder {folder}")
    return HistoryMarket.load(folder, base_interval_ms=5 * 60_000)


def test_ten_real_days_balance_at_every_slot(market: HistoryMarket) -> None:
    from_ms, last_ms = whole_bars(market, None, None)
    to_ms = min(from_ms + 10 * DAY_MS, last_ms)
    audit = Audit()

    arena = SmallArena(traders(), market=market, costs=COSTS, from_ms=from_ms, sinks=[audit])
    arena.play_until(to_ms)

    assert arena.driver is not None
    counts = report_of(
        arena.state,
        arena.tally,
        from_ms=from_ms,
        to_ms=to_ms,
        mark_ms=HOUR_MS,
        checks=arena.driver.checks,
        drifts=arena.driver.drifts,
    ).counts
    assert (counts.identity_drifts, counts.incidents) == (0, 0)
    assert counts.identity_checks >= counts.slots / 4
    assert arena.ledger("house").positions == {}
    assert abs(arena.ledger("house").cash_usd) == 0
    assert audit.faults() == []
    happened = {
        name: getattr(counts, name)
        for name in ("fills", "partial_fills", "opposite_positions", "stops", "funding_stamps", "denials")
    }
    assert all(happened.values()), happened
    assert counts.fills > 1_000
