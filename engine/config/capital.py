"""Capital: what each trader starts with, what is kept in reserve, and what each venue account must hold."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from engine.config.exchange import Exchange, SimExchange
from engine.config.limits import account_limits
from engine.config.manager import Capital, TraderEntry
from engine.config.noted import Noted
from engine.config.settings import AccountSettings, TraderSettings
from engine.model.ids import AccountId

CENT = Decimal("0.01")
HUNDRED = Decimal(100)
TOLERANCE_PCT = Decimal("0.000001")
_PERFORMANCE_ONLY = {
    "allocation_floor_pct": Capital().allocation_floor_pct,
    "allocation_cap_pct": Capital().allocation_cap_pct,
    "allocation_hysteresis_pct": Capital().allocation_hysteresis_pct,
    "allocation_min_trades": Capital().allocation_min_trades,
}


def shares_pct(capital: Capital, traders: Sequence[TraderEntry], noted: Noted) -> list[Decimal]:
    """Each trader's share of the total in percent: equal parts of what the reserve leaves, or what is written."""
    available = HUNDRED - capital.reserve_equity_pct
    if capital.allocation_strategy == "equal":
        for index, trader in enumerate(traders):
            if trader.allocation_pct:
                noted("manager", f"traders[{index}].allocation_pct", "has no effect with equal parts; leave it out")
        return [available / len(traders)] * len(traders)
    for index, trader in enumerate(traders):
        if not trader.allocation_pct:
            noted("manager", f"traders[{index}].allocation_pct", "is 0 or missing: a trader needs capital")
    total = sum((trader.allocation_pct for trader in traders), Decimal(0))
    if total > available + TOLERANCE_PCT:
        noted(
            "manager",
            "traders",
            f"have allocation_pct of {total} together; the reserve of {capital.reserve_equity_pct} leaves {available}",
        )
    return [trader.allocation_pct for trader in traders]


def capital_usd(capital: Capital, share_pct: Decimal) -> Decimal:
    """A share of the total equity, rounded down to the cent."""
    total = capital.total_equity_usd or Decimal(0)
    return (total * share_pct / HUNDRED).quantize(CENT, rounding=ROUND_DOWN)


def check_capital(capital: Capital, noted: Noted) -> None:
    """Fault what is missing or has no effect in the block ``manager``."""
    if capital.total_equity_usd is None:
        noted("manager", "manager.total_equity_usd", "is missing: capital has no default")
    if capital.allocation_strategy != "performance_based":
        for key, default in _PERFORMANCE_ONLY.items():
            if getattr(capital, key) != default:
                noted(
                    "manager", f"manager.{key}", f"has no effect with allocation_strategy {capital.allocation_strategy}"
                )
    elif capital.allocation_floor_pct > capital.allocation_cap_pct:
        noted(
            "manager",
            "manager.allocation_floor_pct",
            f"is {capital.allocation_floor_pct}, above allocation_cap_pct of {capital.allocation_cap_pct}",
        )


def accounts_in_use(
    capital: Capital, traders: Sequence[TraderSettings], exchanges: Mapping[str, Exchange], noted: Noted
) -> tuple[AccountSettings, ...]:
    """The venue accounts that traders share. What nobody is given is their reserve, in proportion."""
    allotted = sum((trader.capital_usd for trader in traders), Decimal(0))
    unallotted = max((capital.total_equity_usd or Decimal(0)) - allotted, Decimal(0))
    accounts = []
    for name in dict.fromkeys(trader.account for trader in traders):
        provider = exchanges[name]
        assert isinstance(provider, SimExchange), name
        sharing = [trader for trader in traders if trader.account == name]
        needed = sum((trader.capital_usd for trader in sharing), Decimal(0))
        reserve = (unallotted * needed / allotted).quantize(CENT, rounding=ROUND_DOWN) if allotted else Decimal(0)
        written = provider.sim.initial_balance_usd
        if written is not None and written < needed:
            noted(
                "exchange",
                f"providers.{name}.sim.initial_balance_usd",
                f"is {written}; its traders start with {needed} together",
            )
        accounts.append(
            AccountSettings(
                id=AccountId(name),
                provider=provider,
                market=sharing[0].market,
                traders=tuple(trader.id for trader in sharing),
                limits=account_limits(provider),
                capital_usd=needed,
                initial_balance_usd=needed + reserve if written is None else written,
            )
        )
    return tuple(accounts)
