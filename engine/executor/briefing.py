"""The briefing: what one slot's context says to a model, number by number, ready to be laid out by a template."""

from collections.abc import Container, Mapping
from decimal import Decimal
from functools import lru_cache
from math import isfinite

from msgspec import Struct, structs

from engine.executor.context import Context
from engine.executor.figures import Quoted, figures, instant, minutes, percent, quoted, series, span, usd
from engine.executor.foreign import coin_name
from engine.executor.limits import Limits
from engine.executor.retrospect import RetrospectBrief, TradeBrief, closed_trades, retrospect
from engine.executor.template import PromptError
from engine.model.account import account_liquidation_price, margin_used_usd, net_asset_value
from engine.model.market import Column, MarketSnapshot, Window
from engine.model.performance import HOURS_A_YEAR, returns, sharpe
from engine.model.position import Position, unrealized_usd
from engine.model.standing import DAY_MS

POINTS = 10  # values of an intraday series
VOLUME_BARS = 20  # bars of an average volume


class MarketBrief(Struct, frozen=True, kw_only=True):
    """What the market says of a coin. Series run from the oldest to the newest value; ``None`` where there are none."""

    name: str
    mark: str
    mid: str
    change_1h: str | None
    change_4h: str | None
    funding: str | None
    open_interest: str | None
    open_interest_average: str | None
    day_volume_usd: str | None
    closes: str | None
    ema20: str | None
    macd: str | None
    rsi7: str | None
    rsi14: str | None
    long_ema20: str | None
    long_ema50: str | None
    long_atr3: str | None
    long_atr14: str | None
    long_volume: str | None
    long_volume_average: str | None
    long_macd: str | None
    long_rsi14: str | None


class CoinBrief(MarketBrief, frozen=True, kw_only=True):
    """One coin that the trader may trade, and on what terms."""

    max_leverage: int
    lot: str
    min_notional_usd: str
    resting_until: str | None


class AccountBrief(Struct, frozen=True, kw_only=True):
    """The trader's own account; ``sharpe`` is ``None`` as long as there is too little to tell."""

    equity_usd: str
    cash_usd: str
    margin_used_usd: str | None
    margin_used_pct: str | None
    margin_free_usd: str | None
    return_pct: str
    sharpe: str | None
    fees_usd: str
    funding_usd: str
    opens_today: int
    turnover_today_usd: str
    fees_today_usd: str
    trades: int
    wins: int
    loss_streak: int


class PositionBrief(Struct, frozen=True, kw_only=True):
    """One open position. The three percentages are positive when the position gains, for shorts as for longs.

    From ``stop_loss`` on it is the exit plan; ``confidence_pct`` is what was stated at entry, in percent.
    """

    coin: str
    side: str
    quantity: str
    leverage: int
    entry: str
    minutes: str
    mark: str | None
    unrealized_usd: str | None
    move_pct: str | None
    on_margin_pct: str | None
    on_equity_pct: str | None
    liquidation: str | None
    stop_loss: str | None
    profit_target: str | None
    risk_usd: str | None
    confidence_pct: str | None
    invalidation: Quoted | None


class Briefing(Struct, frozen=True, kw_only=True):
    """All that a template may print."""

    trader: Quoted
    time: str
    minutes_trading: str
    decision_number: int
    decision_interval: str
    series_interval: str
    long_interval: str
    limits: Limits
    taker_fee_pct: str
    account: AccountBrief
    coins: tuple[CoinBrief, ...]
    positions: tuple[PositionBrief, ...]
    trades: tuple[TradeBrief, ...]
    retrospect: RetrospectBrief | None


def prompt_columns(series_interval_ms: int, long_interval_ms: int, lacks: Container[str] = ()) -> tuple[Column, ...]:
    """The columns that a briefing reads, for the market to be told beforehand; ``lacks`` are fields it never has."""
    volume = () if "volume" in lacks else _volume_columns(long_interval_ms)
    return (*_series_columns(series_interval_ms), *_long_columns(long_interval_ms), *volume)


