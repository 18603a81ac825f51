"""Allocation: how much of a venue account's capital each trader gets, and when some of it moves."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from msgspec import Struct

from engine.manager.reconcile import CENT
from engine.manager.record import Transferred
from engine.manager.recorder import Recorder
from engine.model.account import Account
from engine.model.ids import RESERVE, AccountId, TraderId
from engine.model.performance import HOURS_A_YEAR, returns, sharpe
from engine.model.position import ZERO
from engine.model.standing import Standing

AllocationStrategy = Literal["equal", "fixed", "performance_based"]
HUNDRED = Decimal(100)


class Allocation(Struct, frozen=True, kw_only=True):
    """How capital is shared; percentages of the venue account's total capital.

    ``performance_based`` starts like ``fixed`` and then lets each share move between ``floor_pct`` and ``cap_pct``,
    only once every trader has closed ``min_trades`` trades, and only by steps of at least ``hysteresis_pct``.
    """

    strategy: AllocationStrategy = "fixed"
    rebalance_ms: int = 3_600_000
    floor_pct: Decimal = Decimal(2)
    cap_pct: Decimal = Decimal(50)
    hysteresis_pct: Decimal = Decimal(2)
    min_trades: int | None = 10


class CapitalShort(Exception):
    """A venue account does not hold what its traders are to get; the message gives both sums."""


def fund(account: AccountId, capital: Mapping[TraderId, Decimal], venue_usd: Decimal, recorder: Recorder) -> None:
    """Bring new traders of a venue account into their capital out of its reserve.

    The first call books what the venue holds as the reserve. Raises ``CapitalShort``; nothing is moved then.
    """
    book = recorder.state.accounts[account].book
    fresh = {trader: usd for trader, usd in capital.items() if book.traders[trader].units == 0 and usd > 0}
    deposit = venue_usd - book.deposits_usd
    available = book.reserve_usd + deposit
    needed = sum(fresh.values(), ZERO)
    if needed > available:
        raise CapitalShort(
            f"venue account {account} has {available} USD free, its new traders {', '.join(fresh)} are to get "
            f"{needed} USD: lower total_equity_usd or the shares, or pay in more"
        )
    if deposit:
        recorder.say(Transferred(account=account, source="venue", target=RESERVE, usd=deposit, why="deposit"))
    for trader, usd in fresh.items():
        recorder.say(Transferred(account=account, source=RESERVE, target=trader, usd=usd, why="inception"))


def targets(
    allocation: Allocation, equities: Mapping[TraderId, Decimal], standings: Mapping[TraderId, Standing]
) -> dict[TraderId, Decimal]:
    """What each trader should have by its performance, USD; empty while any sample is too small.

    The pool (all equities together) is shared in proportion to 1 + the annualised Sharpe ratio of the hourly net asset
    values (held between 0.01 and 11), each share then held between floor and cap.
    """
    if allocation.strategy != "performance_based" or len(equities) < 2:
        return {}
    if allocation.min_trades is not None and any(
        standings[trader].trades < allocation.min_trades for trader in equities
    ):
        return {}
    weights = {trader: _weight(standings[trader]) for trader in equities}
    pool = sum(equities.values(), ZERO)
    total = sum(weights.values(), ZERO)
    shares = {
        trader: max(allocation.floor_pct, min(HUNDRED * weight / total, allocation.cap_pct))
        for trader, weight in weights.items()
    }
    given = max(HUNDRED, sum(shares.values(), ZERO))
    return {trader: _cents(pool * share / given) for trader, share in shares.items()}


def rebalance(
    account: AccountId,
    wanted: Mapping[TraderId, Decimal],
    equities: Mapping[TraderId, Decimal],
    free_usd: Mapping[TraderId, Decimal],
    allocation: Allocation,
    recorder: Recorder,
) -> None:
    """Move free cash from traders that have too much to the reserve, and from there to those that have too little."""
    least = allocation.hysteresis_pct * sum(equities.values(), ZERO) / HUNDRED
    moves = {trader: usd - equities[trader] for trader, usd in wanted.items() if abs(usd - equities[trader]) >= least}
    released = ZERO
    for trader, usd in moves.items():
        out = _cents(min(-usd, free_usd[trader]))
        if usd < 0 and out > CENT:
            released += out
            recorder.say(
                Transferred(
                    account=account,
                    source=trader,
                    target=RESERVE,
                    usd=out,
                    source_equity_usd=equities[trader],
                    why="rebalance",
                )
            )
    short = {trader: usd for trader, usd in moves.items() if usd > 0}
    asked = sum(short.values(), ZERO)
    for trader, usd in short.items():
        granted = _cents(min(usd, released * usd / asked))
        if granted > CENT:
            recorder.say(
                Transferred(
                    account=account,
                    source=RESERVE,
                    target=trader,
                    usd=granted,
                    target_equity_usd=equities[trader],
                    why="rebalance",
                )
            )


def free_cash_usd(account: Account, equity: Decimal, margin_used: Decimal) -> Decimal:
    """What can leave an account without touching the margin of its positions; unrealised profit is not free."""
    return max(ZERO, min(equity, account.cash_usd) - margin_used)


def _weight(standing: Standing) -> Decimal:
    ratio = sharpe(returns(standing.nav_hourly), HOURS_A_YEAR) or 0.0
    return Decimal(repr(round(1 + max(-0.99, min(ratio, 10.0)), 6)))


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(CENT, rounding=ROUND_DOWN)
