"""Every limit that can be configured binds: at one value a proposal passes, at the next tighter one it is denied."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import fields, replace

from engine.executor.context import Context
from engine.executor.limits import AccountLimits, Limits
from engine.executor.risk import judge, sharpe_pause
from engine.model.decision import Approved, Proposal
from engine.model.position import Position
from engine.model.standing import HOUR_MS
from tests.executor.risk.cases import DAY, LOOSE, NOW_MS, a_context, a_position, a_proposal, a_snapshot
from tests.executor.risk.test_rules import ZIGZAG


class Boundary(Struct, frozen=True):
    """The loosest value of one limit that denies (``tight``), the tightest that does not (``loose``), and for what."""

    loose: Any
    tight: Any
    proposal: Proposal = a_proposal()
    held: tuple[Position, ...] = ()
    beside: Mapping[str, Any] = {}
    given: Mapping[str, Any] = {}


ETH_10 = a_proposal("ETH", "10")
SOL_100 = a_proposal("SOL", "100")
HELD_ETH = (a_position("ETH", "1"),)
# Bars on which ETH repeats BTC's moves every other time: their returns correlate at about 0.5.
HALF = [100.0 + step % 2 * (step // 2 % 2) for step in range(101)]

LIMITS: dict[str, Boundary] = {
    "max_positions": Boundary(2, 1, held=HELD_ETH),
    "max_position_size_usd": Boundary(Decimal(100), Decimal("99.99")),
    "max_trade_size_usd": Boundary(Decimal(100), Decimal("99.99")),
    "max_trader_notional_usd": Boundary(Decimal(110), Decimal("109.99"), held=HELD_ETH),
    # 10 USD at 10x and 100 USD at 10x tie up 11 USD, 0.11 % of equity.
    "max_margin_usage_pct": Boundary(Decimal("0.11"), Decimal("0.1099"), held=HELD_ETH),
    "major_coin_leverage": Boundary(10, 9),
    "altcoin_leverage": Boundary(10, 9, proposal=SOL_100),
    "min_risk_reward_ratio": Boundary(Decimal(2), Decimal("2.01"), proposal=a_proposal(stop="99", target="102")),
    "min_confidence": Boundary(Decimal(80), Decimal("80.01"), proposal=a_proposal(decision={"confidence": 0.8})),
    "stop_loss_enabled": Boundary(False, True),
    "take_profit_enabled": Boundary(False, True),
    # One coin stopped out nine USD lower loses 0.09 % of 10,000 USD.
    "max_risk_per_trade_pct": Boundary(Decimal("0.09"), Decimal("0.0899"), proposal=a_proposal(stop="91")),
    "price_band_pct": Boundary(
        Decimal(1), Decimal("0.99"), proposal=a_proposal(decision={"entry_price": Decimal(101)})
    ),
    "max_snapshot_age_ms": Boundary(1000, 999),
    "max_new_positions_per_cycle": Boundary(1, 0),
    "liquidity_threshold_usd": Boundary(Decimal("1E8"), Decimal("1.0001E8")),
    "btceth_position_value_min_equity_multiple": Boundary(Decimal("0.01"), Decimal("0.0101")),
    "btceth_position_value_max_equity_multiple": Boundary(Decimal("0.01"), Decimal("0.0099")),
    "alt_position_value_min_equity_multiple": Boundary(Decimal("0.01"), Decimal("0.0101"), proposal=SOL_100),
    "alt_position_value_max_equity_multiple": Boundary(Decimal("0.01"), Decimal("0.0099"), proposal=SOL_100),
    "cooldown_ms": Boundary(500, 501, given={"standing": {"closed_ms": {"BTC": NOW_MS - 500}}}),
    # The target is 0.9 USD away; in and out cost 0.09 USD.
    "min_edge_over_fees": Boundary(Decimal(10), Decimal("10.01"), proposal=a_proposal(target="100.9")),
    "max_turnover_per_day_multiple": Boundary(
        Decimal("0.02"), Decimal("0.0199"), given={"standing": {"day_turnover_usd": Decimal(100)}}
    ),
    # 0.955 USD were paid, this trade costs 0.045 USD: one dollar, 0.01 % of equity.
    "max_fees_per_day_pct": Boundary(
        Decimal("0.01"), Decimal("0.0099"), given={"standing": {"day_fees_usd": Decimal("0.955")}}
    ),
    "max_opens_per_day": Boundary(3, 2, given={"standing": {"day_opens": 2}}),
    "daily_loss_limit_pct": Boundary(Decimal("20.01"), Decimal(20), given={"standing": {"day_nav": 1.25}}),
    "max_drawdown_pct": Boundary(Decimal("20.01"), Decimal(20), given={"standing": {"peak_nav": 1.25}}),
    "max_loss_streak": Boundary(4, 3, given={"standing": {"loss_streak": 3}}),
    "max_correlated_positions": Boundary(2, 1, held=HELD_ETH, given={"closes": {"BTC": ZIGZAG, "ETH": ZIGZAG}}),
    "correlation_threshold": Boundary(
        0.8,
        0.6,
        held=HELD_ETH,
        beside={"max_correlated_positions": 1},
        given={"closes": {"BTC": ZIGZAG, "ETH": HALF}},
    ),
    # A pause lasts from the last close on.
    "pause_ms": Boundary(
        500,
        501,
        beside={"max_loss_streak": 3},
        given={"standing": {"loss_streak": 3, "closed_ms": {"ETH": NOW_MS - 500}}},
    ),
}

RIVALS_BTC = {"rival": (a_position("BTC", "-2"),)}
ACCOUNT_LIMITS: dict[str, Boundary] = {
    "policy": Boundary("netting", "exclusive", given=RIVALS_BTC),
    "max_account_notional_usd": Boundary(Decimal(310), Decimal("309.99"), held=HELD_ETH, given=RIVALS_BTC),
    "max_coin_notional_usd": Boundary(Decimal(300), Decimal("299.99"), given=RIVALS_BTC),
    # The target is 0.9 USD away and fees may be a third of that: 0.15 USD each way, 0.15 %.
    "taker_fee_rate": Boundary(
        Decimal("0.0015"),
        Decimal("0.00151"),
        proposal=a_proposal(target="100.9"),
        beside={"min_edge_over_fees": Decimal(3)},
    ),
}
SHARPE = ("sharpe_pause_threshold", "sharpe_min_sample")  # they set a pause instead of denying a proposal


def context_of(boundary: Boundary, limits: Mapping[str, Any], account: Mapping[str, Any]) -> Context:
    return a_context(
        *boundary.held,
        limits=replace(LOOSE, **(dict(boundary.beside) | dict(limits))),
        account_limits=AccountLimits(**account),
        **boundary.given,
    )


def passes(boundary: Boundary, context: Context) -> bool:
    return judge([boundary.proposal], context) == [Approved(proposal=boundary.proposal)]


def test_every_limit_has_its_boundary() -> None:
    assert sorted([*LIMITS, *SHARPE]) == sorted(field.name for field in fields(Limits))
    assert sorted(ACCOUNT_LIMITS) == sorted(field.name for field in fields(AccountLimits))


@pytest.mark.parametrize("limit", LIMITS)
def test_a_traders_limit_binds_at_its_boundary(limit: str) -> None:
    boundary = LIMITS[limit]

    assert passes(boundary, context_of(boundary, {limit: boundary.loose}, {}))
    assert not passes(boundary, context_of(boundary, {limit: boundary.tight}, {}))


@pytest.mark.parametrize("limit", ACCOUNT_LIMITS)
def test_an_accounts_limit_binds_at_its_boundary(limit: str) -> None:
    boundary = ACCOUNT_LIMITS[limit]

    assert passes(boundary, context_of(boundary, {}, {limit: boundary.loose}))
    assert not passes(boundary, context_of(boundary, {}, {limit: boundary.tight}))


PER_LEVERAGE = {
    "max_position_size_usd": Decimal("99.99"),
    "max_trade_size_usd": Decimal("99.99"),
    "max_trader_notional_usd": Decimal("99.99"),
    "btceth_position_value_max_equity_multiple": Decimal("0.0099"),
    "max_turnover_per_day_multiple": Decimal("0.0099"),
    "max_fees_per_day_pct": Decimal("0.0004"),
    "max_risk_per_trade_pct": Decimal("0.0099"),
    "daily_loss_limit_pct": Decimal(20),
    "max_drawdown_pct": Decimal(20),
}


@pytest.mark.parametrize("leverage", [1, 3, 10, 20])
@pytest.mark.parametrize("limit", PER_LEVERAGE)
def test_guards_measure_notional_and_equity_so_that_leverage_does_not_move_them(limit: str, leverage: int) -> None:
    fallen = {"day_nav": 1.25, "peak_nav": 1.25} if limit.endswith(("loss_limit_pct", "drawdown_pct")) else {}
    proposal = a_proposal(stop="99", leverage=leverage)
    tight = a_context(limits=replace(LOOSE, **{limit: PER_LEVERAGE[limit]}), standing=fallen)
    loose = a_context(limits=replace(LOOSE, **{limit: PER_LEVERAGE[limit] * 2}), standing=fallen)

    assert not isinstance(judge([proposal], tight)[0], Approved)
    assert judge([proposal], loose) == [Approved(proposal=proposal)]


def pausing(points: list[float], threshold: float | None = 1.0, sample: int = 5, **standing: Any) -> int | None:
    limits = replace(LOOSE, sharpe_pause_threshold=threshold, sharpe_min_sample=sample, pause_ms=1000)
    context = a_context(standing={"nav_hourly": points} | standing)
    return sharpe_pause(context.standing, limits, NOW_MS)


# Returns of +10 %, -10 %, +10 %, -10 %: their mean is zero, and so is their Sharpe ratio.
EVEN = [1.0, 1.1, 0.99, 1.089, 0.9801]


def test_a_sharpe_ratio_below_its_threshold_pauses_the_trader() -> None:
    assert pausing(EVEN, threshold=0.1) == NOW_MS + 1000
    assert pausing(EVEN, threshold=-0.1) is None
    assert pausing(EVEN, threshold=None) is None


def test_the_sharpe_pause_waits_for_its_sample() -> None:
    assert pausing(EVEN, sample=5) == NOW_MS + 1000
    assert pausing(EVEN, sample=6) is None


def test_a_sharpe_ratio_that_is_undefined_pauses_nobody() -> None:
    assert pausing([1.0] * 50) is None


def test_a_net_asset_value_that_is_no_number_pauses() -> None:
    assert pausing([1.0, 1.1, float("nan"), 1.2, 1.3], threshold=-100) == NOW_MS + 1000


def test_a_pause_is_not_imposed_again_for_what_led_to_it() -> None:
    over_for_3_hours = {"pause_until_ms": NOW_MS - 3 * HOUR_MS}
    over_for_4_hours = {"pause_until_ms": NOW_MS - 4 * HOUR_MS}

    assert pausing(EVEN, **over_for_3_hours) is None
    assert pausing(EVEN, **over_for_4_hours) == NOW_MS + 1000
    assert pausing(EVEN, pause_until_ms=NOW_MS + 1) is None


def test_a_day_that_has_just_begun_is_measured_from_the_last_value_of_the_one_before() -> None:
    limits = replace(LOOSE, daily_loss_limit_pct=Decimal(5))
    fallen_overnight = a_context(limits=limits, standing={"day": DAY - 1, "day_nav": 1.0, "nav": 1.06})
    fallen_yesterday = a_context(limits=limits, standing={"day": DAY - 1, "day_nav": 9.0, "nav": 1.0})

    assert not isinstance(judge([a_proposal()], fallen_overnight)[0], Approved)
    assert isinstance(judge([a_proposal()], fallen_yesterday)[0], Approved)


def test_a_price_older_than_the_limit_does_not_become_fresh_with_a_clock_that_runs_ahead() -> None:
    limits = replace(LOOSE, max_snapshot_age_ms=1000)
    ahead = a_context(limits=limits, snapshots={"BTC": a_snapshot("BTC", price_ms=NOW_MS + 1001)})

    assert not isinstance(judge([a_proposal()], ahead)[0], Approved)
