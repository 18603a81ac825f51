"""The envelope of promise P10, checked from the limits alone: what is wrong with the orders that one cycle sent.

Nothing here is shared with the rules, the caps, the guards or the gateway whose work it judges: it starts from what was
to be seen (``Sight``) and what was sent (``Sent``), and reckons in ``Decimal`` by the wording of the limits.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import isfinite
from statistics import StatisticsError, correlation

from msgspec.structs import replace

from engine.model.instrument import Instrument
from engine.model.order import Order
from tests.fuzz.sight import Held, Sent, Sight

ZERO = Decimal(0)
SLACK = Decimal("1E-12")  # relative: sums of the same numbers in another order differ by less
DAY_MS = 86_400_000
MAJORS = ("BTC", "ETH")
FURTHEST = Decimal("0.2")  # no limit lies further from the mark than this, whatever the limits say
FAR_TO_CLOSE = "the limit at which it closes is"


def breaches(sight: Sight, orders: Sequence[Sent]) -> list[str]:
    """Every breach, in words; none when all is within the limits.

    Each order is judged as if those before it were filled at the mark; an order that only reduces the trader's own
    position has to be a sane order and nothing more.
    """
    book = _Book(sight)
    found: list[str] = []
    for sent in orders:
        order = sent.order
        wrong = insane(sight, sent, book.quantity(order.coin))
        if order.coin in book.touched:
            wrong.append("a second order in this coin within one cycle")
        signed, closes = _split(book.quantity(order.coin), order)
        if not wrong and closes < order.quantity:
            wrong = _opening(sight, sent, book, signed, closes)
        found += [f"{order.side} {order.quantity} {order.coin} at {order.limit_price}: {words}" for words in wrong]
        if wrong:
            break
        book.take(sent, signed, closes)
    return found


def breaches_of_opening(sight: Sight, orders: Sequence[Sent]) -> list[str]:
    """What risk is there to prevent by itself: all of it, but that a position may be closed at whatever limit."""
    return [words for words in breaches(sight, orders) if FAR_TO_CLOSE not in words]


def insane(sight: Sight, sent: Sent, held: Decimal) -> list[str]:
    """What no order may be, not even one that closes; and an exit may only reduce."""
    order = sent.order
    instrument, seen = sight.instruments.get(order.coin), sight.seen.get(order.coin)
    if instrument is None or seen is None:
        return ["no such instrument, or it has no price"]
    if not (_sane(order.quantity) and _sane(order.limit_price) and _sane(seen.mark)):
        return [f"not all of them are positive numbers; the mark is {seen.mark}"]
    wrong = []
    if (order.quantity / instrument.lot) % 1:
        wrong.append(f"not a multiple of the lot {instrument.lot}")
    _, closes = _split(held, order)
    if abs(order.limit_price / seen.mark - 1) > FURTHEST:
        wrong.append(f"{FAR_TO_CLOSE if closes == order.quantity else 'the limit is'} far from the mark {seen.mark}")
    if closes < order.quantity:
        if sent.cause != "decision":
            wrong.append(f"an order because of a {sent.cause} opens: {held} was held")
        cap = sight.limits.major_coin_leverage if order.coin in MAJORS else sight.limits.altcoin_leverage
        if not 1 <= sent.leverage <= min(cap, instrument.tiers[0].max_leverage):
            wrong.append(
                f"leverage {sent.leverage}, the cap is {cap} and the venue's {instrument.tiers[0].max_leverage}"
            )
        after = abs(held + (order.quantity if order.side == "buy" else -order.quantity))
        if after * min(order.limit_price, seen.mark) > sight.limits.max_position_size_usd * (1 + SLACK):
            wrong.append(f"the position would be {after} at {seen.mark}")
    return wrong


class _Book:
    """The trader's own book while its orders are replayed at the mark."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.own = dict(sight.held.get(sight.trader, {}))
        self.touched: list[str] = []
        self.closed: list[str] = []
        self.news = 0
        self.traded_usd = ZERO

    def quantity(self, coin: str) -> Decimal:
        return self.own[coin].quantity if coin in self.own else ZERO

    def take(self, sent: Sent, signed: Decimal, closes: Decimal) -> None:
        order = sent.order
        coin, mark = order.coin, self.sight.seen[order.coin].mark
        before = self.own.get(coin)
        held = self.quantity(coin)
        after = held + signed
        self.touched.append(coin)
        self.traded_usd += order.quantity * mark
        if closes and closes == abs(held):
            self.closed.append(coin)
        if closes < order.quantity and (before is None or closes):
            self.news += 1
        if after == 0:
            self.own.pop(coin, None)
            return
        opened = Held(quantity=after, cost_usd=after * mark, leverage=sent.leverage, mode=sent.mode)
        if before is None or closes == abs(held):
            self.own[coin] = opened
        elif closes:
            self.own[coin] = replace(before, quantity=after, cost_usd=before.cost_usd * after / held)
        else:
            self.own[coin] = replace(opened, cost_usd=before.cost_usd + signed * mark)