def brief(context: Context, series_interval_ms: int, long_interval_ms: int) -> Briefing:
    """What the context says. Raises ``PromptError`` for a coin that no reply could name, or an undeclared column."""
    standing = context.standing
    coins = [_coin(context, coin, series_interval_ms, long_interval_ms) for coin in context.coins]
    return Briefing(
        trader=quoted(context.trader, 60),
        time=instant(context.now_ms),
        minutes_trading=minutes(max(0, context.now_ms - standing.started_ms) if standing.started_ms else 0),
        decision_number=standing.slots + 1,
        decision_interval=span(context.interval_ms),
        series_interval=span(series_interval_ms),
        long_interval=span(long_interval_ms),
        limits=context.limits,
        taker_fee_pct=figures(100 * context.account_limits.taker_fee_rate),
        account=_account(context),
        coins=tuple(coin for coin in coins if coin is not None),
        positions=tuple(_position(context, held) for held in context.account.positions.values()),
        trades=closed_trades(context.recent_trades, context.lessons),
        retrospect=retrospect(context.lessons),
    )


def _series_columns(interval_ms: int) -> tuple[Column, ...]:
    return (
        Column("close", 0, interval_ms),
        Column("ema", 20, interval_ms),
        Column("macd", 0, interval_ms),
        Column("rsi", 7, interval_ms),
        Column("rsi", 14, interval_ms),
    )


def _long_columns(interval_ms: int) -> tuple[Column, ...]:
    return (
        Column("ema", 20, interval_ms),
        Column("ema", 50, interval_ms),
        Column("atr", 3, interval_ms),
        Column("atr", 14, interval_ms),
        Column("macd", 0, interval_ms),
        Column("rsi", 14, interval_ms),
    )


def _volume_columns(interval_ms: int) -> tuple[Column, ...]:
    return (Column("volume", 0, interval_ms), Column("volume_average", VOLUME_BARS, interval_ms))


def _coin(context: Context, coin: str, series_interval_ms: int, long_interval_ms: int) -> CoinBrief | None:
    market = _market(context.market, coin, series_interval_ms, long_interval_ms)
    if market is None:
        return None
    instrument = context.instruments[coin]
    return CoinBrief(
        **structs.asdict(market),
        max_leverage=min(instrument.max_leverage, context.limits.leverage_cap(coin)),
        lot=f"{instrument.lot:f}",
        min_notional_usd=figures(instrument.min_notional_usd),
        resting_until=_resting_until(context, coin),
    )


@lru_cache(maxsize=64)
def _market(market: MarketSnapshot, name: str, series_interval_ms: int, long_interval_ms: int) -> MarketBrief | None:
    """What the market says of a coin, which is the same for every trader that looks at this snapshot of it."""
    coin = market.coin(name)
    if coin is None:
        return None
    window = market.window(name)
    closes, ema20, macd, rsi7, rsi14 = (_row(window, column) for column in _series_columns(series_interval_ms))
    *averages, macd_column, rsi_column = _long_columns(long_interval_ms)
    long_ema20, long_ema50, long_atr3, long_atr14 = (_row(window, column, 1) for column in averages)
    volumes = _volume_columns(long_interval_ms) if coin.volume is not None else ()
    volume, volume_average = [_row(window, column, 1) for column in volumes] or (None, None)
    return MarketBrief(
        name=coin_name(name),
        mark=figures(coin.mark, 8),
        mid=figures(coin.mid, 8),
        change_1h=None if coin.change_1h is None else percent(100 * coin.change_1h),
        change_4h=None if coin.change_4h is None else percent(100 * coin.change_4h),
        funding=None if coin.funding_rate is None else f"{100 * coin.funding_rate:+.5f} %",
        open_interest=_number(coin.open_interest),
        open_interest_average=_number(coin.open_interest_average),
        day_volume_usd=_number(coin.day_volume_usd),
        closes=closes,
        ema20=ema20,
        macd=macd,
        rsi7=rsi7,
        rsi14=rsi14,
        long_ema20=long_ema20,
        long_ema50=long_ema50,
        long_atr3=long_atr3,
        long_atr14=long_atr14,
        long_volume=volume,
        long_volume_average=volume_average,
        long_macd=_row(window, macd_column),
        long_rsi14=_row(window, rsi_column),
    )


