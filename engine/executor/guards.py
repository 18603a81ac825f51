"""The portfolio guards: rules about how the trader has fared, which stop it from opening anything for a while."""

from decimal import Decimal
from math import isfinite

from engine.executor.case import LARGEST, Case, above, figure
from engine.executor.limits import Limits
from engine.model.account import net_asset_value
from engine.model.decision import Proposal
from engine.model.performance import HOURS_A_YEAR, returns, sharpe
from engine.model.position import ZERO
from engine.model.standing import DAY_MS, HOUR_MS, Standing

HUNDRED = Decimal(100)
LEAST_POINTS = 3  # two returns, without which there is no deviation


def equity(proposal: Proposal, case: Case) -> str | None:
    """Equity is known and above zero: every other limit is worth nothing without it."""
    found = case.context.equity_usd
    if found.is_finite() and ZERO < found <= LARGEST:
        return None
    return f"equity is {figure(found)} USD, it must be known and above zero"


def pause(proposal: Proposal, case: Case) -> str | None:
    """No pause is in force."""
    until_ms = case.context.standing.pause_until_ms
    left_ms = until_ms - case.context.now_ms
    return None if left_ms <= 0 else f"paused for another {left_ms} ms"


def turnover_per_day(proposal: Proposal, case: Case) -> str | None:
    """What was traded this UTC day, closes included, is not a large multiple of equity."""
    multiple = case.limits.max_turnover_per_day_multiple
    if multiple is None:
        return None
    found = _day_turnover_usd(case) + proposal.quantity * proposal.mark
    return above("turnover of the day", found, case.context.equity_usd * multiple)


def fees_per_day(proposal: Proposal, case: Case) -> str | None:
    """Fees of this UTC day, with those of this cycle at the taker rate, eat only a small share of equity."""
    most = case.limits.max_fees_per_day_pct
    if most is None:
        return None
    standing = case.context.standing
    paid = standing.day_fees_usd if _is_today(case) else ZERO
    traded = case.exposure.turnover_usd + proposal.quantity * proposal.mark
    found = paid + traded * case.context.account_limits.taker_fee_rate
    return above("fees of the day", found, case.context.equity_usd * most / HUNDRED)


def opens_per_day(proposal: Proposal, case: Case) -> str | None:
    """The trader does not churn: positions opened this UTC day are counted, flips included."""
    cap = case.limits.max_opens_per_day
    if cap is None or not case.is_new_position:
        return None
    found = (case.context.standing.day_opens if _is_today(case) else 0) + case.exposure.new_positions + 1
    return None if found <= cap else f"opens of the day would be {found}, the cap is {cap}"


def daily_loss(proposal: Proposal, case: Case) -> str | None:
    """Net asset value has not fallen too far since the UTC day began."""
    most = case.limits.daily_loss_limit_pct
    if most is None:
        return None
    standing = case.context.standing
    return _fallen("loss of the day", standing.day_nav if _is_today(case) else standing.nav, most, case)


def drawdown(proposal: Proposal, case: Case) -> str | None:
    """Net asset value has not fallen too far from its peak."""
    most = case.limits.max_drawdown_pct
    return None if most is None else _fallen("drawdown", case.context.standing.peak_nav, most, case)


def loss_streak(proposal: Proposal, case: Case) -> str | None:
    """The last trades were not all losses, or the pause since the last close is over; without a pause it stays shut."""
    cap = case.limits.max_loss_streak
    standing = case.context.standing
    if cap is None or standing.loss_streak < cap:
        return None
    pause_ms = case.limits.pause_ms
    last_close_ms = max(standing.closed_ms.values(), default=None)
    if pause_ms > 0 and last_close_ms is not None and case.context.now_ms >= last_close_ms + pause_ms:
        return None
    return f"losses in a row are {standing.loss_streak}, the limit is {cap}"


def sharpe_pause(standing: Standing, limits: Limits, now_ms: int) -> int | None:
    """Until when a trader has to pause (ms UTC) because its Sharpe ratio is too low; ``None`` when it need not.

    The ratio is that of hourly returns of net asset value, annualised, over at least ``sharpe_min_sample`` hours since
    the last pause: a pause that is over is not imposed again for what led to it. A value that is no number counts as
    too low; a ratio that is undefined because nothing moved does not.
    """
    threshold = limits.sharpe_pause_threshold
    if threshold is None or limits.pause_ms <= 0 or standing.pause_until_ms > now_ms:
        return None
    points = standing.nav_hourly
    if standing.pause_until_ms > 0:
        hours = (now_ms - standing.pause_until_ms) // HOUR_MS
        points = points[-(hours + 1) :]
    if len(points) < max(LEAST_POINTS, limits.sharpe_min_sample):
        return None
    until_ms = now_ms + limits.pause_ms
    if not all(isfinite(point) for point in points):
        return until_ms
    ratio = sharpe(returns(points), HOURS_A_YEAR)
    return None if ratio is None or ratio >= threshold else until_ms


def _fallen(what: str, start: float, most_pct: Decimal, case: Case) -> str | None:
    account = case.context.account
    now = float(net_asset_value(account, case.context.equity_usd)) if account.units > 0 else case.context.standing.nav
    if not (isfinite(start) and isfinite(now) and start > 0):
        return f"{what} cannot be told: net asset value went from {figure(start)} to {figure(now)}"
    found_pct = round(100 * (1 - now / start), 9)
    if found_pct < most_pct:
        return None
    return f"{what} is {figure(found_pct)} %, the limit is {figure(most_pct)} %"


def _is_today(case: Case) -> bool:
    return case.context.standing.day >= case.context.now_ms // DAY_MS


def _day_turnover_usd(case: Case) -> Decimal:
    before = case.context.standing.day_turnover_usd if _is_today(case) else ZERO
    return before + case.exposure.turnover_usd