def _opening(sight: Sight, sent: Sent, book: _Book, signed: Decimal, closes: Decimal) -> list[str]:
    """What is wrong with an order that opens or enlarges a position."""
    order, limits, standing, coin = sent.order, sight.limits, sight.standing, sent.order.coin
    seen, instrument = sight.seen[coin], sight.instruments[coin]
    mark, held = seen.mark, book.quantity(coin)
    after, opens, now_ms = held + signed, order.quantity - closes, sight.now_ms
    equity = sight.cash_usd + sum(
        (own.quantity * _mark(sight, name) - own.cost_usd for name, own in sight.held.get(sight.trader, {}).items()),
        ZERO,
    )
    decision = sight.decisions.get(coin)
    if not (equity.is_finite() and equity > 0):
        return [f"equity is {equity}"]
    if decision is None:
        return ["nobody decided it"]
    wrong: list[str] = []

    def demand(holds: bool, what: str) -> None:
        if not holds:
            wrong.append(what)

    def at_most(found: Decimal, cap: Decimal | None, what: str) -> None:
        demand(cap is None or (found.is_finite() and found <= cap * (1 + SLACK)), f"{what} {found} is above {cap}")

    # Coin and price
    wants = "buy" if decision.signal == "buy_to_enter" else "sell" if decision.signal == "sell_to_enter" else "nothing"
    demand(wants == order.side, f"the decision was {decision.signal}")
    demand(coin in sight.coins, "the trader may not trade this coin")
    demand(abs(now_ms - seen.price_ms) <= limits.max_snapshot_age_ms, f"the price is {now_ms - seen.price_ms} ms old")
    band = mark * limits.price_band_pct / 100
    beyond = order.limit_price - mark if order.side == "buy" else mark - order.limit_price
    demand(beyond <= band * (1 + SLACK), f"the limit is {beyond} beyond the mark")
    for what, price in (("stated entry", decision.entry_price), ("oracle", seen.oracle)):
        demand(price is None or (price.is_finite() and abs(price - mark) <= band * (1 + SLACK)), f"{what} {price}")
    since_ms = standing.closed_ms.get(coin)
    rests = limits.cooldown_ms is not None and (
        closes > 0 or coin in book.closed or (since_ms is not None and now_ms < since_ms + limits.cooldown_ms)
    )
    demand(not rests, "the coin cools down")
    demand(standing.pause_until_ms <= now_ms, "the trader is paused")
    if limits.min_confidence is not None:
        percent = -1.0 if decision.confidence is None else decision.confidence * 100
        demand(float(limits.min_confidence) - 1e-6 <= percent <= 100 + 1e-6, f"confidence {decision.confidence}")
    if limits.liquidity_threshold_usd is not None:
        interest = seen.open_interest if seen.open_interest is not None and isfinite(seen.open_interest) else -1.0
        demand(
            interest * float(mark) >= float(limits.liquidity_threshold_usd) * (1 - 1e-9), f"open interest {interest}"
        )

    # Size and exits
    at_most(opens * mark, limits.max_trade_size_usd, "the trade of")
    least = instrument.min_notional_usd * (1 - SLACK)
    demand(opens * min(mark, order.limit_price) >= least, "below the venue's minimum")
    tiers = [tier for tier in instrument.tiers if tier.notional_usd <= abs(after) * mark]
    demand(sent.leverage <= tiers[-1].max_leverage, f"leverage {sent.leverage} is above the tier's")
    demand(
        sent.leverage <= sight.venue_leverage.get(coin, 0), f"leverage {sent.leverage} is above the account's setting"
    )
    ahead = 1 if order.side == "buy" else -1
    plan = sent.plan
    if plan is None and held and not closes:
        plan = sight.plans.get(coin)
    stop = None if plan is None else plan.stop_loss
    target = None if plan is None else plan.profit_target
    demand(stop is not None or not limits.stop_loss_enabled, "no stop")
    demand(target is not None or not limits.take_profit_enabled, "no target")
    demand(stop is None or (_sane(stop) and (mark - stop) * ahead > 0), f"the stop {stop} is on the wrong side")
    demand(
        target is None or (_sane(target) and (target - mark) * ahead > 0), f"the target {target} is on the wrong side"
    )
    reward = None if target is None else abs(target - mark)
    if limits.min_risk_reward_ratio is not None:
        worth = stop is not None and reward is not None
        worth = worth and reward >= limits.min_risk_reward_ratio * abs(mark - stop) * (1 - SLACK)  # type: ignore[operator]
        demand(worth, f"reward to risk of stop {stop} and target {target}")
    if limits.min_edge_over_fees is not None:
        fees = 2 * sight.account.taker_fee_rate * mark * limits.min_edge_over_fees
        demand(reward is not None and reward >= fees * (1 - SLACK), "the way to the target does not pay the fees")
    if limits.max_risk_per_trade_pct is not None:
        risk = Decimal("Infinity") if stop is None else abs(after) * abs(mark - stop)
        at_most(risk, equity * limits.max_risk_per_trade_pct / 100, "the risk of")
    if stop is not None and _sane(stop):
        left, needed = _at_stop(sight, book, sent, after, signed, stop, equity)
        demand(left > needed * (1 - SLACK), f"liquidation before the stop: {left} left, {needed} needed")

    # What is held altogether
    worst = {name: _worst(sight, sight.trader, name, own.quantity) for name, own in book.own.items()}
    worst[coin] = _worst(sight, sight.trader, coin, after)
    for order_waiting in sight.waiting:
        if order_waiting.trader == sight.trader:
            worst.setdefault(order_waiting.coin, _worst(sight, sight.trader, order_waiting.coin, ZERO))
    new = held == 0 or closes > 0
    at_most(worst[coin], limits.max_position_size_usd, "the position of")
    demand(held != 0 or len(worst) <= limits.max_positions, f"{len(worst)} positions")
    major = coin in MAJORS
    low = limits.btceth_position_value_min_equity_multiple if major else limits.alt_position_value_min_equity_multiple
    high = limits.btceth_position_value_max_equity_multiple if major else limits.alt_position_value_max_equity_multiple
    demand(low is None or abs(after) * mark >= equity * low * (1 - SLACK), "the position is dust")
    at_most(worst[coin], None if high is None else equity * high, "the share of equity of")
    at_most(sum(worst.values(), ZERO), limits.max_trader_notional_usd, "all positions of")
    if limits.max_margin_usage_pct is not None:
        margin = _margin(sight, book, sent, after, signed, worst)
        at_most(margin, equity * limits.max_margin_usage_pct / 100, "the margin of")
    others = _others(sight)
    at_most(others.get(coin, ZERO) + worst[coin], sight.account.max_coin_notional_usd, "everybody's position of")
    everybody = sum(others.values(), ZERO) + sum(worst.values(), ZERO)
    at_most(everybody, sight.account.max_account_notional_usd, "the account's positions of")
    demand(sight.account.policy != "exclusive" or not _is_others(sight, coin), "somebody else has the coin")
    if limits.max_correlated_positions is not None:
        demand(
            1 + _related(sight, book, coin, ahead) <= limits.max_correlated_positions, "too many correlated positions"
        )

    # The day and the past
    today = standing.day >= now_ms // DAY_MS
    traded = book.traded_usd + order.quantity * mark
    if limits.max_turnover_per_day_multiple is not None:
        before = standing.day_turnover_usd if today else ZERO
        at_most(before + traded, equity * limits.max_turnover_per_day_multiple, "the day's turnover of")
    if limits.max_fees_per_day_pct is not None:
        paid = (standing.day_fees_usd if today else ZERO) + traded * sight.account.taker_fee_rate
        at_most(paid, equity * limits.max_fees_per_day_pct / 100, "the day's fees of")
    if new:
        opened = standing.day_opens if today else 0
        demand(limits.max_opens_per_day is None or opened + book.news < limits.max_opens_per_day, "opens of the day")
        cap = limits.max_new_positions_per_cycle
        demand(cap is None or book.news < cap, "new positions in this cycle")
    nav = float(equity / sight.units) if sight.units > 0 else standing.nav
    for what, most_pct, start in (
        ("loss of the day", limits.daily_loss_limit_pct, standing.day_nav if today else standing.nav),
        ("drawdown", limits.max_drawdown_pct, standing.peak_nav),
    ):
        fallen_pct = 100 * (1 - nav / start) if start > 0 else 100.0
        demand(most_pct is None or fallen_pct < float(most_pct) + 1e-6, f"{what} of {fallen_pct} %")
    if limits.max_loss_streak is not None and standing.loss_streak >= limits.max_loss_streak:
        last_ms = max(standing.closed_ms.values(), default=now_ms)
        demand(0 < limits.pause_ms <= now_ms - last_ms, f"{standing.loss_streak} losses in a row")
    return wrong


