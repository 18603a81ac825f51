"""The pre-trade rules about one trade: each returns what is wrong with a proposal, or nothing."""

from decimal import Decimal

from engine.executor.case import LARGEST, SMALLEST, Case, figure
from engine.model.decision import Proposal
from engine.model.instrument import maintenance_margin_usd, tier_at
from engine.model.position import ZERO, initial_margin_usd, maintenance_usd, unrealized_usd

HUNDRED = Decimal(100)
PERCENT = Decimal("0.01")


def quantity(proposal: Proposal, case: Case) -> str | None:
    """The size is positive and on the lot of an instrument that exists, and so is the part that closes."""
    instrument = case.instrument
    size, closes = proposal.quantity, proposal.closes
    if instrument is None:
        return f"{proposal.coin} has no instrument on this venue"
    if not ZERO < size <= LARGEST:
        return f"quantity is {figure(size)}, it must be above zero"
    if closes and not ZERO < closes <= size:
        return f"closing part is {figure(closes)} of {figure(size)}"
    lot = instrument.lot
    if size % lot or (closes and closes % lot):
        return f"quantity is {figure(size)} of which {figure(closes)} closes, the lot is {figure(lot)}"
    return None


def price(proposal: Proposal, case: Case) -> str | None:
    """Mark and limit price are numbers that a price can be."""
    if SMALLEST <= proposal.mark <= LARGEST and SMALLEST <= proposal.limit_price <= LARGEST:
        return None
    return f"mark is {figure(proposal.mark)} USD and limit price {figure(proposal.limit_price)} USD"


def held_position(proposal: Proposal, case: Case) -> str | None:
    """The proposal starts from the position that is there, and what it calls closing is what would close."""
    held = case.held
    if proposal.held != held:
        return f"starts from {figure(proposal.held)}, the position is {figure(held)} by then"
    against = held != 0 and (held > 0) != (proposal.side == "buy")
    closing = min(proposal.quantity, abs(held)) if against else ZERO
    if proposal.closes != closing:
        return f"calls {figure(proposal.closes)} of it closing, {figure(closing)} would close"
    return None


def side(proposal: Proposal, case: Case) -> str | None:
    """The side of the order is the one its decision asks for: towards a target and not beyond it, or by the signal."""
    decision = proposal.decision
    target = decision.target_quantity
    if target is not None:
        held, after = proposal.held, proposal.after
        agrees = held < after <= target if proposal.side == "buy" else target <= after < held
        return None if agrees else f"{proposal.side} leads to {figure(after)}, the target is {figure(target)}"
    match decision.signal:
        case "buy_to_enter":
            agrees = proposal.side == "buy"
        case "sell_to_enter":
            agrees = proposal.side == "sell"
        case "close":
            agrees = proposal.closes == proposal.quantity
        case "hold":
            agrees = False
    return None if agrees else f"side is {proposal.side}, the signal is {decision.signal}"


def symbol_allowed(proposal: Proposal, case: Case) -> str | None:
    """The trader may trade the coin, and the market has a price for it."""
    if proposal.coin not in case.context.coins:
        return f"{proposal.coin} is not tradable now; tradable: {', '.join(case.context.coins) or 'none'}"
    return None if case.price is not None else f"{proposal.coin} has no price"


def cooldown(proposal: Proposal, case: Case) -> str | None:
    """The coin has rested since its last close; a flip closes it now, and so did a proposal approved before."""
    rest_ms = case.limits.cooldown_ms or 0
    if proposal.closes > 0 or proposal.coin in case.exposure.closed:
        return f"the position closes now, its coin rests {rest_ms} ms"
    closed_ms = case.context.standing.closed_ms.get(proposal.coin)
    if closed_ms is None or case.context.now_ms >= closed_ms + rest_ms:
        return None
    return f"closed {case.context.now_ms - closed_ms} ms ago, the coin rests {rest_ms} ms"


