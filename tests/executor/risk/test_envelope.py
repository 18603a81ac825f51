"""Whatever is proposed, what was approved is within every limit: recomputed here in floats, from the wording alone."""

from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.executor.context import Context, PendingOrder
from engine.executor.limits import AccountLimits, Limits
from engine.executor.risk import judge
from engine.model.decision import Approved, Proposal
from engine.model.order import Side
from engine.model.position import Position
from tests.executor.risk.cases import INSTRUMENTS, ME, PRICES, RIVAL, a_context, a_pending_order, a_position, a_proposal

SLACK = 1e-6
COINS = ("BTC", "ETH", "SOL")
SIDES: tuple[Side, ...] = ("buy", "sell")


def a_cycle(number: int) -> tuple[Context, list[Proposal]]:
    """A context and proposals in it, both functions of a number; most denials are about size.

    Drawn evenly, because hypothesis favours extremes, and of those hardly a proposal passes.
    """
    draw = Random(number)

    def amount(least: int, most: int, per: int = 1) -> Decimal:
        return Decimal(draw.randint(least, most)) / per

    def maybe(least: int, most: int, per: int = 1) -> Decimal | None:
        return amount(least, most, per) if draw.random() < 0.3 else None

    def size(coin: str) -> str:
        usd = amount(5, 1000) if draw.random() < 0.7 else amount(5, 3000)
        return str((usd / PRICES[coin]).quantize(INSTRUMENTS[coin].lot))

    def positions() -> list[Position]:
        held = draw.sample(COINS, draw.randint(0, 2))
        return [a_position(coin, draw.choice(["", "-"]) + size(coin), draw.choice([3, 5, 10])) for coin in held]

    def orders() -> list[PendingOrder]:
        coins = [draw.choice(COINS) for _ in range(draw.choice([0, 0, 1, 2]))]
        return [a_pending_order(coin, draw.choice(SIDES), size(coin), draw.choice([ME, RIVAL])) for coin in coins]

    limits = Limits(
        max_positions=draw.randint(1, 3),
        max_position_size_usd=amount(300, 3000),
        max_trade_size_usd=maybe(100, 2000),
        max_trader_notional_usd=maybe(500, 5000),
        max_margin_usage_pct=maybe(1, 15),
        major_coin_leverage=draw.randint(5, 30),
        altcoin_leverage=draw.randint(5, 30),
        min_risk_reward_ratio=maybe(1, 4),
        min_confidence=maybe(50, 95),
        stop_loss_enabled=draw.random() < 0.5,
        take_profit_enabled=draw.random() < 0.5,
        max_risk_per_trade_pct=maybe(1, 20, per=100),
        max_new_positions_per_cycle=draw.choice([None, None, 0, 1, 2]),
        max_turnover_per_day_multiple=maybe(1, 60, per=100),
        max_opens_per_day=draw.choice([None, None, 0, 1, 2]),
    )
    account_limits = AccountLimits(
        policy=draw.choice(["netting", "netting", "netting", "exclusive"]),
        max_account_notional_usd=maybe(1000, 9000),
        max_coin_notional_usd=maybe(500, 5000),
    )
    context = a_context(*positions(), rival=positions(), pending=orders(), limits=limits, account_limits=account_limits)
    proposals = []
    for _ in range(draw.randint(1, 5)):
        coin, side = draw.choice(COINS), draw.choice(SIDES)
        position = context.account.positions.get(coin)
        mark, ahead = PRICES[coin], 1 if side == "buy" else -1
        stop_pct = draw.choice([1, 1, 1, 1, 2, 2, 5, None, -1])
        target_pct = draw.choice([4, 8, 8, 8, 8, 2, None, -1])
        proposal = a_proposal(
            coin,
            size(coin),
            side,
            held=str(position.quantity) if position is not None else "0",
            leverage=draw.choice([1, 3, 5, 5, 5, 5, 5, 10, 40, 0]),
            stop=None if stop_pct is None else str(mark * (100 - ahead * stop_pct) / 100),
            target=None if target_pct is None else str(mark * (100 + ahead * target_pct) / 100),
            decision={"confidence": draw.choice([0.95, 0.95, 0.95, 0.95, 0.9, 0.6, None])},
        )
        if draw.random() < 0.05:
            field = draw.choice(["quantity", "closes", "held", "mark", "limit_price"])
            odd = draw.choice(["NaN", "Infinity", "-1", "0", "0.00001"])
            proposal = replace(proposal, **{field: Decimal(odd)})
        proposals.append(proposal)
    return context, proposals


def approved_of(context: Context, proposals: list[Proposal]) -> list[Proposal]:
    return [verdict.proposal for verdict in judge(proposals, context) if isinstance(verdict, Approved)]