def _split(held: Decimal, order: Order) -> tuple[Decimal, Decimal]:
    """The signed quantity of an order, and how much of it reduces what is held."""
    signed = order.quantity if order.side == "buy" else -order.quantity
    against = held != 0 and (held > 0) != (signed > 0)
    return signed, min(order.quantity, abs(held)) if against else ZERO


def _sane(value: Decimal) -> bool:
    return value.is_finite() and 0 < value <= Decimal("1E15")


def _mark(sight: Sight, coin: str) -> Decimal:
    return sight.seen[coin].mark if coin in sight.seen else Decimal("NaN")


def _worst(sight: Sight, trader: str, coin: str, held: Decimal) -> Decimal:
    """The largest value a position can take when orders under way are filled, at the mark or their limit."""
    mine = [order for order in sight.waiting if (order.trader, order.coin) == (trader, coin)]
    bought = sum((order.remaining for order in mine if order.buys), ZERO)
    sold = sum((order.remaining for order in mine if not order.buys), ZERO)
    price = _mark(sight, coin)
    for order in mine:
        price = price if price.is_nan() else max(price, order.price)
    return max(abs(held), abs(held + bought), abs(held - sold)) * price


def _others(sight: Sight) -> dict[str, Decimal]:
    """Everybody else's gross value by coin."""
    parts = {(owner, coin): own.quantity for owner, held in sight.held.items() for coin, own in held.items()}
    for order in sight.waiting:
        parts.setdefault((order.trader, order.coin), ZERO)
    totals: dict[str, Decimal] = {}
    for (owner, coin), quantity in parts.items():
        if owner != sight.trader:
            totals[coin] = totals.get(coin, ZERO) + _worst(sight, owner, coin, quantity)
    return totals


