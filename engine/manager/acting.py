"""Acting: approved verdicts become intents, all of them before the first is sent, and the intents are sent."""

from collections.abc import Sequence

from engine.manager.desk import Desk
from engine.manager.plan import order_of
from engine.manager.record import Intended, Outcome
from engine.model.decision import Approved, Denied, Proposal, Verdict
from engine.model.order import Accepted, Canceled, Order, OrderReport, Rejected, Unresolved

Intent = tuple[int, Intended, Proposal]  # the record's sequence number, the record, what it is to bring about


def intend(verdicts: Sequence[Verdict], desk: Desk, slot_ms: int, looked_ms: int, deployment: str) -> list[Intent]:
    """Journal what is about to leave, in the order in which it was judged; ``looked_ms`` is the instant of its prices.

    Nothing is awaited here, so that whoever judges next counts all of it.
    """
    intents: list[Intent] = []
    for verdict in verdicts:
        if type(verdict) is Approved:
            proposal = verdict.proposal
            order = order_of(verdict, deployment, desk.account, desk.trader, slot_ms, len(intents))
            seq, intended = desk.gateway.intend(
                order,
                trader=desk.trader,
                client_order_id=order.client_order_id,
                cause="decision",
                reference=str(slot_ms),
                leverage=proposal.leverage,
                mode=proposal.mode,
                plan=proposal.plan,
                looked_ms=looked_ms,
            )
            intents.append((seq, intended, proposal))
    return intents


async def act(intents: Sequence[Intent], verdicts: Sequence[Verdict], desk: Desk) -> tuple[Outcome, str]:
    """Send what is intended, one after the other; how the slot ends, and what of it did not come about.

    What was to open after a close that failed is withdrawn: it was judged as if everything before it were closed.
    """
    unfilled = unclosed = ""
    try:
        for seq, intended, proposal in intents:
            if unclosed and proposal.opens:
                desk.gateway.withdraw(intended, desk.trader, unclosed)
                continue
            left = _unfilled(await desk.gateway.send(seq, intended, desk.trader), intended)
            if left:
                unfilled = left
                if proposal.closes:
                    unclosed = left
    finally:  # a cycle that breaks, or is cut off, sends no more
        for _, intended, _ in intents:
            desk.gateway.let_go(intended.client_order_id)
    outcome: Outcome = "acted" if intents else "denied" if verdicts else "held"
    return outcome, unfilled or _first_denial(verdicts)


def _unfilled(report: OrderReport, intended: Intended) -> str:
    """What of an order did not happen at once; nothing when all of it did."""
    order = intended.envelope.action
    assert type(order) is Order
    match report:
        case Accepted(filled_quantity=filled):
            return "" if filled >= order.quantity else f"{order.coin} filled: {filled} of {order.quantity}"
        case Rejected(code=code):
            return f"{order.coin} rejected: {code}"
        case Canceled(reason=reason):
            return f"{order.coin} canceled: {reason}"
        case Unresolved():
            return f"{order.coin} unresolved"


def _first_denial(verdicts: Sequence[Verdict]) -> str:
    for verdict in verdicts:
        if type(verdict) is Denied:
            return f"{verdict.symbol} denied: {verdict.rule}"
    return ""
