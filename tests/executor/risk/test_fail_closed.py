"""Whatever is missing, not a number, infinite or absurd denies: nothing raises, and nothing passes."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.executor.context import Context
from engine.executor.limits import AccountLimits, Limits
from engine.executor.risk import judge
from engine.model.book import Book
from engine.model.decision import Approved, Denied, ExitPlan, Proposal
from engine.model.ids import AccountId
from engine.model.position import Position
from tests.executor.risk.cases import (
    LOOSE,
    ME,
    NOW_MS,
    RIVAL,
    a_context,
    a_pending_order,
    a_position,
    a_proposal,
    a_snapshot,
    an_account,
)
from tests.executor.risk.test_rules import ZIGZAG

EVERYTHING = Limits(
    max_positions=9,
    max_position_size_usd=Decimal("1E6"),
    max_trade_size_usd=Decimal("1E6"),
    max_trader_notional_usd=Decimal("1E6"),
    max_margin_usage_pct=Decimal(90),
    min_risk_reward_ratio=Decimal(1),
    min_confidence=Decimal(1),
    max_risk_per_trade_pct=Decimal(50),
    max_new_positions_per_cycle=9,
    liquidity_threshold_usd=Decimal(1),
    btceth_position_value_min_equity_multiple=Decimal("0.001"),
    btceth_position_value_max_equity_multiple=Decimal(100),
    cooldown_ms=1,
    min_edge_over_fees=Decimal(1),
    max_turnover_per_day_multiple=Decimal(100),
    max_fees_per_day_pct=Decimal(50),
    max_opens_per_day=99,
    daily_loss_limit_pct=Decimal(50),
    max_drawdown_pct=Decimal(50),
    max_loss_streak=99,
    max_correlated_positions=1,
    correlation_threshold=1.1,
)
CAPPED = AccountLimits(max_account_notional_usd=Decimal("1E6"), max_coin_notional_usd=Decimal("1E6"))
GOOD = a_proposal(stop="98", target="104", decision={"confidence": 0.8})
NONSENSE = [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E+999999")]
NO_FLOATS = [float("nan"), float("inf"), float("-inf")]


def a_full_context(*held: Position, **changes: Any) -> Context:
    """Every rule is asked, and each has something to work with."""
    known: dict[str, Any] = {
        "limits": EVERYTHING,
        "account_limits": CAPPED,
        "rival": [a_position("SOL", "-5")],
        "pending": [a_pending_order("SOL", "buy", "1"), a_pending_order("SOL", "buy", "1", trader=RIVAL)],
        "closes": {"BTC": ZIGZAG, "ETH": ZIGZAG},
    }
    return a_context(*(held or [a_position("ETH", "1")]), **(known | changes))


def with_position(quantity: Decimal, cost: Decimal, whose: str) -> Context:
    odd = Position(coin="ETH", quantity=quantity, cost_usd=cost, leverage=10)
    context = a_full_context()
    if whose == "mine":
        return replace(context, account=replace(context.account, positions={"ETH": odd}))
    traders = {ME: context.account, RIVAL: an_account(odd, trader=RIVAL)}
    return replace(context, book=Book(account=AccountId("sim"), traders=traders))


def broken_inputs() -> Iterator[tuple[str, Proposal, Context]]:
    """Each thing that judging reads, broken in each way there is."""
    fine = a_full_context()
    plan = GOOD.plan or ExitPlan()
    for odd in NONSENSE:
        for field in ("quantity", "closes", "held", "mark", "limit_price"):
            yield f"proposal {field} {odd}", replace(GOOD, **{field: odd}), fine
        for field in ("stop_loss", "profit_target"):
            yield f"plan {field} {odd}", replace(GOOD, plan=replace(plan, **{field: odd})), fine
        for field in ("entry_price",):
            yield f"decision {field} {odd}", replace(GOOD, decision=replace(GOOD.decision, **{field: odd})), fine
        target = replace(GOOD.decision, target_quantity=odd)
        if odd.is_nan() or odd < 0:  # a target above all bounds still asks for a purchase
            yield f"target quantity {odd}", replace(GOOD, decision=target), fine
        yield f"equity {odd}", GOOD, replace(fine, known_equity_usd=odd)
        for field in ("mark", "oracle"):
            shown = {"BTC": a_snapshot("BTC", **{field: odd})}
            yield f"snapshot {field} {odd}", GOOD, a_full_context(snapshots=shown)
        yield f"mark of a coin held {odd}", GOOD, a_full_context(snapshots={"ETH": a_snapshot("ETH", mark=odd)})
        yield f"mark of a rival's coin {odd}", GOOD, a_full_context(snapshots={"SOL": a_snapshot("SOL", mark=odd)})
        yield f"own quantity {odd}", GOOD, with_position(odd, Decimal(10), "mine")
        yield f"rival's quantity {odd}", GOOD, with_position(odd, Decimal(10), "theirs")
        for field in ("remaining", "price"):
            own = replace(a_pending_order("ETH", "sell", "1"), **{field: odd})
            yield f"own pending {field} {odd}", GOOD, a_full_context(pending=[own])
            yield f"rival's pending {field} {odd}", GOOD, a_full_context(pending=[replace(own, trader=RIVAL)])
        for field in ("day_turnover_usd", "day_fees_usd"):
            if not odd.is_infinite() or odd > 0:
                yield f"standing {field} {odd}", GOOD, a_full_context(standing={field: odd})
        if odd.is_nan():
            for field in ("max_position_size_usd", "max_margin_usage_pct", "price_band_pct", "min_confidence"):
                yield f"limit {field} {odd}", GOOD, a_full_context(limits=replace(EVERYTHING, **{field: odd}))
            yield f"fee rate {odd}", GOOD, a_full_context(account_limits=replace(CAPPED, taker_fee_rate=odd))
    for number in NO_FLOATS:
        yield f"confidence {number}", replace(GOOD, decision=replace(GOOD.decision, confidence=number)), fine
        shown = {"BTC": a_snapshot("BTC", open_interest=number)}
        yield f"open interest {number}", GOOD, a_full_context(snapshots=shown)
        for field in ("day_nav", "peak_nav"):
            yield f"standing {field} {number}", GOOD, a_full_context(standing={field: number})
        yield f"closes {number}", GOOD, a_full_context(closes={"BTC": ZIGZAG, "ETH": [number] * 101})
    yield "no snapshot", GOOD, a_full_context(snapshots={"BTC": None})
    yield "no mark of a coin held", GOOD, a_full_context(snapshots={"ETH": None})
    yield "no mark of a rival's coin", GOOD, a_full_context(snapshots={"SOL": None})
    yield "no open interest", GOOD, a_full_context(snapshots={"BTC": a_snapshot("BTC", open_interest=None)})
    yield "no confidence", replace(GOOD, decision=replace(GOOD.decision, confidence=None)), fine
    yield "no plan", replace(GOOD, plan=None), fine
    yield "no instruments", GOOD, a_full_context(instruments={})
    yield "no closes", GOOD, a_full_context(closes={})
    yield "no equity", GOOD, replace(fine, known_equity_usd=Decimal(0))
    yield "negative equity", GOOD, replace(fine, known_equity_usd=Decimal(-1))
    yield "no leverage", replace(GOOD, leverage=0), fine
    yield "stale price", GOOD, a_full_context(snapshots={"BTC": a_snapshot("BTC", price_ms=NOW_MS - 86_400_000)})


BROKEN = list(broken_inputs())


def test_the_context_that_is_broken_here_is_otherwise_fine() -> None:
    assert judge([GOOD], a_full_context()) == [Approved(proposal=GOOD)]


@pytest.mark.parametrize(("proposal", "context"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_input_denies(proposal: Proposal, context: Context) -> None:
    verdicts = judge([proposal], context)

    assert [type(verdict) for verdict in verdicts] == [Denied]


@pytest.mark.parametrize("equity", [*NONSENSE[:4], Decimal(0), Decimal(-5)])
def test_without_equity_nothing_opens_even_when_no_limit_is_a_share_of_it(equity: Decimal) -> None:
    context = a_context(limits=LOOSE, known_equity_usd=equity)

    (verdict,) = judge([a_proposal()], context)

    assert isinstance(verdict, Denied)
    assert verdict.rule == "equity"


@pytest.mark.parametrize("equity", [Decimal("NaN"), Decimal(0)])
def test_without_equity_a_position_can_still_be_closed(equity: Decimal) -> None:
    context = replace(a_full_context(a_position("BTC", "1")), known_equity_usd=equity)
    closing = a_proposal(side="sell", held="1")

    assert judge([closing], context) == [Approved(proposal=closing)]


@pytest.mark.parametrize("odd", NONSENSE)
@pytest.mark.parametrize("field", ["quantity", "closes", "held", "mark", "limit_price"])
def test_a_close_whose_own_numbers_are_garbage_is_denied(field: str, odd: Decimal) -> None:
    closing = replace(a_proposal(side="sell", held="1"), **{field: odd})

    (verdict,) = judge([closing], a_context(a_position("BTC", "1")))

    assert isinstance(verdict, Denied)


def test_nobody_closes_more_than_is_held() -> None:
    context = a_context(a_position("BTC", "1"))
    too_much = replace(a_proposal(side="sell", held="1"), quantity=Decimal(2), closes=Decimal(2))
    of_another = a_proposal("ETH", side="sell", held="1")

    assert [type(verdict) for verdict in judge([too_much, of_another], context)] == [Denied, Denied]


def test_one_denied_proposal_does_not_keep_others_from_passing() -> None:
    bad, good = a_proposal(leverage=50), a_proposal("ETH", "10")

    denied, approved = judge([bad, good], a_context())

    assert isinstance(denied, Denied)
    assert approved == Approved(proposal=good)
