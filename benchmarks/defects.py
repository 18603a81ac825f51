"""Planted defects: one each in risk, plan, gateway, book and venue, by which a shortcut around any of them shows."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from engine.exchange.sim.costs import Costs
from engine.executor import risk
from engine.executor.case import Case
from engine.manager import fold, plan
from engine.manager.gateway import Gateway
from engine.manager.record import Intended
from engine.model.account import Account, with_fill
from engine.model.decision import Proposal
from engine.model.ids import TraderId
from engine.model.instrument import Instrument, round_quantity_down
from engine.model.order import Fill

Planted = Callable[[], AbstractContextManager[Any]]


@contextmanager
def in_risk() -> Iterator[None]:
    """A rule too many: no purchase of BTC."""

    def planted(proposal: Proposal, case: Case) -> str | None:
        return "planted" if (proposal.coin, proposal.side) == ("BTC", "buy") else None

    rule = risk.Rule(planted, lambda limits, account: True)
    with patch.object(risk, "RULES", (*risk.RULES, rule)):
        yield


@contextmanager
def in_plan() -> Iterator[None]:
    """Sizes come out one lot too small."""

    def too_small(quantity: Decimal, instrument: Instrument) -> Decimal:
        return max(Decimal(0), round_quantity_down(quantity, instrument) - instrument.lot)

    with patch.object(plan, "round_quantity_down", too_small):
        yield


@contextmanager
def in_gateway() -> Iterator[None]:
    """Sales of ETH are refused at the door."""
    sound = Gateway._fault

    def faulty(self: Gateway, intended: Intended, trader: TraderId) -> str | None:
        action = intended.envelope.action
        if (action.coin, getattr(action, "side", "")) == ("ETH", "sell"):
            return "planted"
        return sound(self, intended, trader)

    with patch.object(Gateway, "_fault", faulty):
        yield


@contextmanager
def in_book() -> Iterator[None]:
    """Fees are booked twice."""

    def twice(account: Account, fill: Fill, *terms: Any, **named: Any) -> tuple[Account, Decimal]:
        return with_fill(account, replace(fill, fee_usd=2 * fill.fee_usd), *terms, **named)

    with patch.object(fold, "with_fill", twice):
        yield


@contextmanager
def in_venue() -> Iterator[None]:
    """The venue charges nothing."""
    with patch.object(Costs, "fee_usd", lambda self, quantity, price, liquidity: Decimal(0)):
        yield


DEFECTS: dict[str, Planted] = {
    "risk": in_risk,
    "plan": in_plan,
    "gateway": in_gateway,
    "book": in_book,
    "venue": in_venue,
}
