"""Every rule: one proposal that trips it, one that passes, and none that keeps a position from being closed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from engine.executor.context import Context
from engine.executor.limits import AccountLimits, Limits
from engine.executor.risk import RULES, judge
from engine.model.decision import Approved, Denied, Proposal
from tests.executor.risk.cases import (
    LOOSE,
    NOW_MS,
    a_context,
    a_position,
    a_proposal,
    a_snapshot,
)

SURE = {"decision": {"confidence": 0.8}}
ZIGZAG = [100.0 + step % 2 for step in range(101)]
ZAGZIG = [100.0 - step % 2 for step in range(101)]


def with_limits(**limits: Any) -> Limits:
    return replace(LOOSE, **limits)


class Trial(Struct, frozen=True):
    """A context with a proposal that one rule lets pass and one that it denies (or the same in another context)."""

    context: Context
    passes: Proposal
    trips: Proposal
    worse: Context | None = None


def limited(
    passes: Proposal, trips: Proposal, *held: Any, given: Mapping[str, Any] | None = None, **limits: Any
) -> Trial:
    return Trial(a_context(*held, limits=with_limits(**limits), **(given or {})), passes, trips)


def between(passes: Context, trips: Context, proposal: Proposal | None = None) -> Trial:
    same = proposal or a_proposal()
    return Trial(passes, same, same, trips)


def shared(passes: AccountLimits, trips: AccountLimits, proposal: Proposal | None = None, **given: Any) -> Trial:
    return between(a_context(account_limits=passes, **given), a_context(account_limits=trips, **given), proposal)


def guarded(limits: Mapping[str, Any], passes: Mapping[str, Any], trips: Mapping[str, Any]) -> Trial:
    return between(
        a_context(limits=with_limits(**limits), standing=passes),
        a_context(limits=with_limits(**limits), standing=trips),
    )


def closes_of(btc: list[float], eth: list[float], **limits: Any) -> Context:
    return a_context(a_position("ETH", "1"), limits=with_limits(**limits), closes={"BTC": btc, "ETH": eth})


LONG_ETH = a_position("ETH", "100")
TRIALS: dict[str, Trial] = {
    "quantity": limited(a_proposal(quantity="1.001"), a_proposal(quantity="1.0001")),
    "price": limited(a_proposal(), a_proposal(limit_price=Decimal(0))),
    "held_position": limited(a_proposal(), a_proposal(held="1")),
    "side": limited(a_proposal(), a_proposal(decision={"signal": "sell_to_enter"})),
    "equity": between(a_context(known_equity_usd=Decimal("0.01")), a_context(known_equity_usd=Decimal(0))),
    "symbol_allowed": between(a_context(), a_context(coins=("ETH",))),
    "pause": guarded({}, {"pause_until_ms": NOW_MS}, {"pause_until_ms": NOW_MS + 1}),
    "snapshot_fresh": between(
        a_context(snapshots={"BTC": a_snapshot("BTC", price_ms=NOW_MS - 60_000)}),
        a_context(snapshots={"BTC": a_snapshot("BTC", price_ms=NOW_MS - 60_001)}),
    ),
    "price_band": limited(
        a_proposal(decision={"entry_price": Decimal(98)}), a_proposal(decision={"entry_price": Decimal("97.99")})
    ),
    "cooldown": guarded(
        {"cooldown_ms": 1000}, {"closed_ms": {"BTC": NOW_MS - 1000}}, {"closed_ms": {"BTC": NOW_MS - 999}}
    ),
    "confidence": limited(
        a_proposal(decision={"confidence": 0.57}), a_proposal(decision={"confidence": 0.56}), min_confidence=Decimal(57)
    ),
    "leverage": limited(a_proposal(leverage=20), a_proposal(leverage=21)),
    "stop_present": limited(a_proposal(stop="99"), a_proposal(), stop_loss_enabled=True),
    "target_present": limited(a_proposal(target="101"), a_proposal(), take_profit_enabled=True),
    "stop_side": limited(a_proposal(stop="99"), a_proposal(stop="100")),
    "target_side": limited(a_proposal(target="101"), a_proposal(target="100")),
    "risk_reward": limited(
        a_proposal(stop="99", target="103"),
        a_proposal(stop="99", target="102.9"),
        min_risk_reward_ratio=Decimal(3),
    ),
    # Round-trip fees at 0.045 % are 0.09 USD a coin; three times that is 0.27 USD.
    "fee_viability": limited(a_proposal(target="100.27"), a_proposal(target="100.26"), min_edge_over_fees=Decimal(3)),
    "minimum_notional": limited(a_proposal(quantity="0.1"), a_proposal(quantity="0.099")),
    "trade_size": limited(a_proposal(), a_proposal(quantity="1.001"), max_trade_size_usd=Decimal(100)),
    # 1 % of 10,000 USD is 100 USD: ten coins may lose ten USD each.
    "risk_per_trade": limited(
        a_proposal(quantity="10", stop="90"),
        a_proposal(quantity="10", stop="89.9"),
        max_risk_per_trade_pct=Decimal(1),
    ),
    "liquidity": between(
        a_context(limits=with_limits(liquidity_threshold_usd=Decimal(100_000_000))),
        a_context(limits=with_limits(liquidity_threshold_usd=Decimal(100_000_001))),
    ),
    "max_positions": between(
        a_context(LONG_ETH, limits=with_limits(max_positions=2)),
        a_context(LONG_ETH, limits=with_limits(max_positions=1)),
    ),
    "position_size": limited(
        a_proposal(held="4"),
        a_proposal(held="4", quantity="1.001"),
        a_position("BTC", "4"),
        max_position_size_usd=Decimal(500),
    ),
    "value_band": limited(
        a_proposal(quantity="10"),
        a_proposal(quantity="9.999"),
        btceth_position_value_min_equity_multiple=Decimal("0.1"),
    ),
    "opens_per_day": guarded({"max_opens_per_day": 5}, {"day_opens": 4}, {"day_opens": 5}),
    "turnover_per_day": guarded(
        {"max_turnover_per_day_multiple": Decimal(1)},
        {"day_turnover_usd": Decimal(9900)},
        {"day_turnover_usd": Decimal(9901)},
    ),
    # The trade itself costs 100 x 0.00045 = 0.045 USD.
    "fees_per_day": guarded(
        {"max_fees_per_day_pct": Decimal(1)}, {"day_fees_usd": Decimal("99.95")}, {"day_fees_usd": Decimal("99.96")}
    ),
    "daily_loss": guarded({"daily_loss_limit_pct": Decimal(5)}, {"day_nav": 1.05}, {"day_nav": 1.06}),
    "drawdown": guarded({"max_drawdown_pct": Decimal(15)}, {"peak_nav": 1.17}, {"peak_nav": 1.18}),
    "loss_streak": guarded({"max_loss_streak": 3}, {"loss_streak": 2}, {"loss_streak": 3}),
    # 1,000 USD in ETH at 10x and 5,000 USD in BTC at 10x tie up 600 USD, 6 % of equity.
    "margin_usage": limited(
        a_proposal(quantity="50"), a_proposal(quantity="50.001"), LONG_ETH, max_margin_usage_pct=Decimal(6)
    ),
    # 1,000 coins against 10,000 USD: at 92 USD 2,000 USD are left and 1,150 USD needed; at 91 USD 1,000 and 1,137.50.
    "stop_before_liquidation": limited(a_proposal(quantity="1000", stop="92"), a_proposal(quantity="1000", stop="91")),
    "coin_lease": shared(AccountLimits(), AccountLimits(policy="exclusive"), rival=[a_position("BTC", "1")]),
    "trader_notional": limited(
        a_proposal(quantity="5"), a_proposal(quantity="5.001"), LONG_ETH, max_trader_notional_usd=Decimal(1500)
    ),
    "coin_notional": shared(
        AccountLimits(max_coin_notional_usd=Decimal(300)),
        AccountLimits(max_coin_notional_usd=Decimal(299)),
        rival=[a_position("BTC", "-2")],
    ),
    "account_notional": shared(
        AccountLimits(max_account_notional_usd=Decimal(500)),
        AccountLimits(max_account_notional_usd=Decimal(499)),
        rival=[a_position("BTC", "-2"), a_position("SOL", "200")],
    ),
    "new_positions_per_cycle": limited(
        a_proposal(held="1"), a_proposal("ETH", "10"), a_position("BTC", "1"), max_new_positions_per_cycle=0
    ),
    "correlated_positions": between(
        closes_of(ZIGZAG, ZAGZIG, max_correlated_positions=1), closes_of(ZIGZAG, ZIGZAG, max_correlated_positions=1)
    ),
}


def outcome(proposal: Proposal, context: Context) -> str:
    """The rule that denied the proposal, or ``approved``."""
    match judge([proposal], context)[0]:
        case Denied(rule=rule):
            return rule
        case Approved(proposal=approved):
            assert approved is proposal
            return "approved"


def test_every_rule_has_a_trial() -> None:
    assert sorted(TRIALS) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("rule", TRIALS)
def test_a_proposal_within_the_limit_passes(rule: str) -> None:
    trial = TRIALS[rule]

    assert outcome(trial.passes, trial.context) == "approved"


@pytest.mark.parametrize("rule", TRIALS)
def test_a_proposal_beyond_the_limit_is_denied_by_its_rule(rule: str) -> None:
    trial = TRIALS[rule]

    assert outcome(trial.trips, trial.worse or trial.context) == rule


def test_a_denial_says_what_was_found_and_what_the_limit_is() -> None:
    context = a_context(limits=with_limits(max_position_size_usd=Decimal(500)))

    verdicts = judge([a_proposal(quantity="6.2")], context)

    assert verdicts == [
        Denied(
            symbol="BTC", signal="buy_to_enter", rule="position_size", detail="position is 620 USD, the cap is 500 USD"
        )
    ]


HOPELESS = a_context(
    a_position("BTC", "2", leverage=50),
    a_position("SOL", "1"),
    limits=Limits(
        max_positions=0,
        max_position_size_usd=Decimal(0),
        max_trade_size_usd=Decimal(0),
        max_trader_notional_usd=Decimal(0),
        max_margin_usage_pct=Decimal(0),
        major_coin_leverage=0,
        altcoin_leverage=0,
        max_risk_per_trade_pct=Decimal(0),
        price_band_pct=Decimal(0),
        max_snapshot_age_ms=-1,
        max_new_positions_per_cycle=0,
        liquidity_threshold_usd=Decimal("1E14"),
        btceth_position_value_min_equity_multiple=Decimal(1000),
        btceth_position_value_max_equity_multiple=Decimal(0),
        cooldown_ms=10**9,
        min_edge_over_fees=Decimal("1E9"),
        max_turnover_per_day_multiple=Decimal(0),
        max_fees_per_day_pct=Decimal(0),
        max_opens_per_day=0,
        daily_loss_limit_pct=Decimal(0),
        max_drawdown_pct=Decimal(0),
        max_loss_streak=0,
        max_correlated_positions=0,
    ),
    account_limits=AccountLimits(
        policy="exclusive", max_account_notional_usd=Decimal(0), max_coin_notional_usd=Decimal(0)
    ),
    rival=[a_position("BTC", "1")],
    standing={"pause_until_ms": NOW_MS + 10**6, "closed_ms": {"BTC": NOW_MS}, "loss_streak": 9},
    snapshots={"BTC": None},
    coins=(),
    known_equity_usd=Decimal("NaN"),
)


@pytest.mark.parametrize("quantity", ["2", "0.01"], ids=["all of it", "dust of it"])
def test_closing_passes_where_every_rule_about_opening_would_deny(quantity: str) -> None:
    closing = a_proposal(side="sell", quantity=quantity, held="2", leverage=50, limit_price=Decimal(1))

    assert outcome(closing, HOPELESS) == "approved"


@pytest.mark.parametrize("rule", [rule.name for rule in RULES if not rule.closing])
def test_a_tripped_rule_about_opening_leaves_closing_alone(rule: str) -> None:
    trial = TRIALS[rule]
    context = trial.worse or trial.context
    coin = trial.trips.coin
    held = a_position(coin, "5")
    context = replace(context, account=replace(context.account, positions={coin: held}))

    assert outcome(a_proposal(coin, "5", "sell", held="5"), context) == "approved"


def test_a_flip_whose_opening_part_is_denied_still_closes() -> None:
    context = a_context(a_position("BTC", "-2"), limits=with_limits(max_position_size_usd=Decimal(500)))
    flip = a_proposal(quantity="8", held="-2", stop="99")

    denied, approved = judge([flip], context)

    assert isinstance(denied, Denied)
    assert denied.rule == "position_size"
    assert approved == Approved(proposal=replace(flip, quantity=Decimal(2), plan=None))


def test_a_flip_does_not_reopen_a_coin_that_has_to_rest() -> None:
    context = a_context(a_position("BTC", "-2"), limits=with_limits(cooldown_ms=1000))

    denied, approved = judge([a_proposal(quantity="4", held="-2")], context)

    assert isinstance(denied, Denied)
    assert isinstance(approved, Approved)
    assert denied.rule == "cooldown"
    assert approved.proposal.quantity == 2