def _is_others(sight: Sight, coin: str) -> bool:
    holds = any(coin in held for owner, held in sight.held.items() if owner != sight.trader)
    return holds or any(order.coin == coin and order.trader != sight.trader for order in sight.waiting)


def _margin(
    sight: Sight, book: _Book, sent: Sent, after: Decimal, signed: Decimal, worst: Mapping[str, Decimal]
) -> Decimal:
    """Initial margin of everything, at the mark when crossed and at cost when isolated; orders under way at worst."""
    coin = sent.order.coin
    waiting = [order.coin for order in sight.waiting if order.trader == sight.trader]
    total = ZERO
    for name, usd in worst.items():
        own = book.own.get(name)
        if name == coin:
            leverage, mode = sent.leverage, sent.mode
            grows = own is not None and (own.quantity > 0) == (signed > 0)
            cost = (
                own.cost_usd + signed * _mark(sight, name) if grows and own is not None else after * _mark(sight, name)
            )
        elif own is None:
            leverage, mode, cost = 1, "cross", ZERO
        else:
            leverage, mode, cost = own.leverage, own.mode, own.cost_usd
        total += (usd if mode == "cross" or name in waiting else abs(cost)) / leverage
    return total


def _at_stop(
    sight: Sight, book: _Book, sent: Sent, after: Decimal, signed: Decimal, stop: Decimal, equity: Decimal
) -> tuple[Decimal, Decimal]:
    """What stands behind the position with the price at its stop, and the maintenance margin it needs there."""
    coin = sent.order.coin
    mark, own = _mark(sight, coin), book.own.get(coin)
    if sent.mode == "isolated":
        grows = own is not None and (own.quantity > 0) == (signed > 0)
        cost = own.cost_usd + signed * mark if grows and own is not None else after * mark
        left = abs(cost) / sent.leverage + after * stop - cost
    else:
        left = equity - abs(after) * abs(mark - stop)
        for name, other in book.own.items():
            if name != coin:
                left -= _maintenance(sight.instruments[name], abs(other.quantity) * _mark(sight, name))
    return left, _maintenance(sight.instruments[coin], abs(after) * stop)


def _maintenance(instrument: Instrument, notional_usd: Decimal) -> Decimal:
    """Half of the initial margin at the highest leverage of each tier, the part above a tier's floor at its rate."""
    total = ZERO
    floors = [*[tier.notional_usd for tier in instrument.tiers[1:]], Decimal("Infinity")]
    for tier, ceiling in zip(instrument.tiers, floors, strict=True):
        if notional_usd > tier.notional_usd:
            total += (min(notional_usd, ceiling) - tier.notional_usd) / (2 * tier.max_leverage)
    return total


def _related(sight: Sight, book: _Book, coin: str, ahead: int) -> int:
    """How many other positions bet on the same move."""
    found = 0
    for name, own in book.own.items():
        if name != coin and (own.quantity > 0) == (ahead > 0):
            try:
                one, two = _returns(sight.seen[coin].closes), _returns(sight.seen[name].closes)
                found += correlation(one, two) >= sight.limits.correlation_threshold + 1e-9
            except StatisticsError:
                continue
    return found


def _returns(closes: Sequence[float]) -> list[float]:
    return [after / before - 1 for before, after in pairwise(closes)]
