"""Pre-trade risk: proposals go in, verdicts come out, and whatever is not known to be within every limit is denied."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from engine.executor import caps, guards, rules
from engine.executor.case import Case, Exposure
from engine.executor.context import Context
from engine.executor.guards import sharpe_pause
from engine.executor.limits import AccountLimits, Limits
from engine.model.decision import Approved, Denied, Proposal, Verdict
from engine.model.market import Column

Check = Callable[[Proposal, Case], str | None]


def judge(proposals: Sequence[Proposal], context: Context) -> list[Verdict]:
    """A verdict on each proposal, in order, each as if the approved ones before it were already done.

    Closing is exempt from the rules about opening: where only the opening part of a flip is denied, the denial is
    followed by an approval of its closing part. Raises nothing: what cannot be computed is denied.
    """
    active = _active_rules(context.limits, context.account_limits)
    exposure = Exposure(context)
    verdicts: list[Verdict] = []
    last = len(proposals) - 1
    for place, proposal in enumerate(proposals):
        case = Case(proposal, context, exposure)
        denied = _first_denial(proposal, case, active.closing)
        approved = proposal if denied is None else None
        if denied is None and (opens := proposal.opens):
            case.open(opens)
            has_exits = case.stop is not None or case.target is not None
            denied = _first_denial(proposal, case, active.opening if has_exits else active.opening_without_exits)
            if denied is not None:
                closes = proposal.closes > 0
                approved = replace(proposal, quantity=proposal.closes, plan=None) if closes else None
        if denied is not None:
            verdicts.append(denied)
        if approved is not None:
            verdicts.append(Approved(proposal=approved))
            if place < last:
                exposure.take(approved)
    return verdicts


class Rule(Struct, frozen=True):
    """One pre-trade rule: its check, whether limits switch it on, and whether closing has to pass it too.

    A rule about ``exits`` has nothing to say where a position will have neither stop nor target.
    """

    check: Check
    active: Callable[[Limits, AccountLimits], bool]
    closing: bool = False
    exits: bool = False

    @property
    def name(self) -> str:
        """The name that a denial carries."""
        return self.check.__name__


def _always(limits: Limits, account: AccountLimits) -> bool:
    return True


def _when(*fields: str) -> Callable[[Limits, AccountLimits], bool]:
    """Active when one of these limits is set."""

    def is_set(limits: Limits, account: AccountLimits) -> bool:
        return any(getattr(limits, field) is not None for field in fields)

    return is_set


# In the order in which they are asked: what makes a proposal sane at all, then the cheap, then the dear.
RULES: tuple[Rule, ...] = (
    Rule(rules.quantity, _always, closing=True),
    Rule(rules.price, _always, closing=True),
    Rule(rules.held_position, _always, closing=True),
    Rule(rules.side, _always, closing=True),
    Rule(guards.equity, _always),
    Rule(rules.symbol_allowed, _always),
    Rule(guards.pause, _always),
    Rule(rules.snapshot_fresh, _always),
    Rule(rules.price_band, _always),
    Rule(rules.cooldown, _when("cooldown_ms")),
    Rule(rules.confidence, _when("min_confidence")),
    Rule(rules.leverage, _always),
    Rule(rules.stop_present, lambda limits, _: limits.stop_loss_enabled),
    Rule(rules.target_present, lambda limits, _: limits.take_profit_enabled),
    Rule(rules.stop_side, _always, exits=True),
    Rule(rules.target_side, _always, exits=True),
    Rule(rules.risk_reward, _when("min_risk_reward_ratio")),
    Rule(rules.fee_viability, _when("min_edge_over_fees")),
    Rule(rules.minimum_notional, _always),
    Rule(rules.trade_size, _when("max_trade_size_usd")),
    Rule(rules.risk_per_trade, _when("max_risk_per_trade_pct")),
    Rule(rules.liquidity, _when("liquidity_threshold_usd")),
    Rule(caps.max_positions, _always),
    Rule(caps.new_positions_per_cycle, _when("max_new_positions_per_cycle")),
    Rule(caps.position_size, _always),
    Rule(
        caps.value_band,
        _when(
            "btceth_position_value_min_equity_multiple",
            "btceth_position_value_max_equity_multiple",
            "alt_position_value_min_equity_multiple",
            "alt_position_value_max_equity_multiple",
        ),
    ),
    Rule(guards.opens_per_day, _when("max_opens_per_day")),
    Rule(guards.turnover_per_day, _when("max_turnover_per_day_multiple")),
    Rule(guards.fees_per_day, _when("max_fees_per_day_pct")),
    Rule(guards.daily_loss, _when("daily_loss_limit_pct")),
    Rule(guards.drawdown, _when("max_drawdown_pct")),
    Rule(guards.loss_streak, _when("max_loss_streak")),
    Rule(caps.margin_usage, _when("max_margin_usage_pct")),
    Rule(rules.stop_before_liquidation, _always, exits=True),
    Rule(caps.coin_lease, lambda _, account: account.policy == "exclusive"),
    Rule(caps.trader_notional, _when("max_trader_notional_usd")),
    Rule(caps.coin_notional, lambda _, account: account.max_coin_notional_usd is not None),
    Rule(caps.account_notional, lambda _, account: account.max_account_notional_usd is not None),
    Rule(caps.correlated_positions, _when("max_correlated_positions")),
)


def columns(limits: Limits) -> tuple[Column, ...]:
    """The columns that these limits need from the market provider."""
    return (caps.CLOSES,) if limits.max_correlated_positions is not None else ()


Named = tuple[tuple[str, Check], ...]
_KEPT = 4096
_active: dict[tuple[int, int], "ActiveRules"] = {}


class ActiveRules(Struct, frozen=True, gc=False):
    """What limits switch on, in order: for what closes, for what opens, and for what opens with no exits planned."""

    limits: Limits
    account: AccountLimits
    closing: Named
    opening: Named
    opening_without_exits: Named


def _active_rules(limits: Limits, account: AccountLimits) -> ActiveRules:
    """The rules that these limits switch on.

    Kept by identity, because hashing the limits would cost more than most rules; an entry holds its limits, so that
    their identities are not given to others.
    """
    found = _active.get((id(limits), id(account)))
    if found is None:
        chosen = [rule for rule in RULES if rule.active(limits, account)]
        found = ActiveRules(
            limits,
            account,
            closing=tuple((rule.name, rule.check) for rule in chosen if rule.closing),
            opening=tuple((rule.name, rule.check) for rule in chosen if not rule.closing),
            opening_without_exits=tuple(
                (rule.name, rule.check) for rule in chosen if not rule.closing and not rule.exits
            ),
        )
        if len(_active) >= _KEPT:
            _active.clear()
        _active[id(limits), id(account)] = found
    return found


def _first_denial(proposal: Proposal, case: Case, checks: Named) -> Denied | None:
    for name, check in checks:
        try:
            detail = check(proposal, case)
        except (ArithmeticError, ValueError) as error:  # Decimal neither compares nor converts what is no number
            detail = f"cannot be told, a number is missing or not finite ({type(error).__name__})"
        if detail is not None:
            decision = proposal.decision
            return Denied(symbol=decision.symbol, signal=decision.signal, rule=name, detail=detail)
    return None


__all__ = ["RULES", "Rule", "columns", "judge", "sharpe_pause"]
