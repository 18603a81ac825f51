"""Decisions and proposals: what opens, what closes, and what is held afterwards."""

from decimal import Decimal
from typing import get_args

import msgspec
import pytest

from engine.model.decision import Approved, Decision, Proposal, Signal
from engine.model.order import Side
from tests.model.fills import exact


def a_proposal(side: Side, quantity: int, *, held: int, closes: int) -> Proposal:
    return Proposal(
        decision=Decision(symbol="BTC", signal="close"),
        coin="BTC",
        side=side,
        quantity=Decimal(quantity),
        closes=Decimal(closes),
        held=Decimal(held),
        mark=Decimal(100),
        limit_price=Decimal(101),
        style="market_ioc",
        leverage=5,
    )


def test_entering_opens_and_nothing_else_does() -> None:
    opens = {signal: Decision(symbol="BTC", signal=signal).opens for signal in get_args(Signal)}

    assert opens == {"buy_to_enter": True, "sell_to_enter": True, "hold": False, "close": False}


@pytest.mark.parametrize(
    ("side", "quantity", "held", "closes", "opened", "after"),
    [
        ("buy", 3, 0, 0, 3, 3),
        ("sell", 3, 0, 0, 3, -3),
        ("buy", 3, 2, 0, 3, 5),
        ("sell", 1, 2, 1, 0, 1),
        ("sell", 2, 2, 2, 0, 0),
        ("sell", 5, 2, 2, 3, -3),  # flips
        ("buy", 5, -2, 2, 3, 3),
    ],
)
def test_a_proposal_knows_what_it_opens_and_what_it_leads_to(
    side: Side, quantity: int, held: int, closes: int, opened: int, after: int
) -> None:
    proposal = a_proposal(side, quantity, held=held, closes=closes)

    assert (proposal.opens, proposal.after) == exact(opened, after)


def test_what_was_approved_cannot_be_changed_afterwards() -> None:
    approved = Approved(proposal=a_proposal("buy", 3, held=0, closes=0))

    with pytest.raises(AttributeError, match="immutable"):
        approved.proposal.quantity = Decimal(300)  # type: ignore[misc]

    assert msgspec.json.decode(msgspec.json.encode(approved), type=Approved) == approved