@settings(max_examples=1000)
@given(st.integers(0, 2**63))
def test_whatever_is_proposed_what_is_approved_is_within_every_limit(number: int) -> None:
    context, proposals = a_cycle(number)

    check(approved_of(context, proposals), context)


def test_among_these_cycles_are_enough_with_several_opens_that_pass() -> None:
    approved = [approved_of(*a_cycle(number)) for number in range(2000)]

    assert sum(sum(proposal.opens > 0 for proposal in cycle) >= 2 for cycle in approved) > 10


def check(approved: list[Proposal], context: Context) -> None:
    """Replay the approved proposals on plain numbers and compare with each limit after every one that opens."""
    limits, account = context.limits, context.account_limits
    equity = float(context.equity_usd)
    price = {coin: float(mark) for coin, mark in PRICES.items()}
    held = {coin: float(position.quantity) for coin, position in context.account.positions.items()}
    leverage = {coin: position.leverage for coin, position in context.account.positions.items()}
    turnover = news = 0.0

    def worst(trader: str, coin: str, quantity: float) -> float:
        orders = [order for order in context.pending if (order.trader, order.coin) == (trader, coin)]
        bought = sum(float(order.remaining) for order in orders if order.side == "buy")
        sold = sum(float(order.remaining) for order in orders if order.side == "sell")
        return max(abs(quantity), abs(quantity + bought), abs(quantity - sold)) * price[coin]

    rival = context.book.traders[RIVAL].positions
    theirs = {coin: worst(RIVAL, coin, float(rival[coin].quantity) if coin in rival else 0.0) for coin in price}

    for proposal in approved:
        coin, size, closes = proposal.coin, float(proposal.quantity), float(proposal.closes)
        signed = size if proposal.side == "buy" else -size
        before = held.get(coin, 0.0)
        after = before + signed
        opening = size - closes
        assert size > 0
        assert 0 <= closes <= min(size, abs(before)) + SLACK
        assert closes == 0 or before * signed < 0
        turnover += size * price[coin]
        held[coin] = after
        if opening <= 0:
            assert abs(after) < abs(before)
            continue
        news += before == 0 or closes > 0
        leverage[coin] = proposal.leverage
        mine = {name: worst(ME, name, held.get(name, 0.0)) for name in price}
        stop = proposal.plan.stop_loss if proposal.plan else None
        target = proposal.plan.profit_target if proposal.plan else None
        least = float(INSTRUMENTS[coin].min_notional_usd)
        cap = limits.major_coin_leverage if coin in ("BTC", "ETH") else limits.altcoin_leverage

        assert opening * price[coin] >= least - SLACK
        assert 1 <= proposal.leverage <= min(cap, INSTRUMENTS[coin].max_leverage)
        assert mine[coin] <= float(limits.max_position_size_usd) + SLACK
        assert before != 0 or sum(value > 0 for value in mine.values()) <= limits.max_positions
        within(opening * price[coin], limits.max_trade_size_usd)
        within(sum(mine.values()), limits.max_trader_notional_usd)
        within(mine[coin] + theirs[coin], account.max_coin_notional_usd)
        within(sum(mine.values()) + sum(theirs.values()), account.max_account_notional_usd)
        within(turnover, limits.max_turnover_per_day_multiple, equity)
        margin = sum(value / leverage.get(name, 1) for name, value in mine.items())
        within(margin, limits.max_margin_usage_pct, equity / 100)
        if before == 0 or closes > 0:
            assert limits.max_opens_per_day is None or news <= limits.max_opens_per_day
            assert limits.max_new_positions_per_cycle is None or news <= limits.max_new_positions_per_cycle
        assert account.policy != "exclusive" or theirs[coin] == 0
        assert stop is not None or not limits.stop_loss_enabled
        assert target is not None or not limits.take_profit_enabled
        direction = 1 if signed > 0 else -1
        if stop is not None:
            assert direction * (price[coin] - float(stop)) > 0
            within(abs(after) * abs(price[coin] - float(stop)), limits.max_risk_per_trade_pct, equity / 100)
        if target is not None:
            assert direction * (float(target) - price[coin]) > 0
        if limits.min_risk_reward_ratio is not None:
            assert stop is not None
            assert target is not None
            reward, risk = abs(float(target) - price[coin]), abs(price[coin] - float(stop))
            assert reward >= risk * float(limits.min_risk_reward_ratio) - SLACK
        if limits.min_confidence is not None:
            assert proposal.decision.confidence is not None
            assert proposal.decision.confidence * 100 >= float(limits.min_confidence) - SLACK


def within(found: float, cap: Decimal | None, unit: float = 1.0) -> None:
    assert cap is None or found <= float(cap) * unit + SLACK
