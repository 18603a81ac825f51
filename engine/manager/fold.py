"""The fold: how each kind of record changes the state; ``apply`` is the only way anything in it changes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.manager import record as r
from engine.manager.metering import BUDGET_INCIDENTS, cut_off, note, release, reserve, spend
from engine.manager.state import AccountState, OpenIntent, Origin, PromptInForce, State, TraderState
from engine.model.account import Account, with_fill, with_funding, with_model_cost, with_transfer
from engine.model.book import Book
from engine.model.ids import HOUSE, RESERVE, AccountId, TraderId
from engine.model.order import Accepted, Canceled, Fill, Order, Rejected, SetLeverage, Unresolved
from engine.model.position import ZERO
from engine.model.spending import Usage
from engine.model.standing import DAY_MS, HOUR_MS, HOURLY_POINTS, Standing, Status
from engine.model.trade import CloseReason, follow, with_trip_funding

RECENT_TRADES = 10
STARTS_REMEMBERED = 100


def apply(state: State, entry: r.Entry) -> State:
    """Fold one entry into the state and return it.

    The same entries in the same order give the same state, whoever folds them: a running engine, a restart, an audit.
    """
    state.last_ts = entry.ts
    FOLDS[type(entry.record)](state, entry.record, entry.ts, entry.trader)
    return state


def _started(state: State, record: r.Started, ts: int, who: TraderId) -> None:
    state.epoch = record.epoch
    state.unended_starts = (*state.unended_starts[-STARTS_REMEMBERED:], ts)
    for trader in state.traders.values():
        if trader.ask is not None:  # whoever was asked when the last epoch ended, its answer is lost
            slot_ms = -1 if trader.open_slot_ms is None else trader.open_slot_ms
            release(state, trader, slot_ms, cut_off(trader), ts)


def _stopped(state: State, record: r.Stopped, ts: int, who: TraderId) -> None:
    state.unended_starts = ()


def _configured(state: State, record: r.Configured, ts: int, who: TraderId) -> None:
    state.config = record.config
    state.config_version = record.version
    for terms in record.traders:
        trader = TraderId(terms.trader)
        account = AccountId(terms.account)
        if account not in state.accounts:
            state.accounts[account] = AccountState(book=Book(account=account), fills_until_ms=ts)
            state.accounts[account].funded_until_ms = ts
        known = state.traders.get(trader)
        if known is None:
            status: Status = "running" if terms.auto_start else "stopped"
            standing = Standing(status=status, started_ms=ts)
            state.traders[trader] = TraderState(terms=terms, standing=standing)
            state.accounts[account].book.traders[trader] = Account(trader=trader)
        else:
            known.terms = terms


def _slot_opened(state: State, record: r.SlotOpened, ts: int, who: TraderId) -> None:
    trader = state.traders[who]
    trader.open_slot_ms = record.slot_ms
    trader.standing.last_slot_ms = record.slot_ms
    trader.standing.slots += 1
    if record.reserved_tokens or record.reserved_usd:
        reserve(state, trader, record)


def _slot_closed(state: State, record: r.SlotClosed, ts: int, who: TraderId) -> None:
    trader = state.traders[who]
    if trader.open_slot_ms == record.slot_ms:
        trader.open_slot_ms = None
        if trader.ask is not None:
            left = Usage(tokens=record.unsettled_tokens, usd=record.unsettled_usd)
            release(state, trader, record.slot_ms, left, ts)
    last_ms = record.slot_ms if record.until_ms is None else record.until_ms
    if last_ms > trader.standing.last_slot_ms:
        trader.standing.last_slot_ms = last_ms


def _answered(state: State, record: r.Answered, ts: int, who: TraderId) -> None:
    if record.cost_usd:
        book = state.account_of(who).book
        book.traders[who] = with_model_cost(book.traders[who], record.cost_usd)
    trader = state.traders[who]
    if record.metered:
        spend(state, trader, record, ts)
    if not (record.late or record.failure):
        trader.stand_in = record.model if record.swapped_from else ""


def _planned(state: State, record: r.Planned, ts: int, who: TraderId) -> None:
    if record.prompt_templates:
        trader, templates = state.traders[who], record.prompt_templates
        if trader.prompt is None or trader.prompt.templates != templates:
            trader.prompt = PromptInForce(version=record.prompt_version, templates=templates)


def _selected(state: State, record: r.Selected, ts: int, who: TraderId) -> None:
    state.traders[who].selection = record.selection


def _intended(state: State, record: r.Intended, ts: int, who: TraderId | None) -> None:
    trader = HOUSE if who is None else who
    account = state.accounts[record.account]
    name = record.client_order_id
    account.intents[name] = OpenIntent(trader=trader, client_order_id=name, envelope=record.envelope)
    if type(record.envelope.action) is Order:
        account.origins[name] = Origin(
            trader=trader,
            reason=_REASONS[record.cause],
            leverage=record.leverage,
            mode=record.mode,
            plan=record.plan,
            sent_ms=ts,
        )


def _reported(state: State, record: r.Reported, ts: int, who: TraderId | None) -> None:
    account = state.accounts[record.account]
    intent = account.intents.get(record.client_order_id)
    if intent is None:
        return
    match record.report:
        case Accepted() as accepted:
            intent.reported = True
            intent.unresolved = False
            action = intent.envelope.action
            if type(action) is SetLeverage:
                account.leverage[action.coin] = action.leverage
            if not accepted.resting:
                _ended(account, intent, accepted.filled_quantity)
        case Rejected():
            _ended(account, intent, ZERO)
        case Canceled(filled_quantity=filled):
            _ended(account, intent, filled)
        case Unresolved():
            intent.reported = True


def _ended(account: AccountState, intent: OpenIntent, filled: Decimal) -> None:
    """No further execution is possible: the intent goes as soon as all fills that it did have were folded."""
    intent.reported = True
    intent.unresolved = False
    intent.expected = filled
    if intent.filled >= filled or type(intent.envelope.action) is not Order:
        del account.intents[intent.client_order_id]
        if filled == 0:
            account.origins.pop(intent.client_order_id, None)


def _filled(state: State, record: r.Filled, ts: int, who: TraderId | None) -> None:
    fill = record.fill
    time_ms = fill.time_ms
    account = state.accounts[record.account]
    account.fills_seen[fill.trade_id] = time_ms
    booked_ms = time_ms if time_ms < ts else ts  # fills and hours are booked in the order of time
    if booked_ms - account.funded_until_ms >= HOUR_MS:
        account.funded_until_ms = booked_ms - booked_ms % HOUR_MS
    if time_ms > account.fills_until_ms:
        account.fills_until_ms = time_ms
        if len(account.fills_seen) > FILLS_REMEMBERED:
            _forget_old_fills(account)
    name = fill.client_order_id or ""
    origin = account.origins.get(name)
    book = account.book
    if origin is None and who is not None:
        origin = _liquidation(book.traders[who], fill, ts)
    if origin is None or origin.trader == HOUSE:
        book.house, _ = with_fill(book.house, fill, leverage=account.leverage.get(fill.coin, 1))
        return
    _fill_of_trader(state.traders[origin.trader], book, fill, origin, ts)
    intent = account.intents.get(name)
    if intent is None:
        return
    intent.filled = filled = intent.filled + fill.quantity if intent.filled else fill.quantity
    action = intent.envelope.action
    if (intent.expected is not None and filled >= intent.expected) or (
        type(action) is Order and filled >= action.quantity
    ):
        del account.intents[name]


def _liquidation(account: Account, fill: Fill, now_ms: int) -> Origin:
    """Where a fill comes from that the venue made of a trader's position without anybody's order."""
    position = account.positions[fill.coin]
    return Origin(
        trader=account.trader,
        reason="liquidation",
        leverage=position.leverage,
        mode=position.mode,
        plan=None,
        sent_ms=now_ms,
    )


def _fill_of_trader(trader: TraderState, book: Book, fill: Fill, origin: Origin, now_ms: int) -> None:
    coin = fill.coin
    plan = origin.plan
    standing = trader.standing
    before = book.traders[origin.trader]
    book.traders[origin.trader], _ = with_fill(before, fill, origin.leverage, origin.mode)
    trip, trade = follow(trader.trips.get(coin), fill, origin.leverage, origin.reason)
    if now_ms // DAY_MS != standing.day:
        _new_day(standing, now_ms)
    standing.day_turnover_usd += fill.quantity * fill.price
    standing.day_fees_usd += fill.fee_usd
    if trade is not None:
        trader.unlearned = (*trader.unlearned[1 - RECENT_TRADES :], (trade, trader.plans.get(coin)))
    if trip is None:
        del trader.trips[coin]
        trader.plans.pop(coin, None)
    else:
        trader.trips[coin] = trip
        if trade is not None or coin not in before.positions:
            standing.day_opens += 1
            if plan is not None:
                trader.plans[coin] = plan
            else:
                trader.plans.pop(coin, None)
        elif plan is not None and trip.direction == (1 if fill.side == "buy" else -1):
            trader.plans[coin] = plan
    if trade is not None:
        trader.recent_trades = (*trader.recent_trades[1 - RECENT_TRADES :], trade)
        standing.trades += 1
        standing.closed_ms[coin] = fill.time_ms
        if trade.net_usd > ZERO:
            standing.wins += 1
            standing.loss_streak = 0
        else:
            standing.loss_streak += 1


def _learned(state: State, record: r.Learned, ts: int, who: TraderId) -> None:
    trader, lesson = state.traders[who], record.lesson
    trader.unlearned = tuple(closed for closed in trader.unlearned if closed[0].trade_id != lesson.trade_id)
    trader.lessons = (*trader.lessons[1 - RECENT_TRADES :], lesson)


def _funded(state: State, record: r.Funded, ts: int, who: TraderId) -> None:
    account = state.accounts[AccountId(record.account)]
    account.funded_ms[record.coin] = record.time_ms
    account.funded_until_ms = max(account.funded_until_ms, record.time_ms - HOUR_MS)
    book = account.book
    for name, usd in record.shares.items():
        trader = TraderId(name)
        book.traders[trader] = with_funding(book.traders[trader], usd)
        trip = state.traders[trader].trips.get(record.coin)
        if trip is not None:
            state.traders[trader].trips[record.coin] = with_trip_funding(trip, usd)
    if record.house_usd:
        book.house = with_funding(book.house, record.house_usd)


def _liquidated(state: State, record: r.Liquidated, ts: int, who: TraderId) -> None:
    standing = state.traders[who].standing
    standing.status = "stopped"
    standing.reason = "liquidated"
    standing.liquidated = True


def _transferred(state: State, record: r.Transferred, ts: int, who: TraderId) -> None:
    book = state.accounts[AccountId(record.account)].book
    _move(book, record.source, -record.usd, record.source_equity_usd)
    _move(book, record.target, record.usd, record.target_equity_usd)
    if record.why == "rebalance":
        state.accounts[AccountId(record.account)].rebalanced_ms = ts
    for name in (record.source, record.target):
        trader = state.traders.get(TraderId(name))
        if trader is not None and trader.standing.day < 0:
            trader.standing.day_nav = 1.0


def _move(book: Book, name: str, usd: Decimal, equity_before: Decimal) -> None:
    if name == "venue":
        book.deposits_usd -= usd
    elif name == RESERVE:
        book.reserve_usd += usd
    elif name == HOUSE:
        book.house = with_transfer(book.house, usd, equity_before)
    else:
        trader = TraderId(name)
        book.traders[trader] = with_transfer(book.traders[trader], usd, equity_before)


def _marked(state: State, record: r.Marked, ts: int, who: TraderId) -> None:
    standing = state.traders[who].standing
    if ts // DAY_MS != standing.day:
        _new_day(standing, ts)
    standing.nav = record.nav
    standing.peak_nav = max(standing.peak_nav, record.nav)
    hour = ts // HOUR_MS
    if hour != standing.nav_hour:
        standing.nav_hour = hour
        standing.nav_hourly.append(record.nav)
        if len(standing.nav_hourly) > HOURLY_POINTS:
            del standing.nav_hourly[0]


def _new_day(standing: Standing, now_ms: int) -> None:
    standing.day = now_ms // DAY_MS
    standing.day_nav = standing.nav
    standing.day_turnover_usd = ZERO
    standing.day_fees_usd = ZERO
    standing.day_opens = 0


def _priced(state: State, record: r.Priced, ts: int, who: TraderId) -> None:
    state.prices = record.prices


def _incident(state: State, record: r.Incident, ts: int, who: TraderId | None) -> None:
    account = state.accounts.get(AccountId(record.account))
    if account is not None:
        account.incidents += 1
        account.alarms += 1 if record.severity == "critical" and record.what in TRIPPING else 0
    if record.what in BUDGET_INCIDENTS:
        note(state, None if who is None else state.traders[who], record.what, ts)


def _control(state: State, record: r.Control, ts: int, who: TraderId | None) -> None:
    if who is None:
        state.halted = record.mode if record.command == "halt" else ""
        for account in state.accounts.values():
            account.alarms_heeded = account.alarms
        return
    standing = state.traders[who].standing
    standing.reason = record.reason
    match record.command:
        case "start" | "resume":
            standing.status = "running"
            standing.liquidated = False
            standing.pause_until_ms = ts  # what came before does not count against it again
            standing.loss_streak = 0
        case "pause":
            if record.until_ms is not None:
                standing.pause_until_ms = record.until_ms
            else:
                standing.status = "paused"
        case "stop":
            standing.status = "stopping"
        case "stopped":
            standing.status = "stopped"
        case "error":
            standing.status = "error"
        case "flatten" | "halt" | "lift":
            return


def _nothing(state: State, record: Any, ts: int, who: TraderId | None) -> None:
    """Records that inform readers and change no state."""


_REASONS: dict[r.Cause, CloseReason] = {
    "decision": "decision",
    "stop": "stop_loss",
    "target": "take_profit",
    "liquidation": "liquidation",
    "operator": "operator",
    "leverage": "operator",
    "cancel": "operator",
}

# Critical incidents that nobody of ours caused: nothing is opened any more until an operator has looked.
TRIPPING = ("foreign_fill", "venue_liquidation", "quantity_drift", "money_drift")
FILLS_REMEMBERED = 4096
FILL_MEMORY_MS = 3_600_000


def _forget_old_fills(account: AccountState) -> None:
    """Fills that no read can bring again are forgotten, so that memory does not grow with history."""
    oldest = account.fills_until_ms - FILL_MEMORY_MS
    account.fills_seen = {trade: ms for trade, ms in account.fills_seen.items() if ms >= oldest}
    account.origins = {
        order: origin
        for order, origin in account.origins.items()
        if origin.sent_ms >= oldest or order in account.intents
    }


# What each kind of record said at an instant about a trader (None: the arena, or the house) does to the state.
FOLDS: dict[type[Any], Callable[[State, Any, int, Any], None]] = {
    r.Started: _started,
    r.Stopped: _stopped,
    r.Configured: _configured,
    r.Snapshot: _nothing,
    r.Observed: _nothing,
    r.SlotOpened: _slot_opened,
    r.Answered: _answered,
    r.Planned: _planned,
    r.Selected: _selected,
    r.Intended: _intended,
    r.Reported: _reported,
    r.Filled: _filled,
    r.Learned: _learned,
    r.Funded: _funded,
    r.Liquidated: _liquidated,
    r.Transferred: _transferred,
    r.SlotClosed: _slot_closed,
    r.Marked: _marked,
    r.Priced: _priced,
    r.Incident: _incident,
    r.Control: _control,
}
