"""The budget: whether a model may be asked at all, how often in this slot, and when people are told."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from engine.manager.metering import ALERT, EXHAUSTED
from engine.manager.record import Incident
from engine.manager.state import State
from engine.model.ids import TraderId
from engine.model.spending import NOTHING, Spending, Usage, plus, times
from engine.model.standing import DAY_MS

ASKS_A_SLOT = 2  # the question, and once more when the reply could not be read

Scope = Literal["arena", "trader"]


class Ceiling(Struct, frozen=True, kw_only=True):
    """The most that may be used up in a UTC day; ``None`` is no limit."""

    tokens: int | None = None
    usd: Decimal | None = None


class Allowance(Struct, frozen=True, kw_only=True):
    """What a trader's model may use up: within the day of the whole arena, and within the trader's own.

    ``worst_cases`` tells, for messages of so many bytes, the most that one call may use, by each model that may answer:
    the first for whichever does, then for the cheaper ones alone. At ``alert_pct`` percent of a ceiling somebody is
    told; at the ceiling nobody is asked any more if it is ``strict``.
    """

    worst_cases: Callable[[int], Sequence[Usage]]
    arena: Ceiling = Ceiling()
    trader: Ceiling = Ceiling()
    alert_pct: Decimal = Decimal(80)
    strict: bool = True


class Permit(Struct, frozen=True, kw_only=True):
    """How many calls this slot may make, and the most that each of them may use; ``why`` there may be none."""

    asks: int
    ask: Usage
    why: str = ""


def permit(state: State, who: TraderId, allowance: Allowance, worst_cases: Sequence[Usage], now_ms: int) -> Permit:
    """Whether the worst case of a call still fits below every ceiling, twice or at least once.

    Where that of the dearest model does not, that of a cheaper one may: ``ask`` says how dear a model may be then.

    What a call may use is counted before it is made, and calls under way are counted as well: so a strict ceiling is
    never passed, however many traders ask at the same time.
    """
    why, ask = "", NOTHING
    for ask in worst_cases:
        for asks in range(ASKS_A_SLOT, 0, -1):
            why = _lacking(state, who, allowance, times(asks, ask), now_ms) if allowance.strict else ""
            if not why:
                return Permit(asks=asks, ask=ask)
    return Permit(asks=0, ask=ask, why=why)


def set_aside(state: State, who: TraderId, usd: Decimal) -> bool:
    """Whether a call that may cost so much is within what the trader's open slot has set aside for each of its calls.

    Where nothing is set aside nothing is counted.
    """
    trader = state.traders.get(who)
    return trader is None or trader.ask is None or usd <= trader.ask.usd


def _lacking(state: State, who: TraderId, allowance: Allowance, wanted: Usage, now_ms: int) -> str:
    """What stands against using so much more; empty when nothing does."""
    for scope, spending, ceiling in _scopes(state, who, allowance):
        gone = spending.gone(now_ms)
        if _fits(gone, wanted, ceiling):
            continue
        whose = f"{who} may" if scope == "trader" else "all models together may"
        in_usd = ceiling.usd is not None and gone.usd + wanted.usd > ceiling.usd
        limit, unit = (ceiling.usd, "USD") if in_usd else (ceiling.tokens, "tokens")
        left, most = (gone.usd, wanted.usd) if in_usd else (gone.tokens, wanted.tokens)
        return f"{whose} use {limit} {unit} a day, {left} are gone and asking may take {most}"
    return ""


def _fits(gone: Usage, wanted: Usage, ceiling: Ceiling) -> bool:
    return (ceiling.usd is None or gone.usd + wanted.usd <= ceiling.usd) and (
        ceiling.tokens is None or gone.tokens + wanted.tokens <= ceiling.tokens
    )


def alarms(
    state: State, who: TraderId, account: str, allowance: Allowance, ask: Usage, now_ms: int
) -> Iterator[tuple[Incident, TraderId | None]]:
    """What has to be said about budgets now and was not said yet today: the incident, and the trader if it is its own.

    An alert when the share of a ceiling is reached; an end when not one more call fits below it, whatever those under
    way turn out to cost, or, where nobody is refused, when it is passed.
    """
    for scope, spending, ceiling in _scopes(state, who, allowance):
        today = now_ms // DAY_MS <= spending.day
        used = plus(spending.used, spending.unsettled) if today else NOTHING
        alerted, exhausted = (spending.alerted, spending.exhausted) if today else (False, False)
        whom = who if scope == "trader" else None
        share = _share_pct(used, ceiling)
        told = f"{_used(used, ceiling)} ({share:.1f} %) of {'its' if whom else 'the'} daily budget"
        if share >= allowance.alert_pct and not alerted:
            yield Incident(account=account, what=ALERT, detail=f"{told} are used up"), whom
        ended = not _fits(used, ask, ceiling) if allowance.strict else share > 100
        if ended and not exhausted:
            then = "no further call fits into the rest" if allowance.strict else "nothing is refused"
            detail = f"{told} are used up; {then}"
            yield Incident(account=account, what=EXHAUSTED, detail=detail, severity="critical"), whom


def _scopes(state: State, who: TraderId, allowance: Allowance) -> Iterator[tuple[Scope, Spending, Ceiling]]:
    yield "arena", state.spending, allowance.arena
    yield "trader", state.traders[who].spending, allowance.trader


def _share_pct(used: Usage, ceiling: Ceiling) -> Decimal:
    """How much of the ceiling is used, of tokens and dollars the larger share; in percent, 0 without a ceiling."""
    shares = [Decimal(0)]
    if ceiling.usd is not None:
        shares.append(100 * used.usd / ceiling.usd)
    if ceiling.tokens is not None:
        shares.append(Decimal(100 * used.tokens) / ceiling.tokens)
    return max(shares)


def _used(used: Usage, ceiling: Ceiling) -> str:
    parts = []
    if ceiling.usd is not None:
        parts.append(f"{used.usd} of {ceiling.usd} USD")
    if ceiling.tokens is not None:
        parts.append(f"{used.tokens} of {ceiling.tokens} tokens")
    return " and ".join(parts)