def _row(window: Window | None, column: Column, count: int = POINTS) -> str | None:
    """The last values of a column; ``None`` before the first one is warm."""
    if window is None:
        return None
    try:
        values = [value for value in window.last(column, count) if isfinite(value)]
    except KeyError as error:
        raise PromptError(f"the market was not told that prompts read {column}") from error
    return series(values, 3 if column.indicator == "rsi" else 6) if values else None


def _number(value: float | None) -> str | None:
    return None if value is None else figures(value)


def _resting_until(context: Context, coin: str) -> str | None:
    closed_ms, cooldown_ms = context.standing.closed_ms.get(coin), context.limits.cooldown_ms
    if closed_ms is None or cooldown_ms is None or closed_ms + cooldown_ms <= context.now_ms:
        return None
    return instant(closed_ms + cooldown_ms)


def _account(context: Context) -> AccountBrief:
    account, standing, equity = context.account, context.standing, context.equity_usd
    marks = _marks(context)
    margin = margin_used_usd(account, marks.__getitem__) if marks is not None else None
    hourly = returns(standing.nav_hourly)
    ratio = sharpe(hourly, HOURS_A_YEAR) if len(hourly) >= context.limits.sharpe_min_sample else None
    today = standing.day == context.now_ms // DAY_MS
    return AccountBrief(
        equity_usd=usd(equity),
        cash_usd=usd(account.cash_usd),
        margin_used_usd=None if margin is None else usd(margin),
        margin_used_pct=None if margin is None or equity <= 0 else f"{100 * margin / equity:.1f} %",
        margin_free_usd=None if margin is None else usd(max(equity - margin, Decimal(0))),
        return_pct=percent(100 * (net_asset_value(account, equity) - 1)) if account.units > 0 else percent(0),
        sharpe=None if ratio is None else f"{ratio:.2f}",
        fees_usd=usd(account.fees_usd),
        funding_usd=f"{account.funding_usd:+.2f}",
        opens_today=standing.day_opens if today else 0,
        turnover_today_usd=usd(standing.day_turnover_usd if today else 0),
        fees_today_usd=usd(standing.day_fees_usd if today else 0),
        trades=standing.trades,
        wins=standing.wins,
        loss_streak=standing.loss_streak,
    )


def _marks(context: Context) -> Mapping[str, Decimal] | None:
    """The marks of all coins held; ``None`` when one is missing, for then nothing about the whole is known."""
    marks = {coin: context.market.mark(coin) for coin in context.account.positions}
    known = {coin: mark for coin, mark in marks.items() if mark is not None}
    return known if len(known) == len(marks) else None


def _position(context: Context, held: Position) -> PositionBrief:
    mark = context.market.mark(held.coin)
    marks = _marks(context)
    plan = context.plans.get(held.coin)
    unrealized = move = on_margin = on_equity = liquidation = None
    if mark is not None:
        profit = unrealized_usd(held, mark)
        share = 100 * profit / abs(held.cost_usd)
        unrealized = f"{profit:+.2f}"
        move, on_margin = percent(share), percent(share * held.leverage)
        on_equity = percent(100 * profit / context.equity_usd) if context.equity_usd > 0 else None
    if marks is not None:
        price = account_liquidation_price(context.account, held.coin, marks.__getitem__, context.instruments)
        liquidation = "none" if price is None else figures(price, 6)
    return PositionBrief(
        coin=coin_name(held.coin),
        side="long" if held.is_long else "short",
        quantity=f"{abs(held.quantity):f}",
        leverage=held.leverage,
        entry=figures(held.entry_price, 8),
        minutes=minutes(context.now_ms - held.opened_ms),
        mark=None if mark is None else figures(mark, 8),
        unrealized_usd=unrealized,
        move_pct=move,
        on_margin_pct=on_margin,
        on_equity_pct=on_equity,
        liquidation=liquidation,
        stop_loss=None if plan is None or plan.stop_loss is None else figures(plan.stop_loss, 8),
        profit_target=None if plan is None or plan.profit_target is None else figures(plan.profit_target, 8),
        risk_usd=None if plan is None or plan.risk_usd is None else usd(plan.risk_usd),
        confidence_pct=None if plan is None or plan.confidence is None else f"{100 * plan.confidence:.0f}",
        invalidation=quoted(plan.invalidation_condition) if plan is not None and plan.invalidation_condition else None,
    )