def snapshot_fresh(proposal: Proposal, case: Case) -> str | None:
    """The price is young enough, and it is the one by which the proposal was sized."""
    price = case.price
    if price is None:
        return f"{proposal.coin} has no price"
    age_ms = abs(case.context.now_ms - price.price_ms)  # a price from the future tells of a wrong clock
    if not age_ms <= case.limits.max_snapshot_age_ms:
        return f"price is {age_ms} ms old, the limit is {case.limits.max_snapshot_age_ms} ms"
    if price.mark != proposal.mark:
        return f"sized at {figure(proposal.mark)} USD, the mark is {figure(price.mark)} USD"
    return None


def price_band(proposal: Proposal, case: Case) -> str | None:
    """Stated entry, oracle, and the worst price the order may take lie within a band around the mark."""
    mark = proposal.mark
    band = mark * (case.limits.price_band_pct * PERCENT)
    worse = proposal.limit_price - mark if proposal.side == "buy" else mark - proposal.limit_price
    if not worse <= band:
        return _outside("limit price", proposal.limit_price, case)
    entry = proposal.decision.entry_price
    if entry is not None and not (entry.is_finite() and abs(entry - mark) <= band):
        return _outside("entry price", entry, case)
    oracle = None if case.price is None else case.price.oracle
    if oracle is not None and not (oracle.is_finite() and abs(oracle - mark) <= band):
        return _outside("oracle", oracle, case)
    return None


def confidence(proposal: Proposal, case: Case) -> str | None:
    """The decider is as sure as the trader demands."""
    least = case.limits.min_confidence
    found = proposal.decision.confidence
    if least is None:
        return None
    if found is None:
        return f"confidence is not stated, the minimum is {figure(least)}"
    percent = found * 100  # 0.57 * 100 is 56.99999999999999: not less than 57
    if float(least) - 1e-9 <= percent <= 100:
        return None
    return f"confidence is {figure(percent)}, the minimum is {figure(least)}"


def stop_present(proposal: Proposal, case: Case) -> str | None:
    """The position will have a stop."""
    return None if case.stop is not None else "no stop loss is given"


def target_present(proposal: Proposal, case: Case) -> str | None:
    """The position will have a profit target."""
    return None if case.target is not None else "no profit target is given"


def stop_side(proposal: Proposal, case: Case) -> str | None:
    """A stop lies where the position loses."""
    stop = case.stop
    if stop is None:
        return None
    losing = SMALLEST <= stop < proposal.mark if case.is_long else proposal.mark < stop <= LARGEST
    return None if losing else f"stop loss is {figure(stop)} USD, the mark is {figure(proposal.mark)} USD"


def target_side(proposal: Proposal, case: Case) -> str | None:
    """A target lies where the position gains."""
    target = case.target
    if target is None:
        return None
    gaining = proposal.mark < target <= LARGEST if case.is_long else SMALLEST <= target < proposal.mark
    return None if gaining else f"profit target is {figure(target)} USD, the mark is {figure(proposal.mark)} USD"


def risk_reward(proposal: Proposal, case: Case) -> str | None:
    """The way to the target is long enough compared with the way to the stop."""
    least = case.limits.min_risk_reward_ratio
    if least is None:
        return None
    if case.stop is None or case.target is None:
        return f"reward to risk cannot be told without stop and target, the minimum is {figure(least)}"
    risk = abs(proposal.mark - case.stop)
    reward = abs(case.target - proposal.mark)
    if risk > 0 and reward >= least * risk:
        return None
    return f"reward to risk is {figure(reward / risk)}, the minimum is {figure(least)}"


def stop_before_liquidation(proposal: Proposal, case: Case) -> str | None:
    """With the price at the stop the position still has its maintenance margin, so that it is not liquidated first."""
    stop = case.stop
    if stop is None or case.instrument is None:
        return None
    size = abs(proposal.after)
    if proposal.mode == "isolated":
        position = case.position_after()
        left = initial_margin_usd(position, proposal.mark) + unrealized_usd(position, stop)
    else:
        left = case.context.equity_usd - size * abs(proposal.mark - stop)
        for coin, other in case.exposure.positions.items():
            if coin != proposal.coin:
                instrument = case.context.instruments.get(coin)
                if instrument is None:
                    return f"liquidation cannot be told, {coin} has no instrument"
                left -= maintenance_usd(other, case.exposure.mark(coin), instrument)
    needed = maintenance_margin_usd(size * stop, case.instrument.tiers)
    if left > needed:
        return None
    at_stop = f"at the stop of {figure(stop)} USD"
    return f"liquidation comes first: {figure(left)} USD are left {at_stop}, {figure(needed)} USD are needed"


def risk_per_trade(proposal: Proposal, case: Case) -> str | None:
    """Being stopped out costs at most a share of equity, counted over the whole position the stop closes."""
    most = case.limits.max_risk_per_trade_pct
    stop = case.stop
    if most is None:
        return None
    cap = case.context.equity_usd * most / HUNDRED
    if stop is None:
        return f"risk cannot be told without a stop, the cap is {figure(cap)} USD"
    risk = abs(proposal.after) * abs(proposal.mark - stop)
    return None if risk <= cap else f"risk is {figure(risk)} USD, the cap is {figure(cap)} USD"


def leverage(proposal: Proposal, case: Case) -> str | None:
    """Leverage is within what the configuration and the venue's margin tier allow."""
    if case.instrument is None:
        return f"{proposal.coin} has no instrument on this venue"
    tiers = case.instrument.tiers
    tier = tiers[0] if len(tiers) == 1 else tier_at(abs(proposal.after) * proposal.mark, tiers)
    cap = case.limits.leverage_cap(proposal.coin)
    if 1 <= proposal.leverage <= cap and proposal.leverage <= tier.max_leverage:
        return None
    return f"leverage is {proposal.leverage}, the cap is {min(cap, tier.max_leverage)}"


def trade_size(proposal: Proposal, case: Case) -> str | None:
    """What one trade opens is not too large."""
    cap = case.limits.max_trade_size_usd
    found = case.opens * proposal.mark
    return None if cap is None or found <= cap else f"trade is {figure(found)} USD, the cap is {figure(cap)} USD"


def minimum_notional(proposal: Proposal, case: Case) -> str | None:
    """What is opened is large enough for the venue to take it, and to take its close later."""
    if case.instrument is None:
        return f"{proposal.coin} has no instrument on this venue"
    least = case.instrument.min_notional_usd
    mark, limit = proposal.mark, proposal.limit_price
    found = case.opens * (limit if limit < mark else mark)  # venues value an order at its limit price
    return None if found >= least else f"notional is {figure(found)} USD, the venue's minimum is {figure(least)} USD"


def liquidity(proposal: Proposal, case: Case) -> str | None:
    """Enough of the coin is held open by everybody for this trade not to matter."""
    least = case.limits.liquidity_threshold_usd
    if least is None:
        return None
    snapshot = case.context.market.coin(proposal.coin)
    if snapshot is None or snapshot.open_interest is None:
        return f"open interest is unknown, the minimum is {figure(least)} USD"
    found = snapshot.open_interest * float(proposal.mark)
    if float(least) <= found <= float(LARGEST):
        return None
    return f"open interest is {figure(found)} USD, the minimum is {figure(least)} USD"


def fee_viability(proposal: Proposal, case: Case) -> str | None:
    """Reaching the target earns a multiple of what getting in and out costs."""
    edge = case.limits.min_edge_over_fees
    target = case.target
    if edge is None:
        return None
    least = edge * 2 * case.context.account_limits.taker_fee_rate * proposal.mark
    if target is None:
        return f"edge cannot be told without a target, the minimum is {figure(least)} USD a coin"
    found = abs(target - proposal.mark)
    return None if found >= least else f"target is {figure(found)} USD away, fees ask for {figure(least)} USD"


def _outside(what: str, found: Decimal, case: Case) -> str:
    mark, band_pct = case.proposal.mark, case.limits.price_band_pct
    return f"{what} is {figure(found)} USD, the mark is {figure(mark)} USD and the band {figure(band_pct)} %"
