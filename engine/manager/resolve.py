"""Resolution of orders whose outcome is unknown: never guessed about, never sent again, ended by evidence alone."""

from typing import Literal

import structlog

from engine.manager.border import believed
from engine.manager.gateway import Gateway
from engine.manager.ports import VenueUnreachable
from engine.manager.record import Reported
from engine.manager.recorder import Recorder
from engine.manager.state import OpenIntent
from engine.model.ids import HOUSE
from engine.model.order import Accepted, Cancel, Canceled, Order, OrderReport, Rejected, SetLeverage, Unresolved

Ending = Literal["never", "ended"]  # an order was never accepted, or is over with what is known to be filled

log = structlog.get_logger()

GRACE_MS = 45_000  # a venue's answers may lag behind its own clock by this much
CONSUMED_GRACE_MS = (
    1_800_000  # the same after the nonce was found used: by the order, or by a no-op whose answer was lost
)
ENDS_AT_ONCE = ("market_ioc", "limit_ioc")
ABSENCES = 2  # reads after that moment which must agree that there is no such order


async def resolve(gateway: Gateway, recorder: Recorder) -> int:
    """Ask about every intent that has not ended; how many outcomes are still unknown afterwards.

    Until then (account, coin) is locked for the trader, and risk counts the order at its worst. Evidence is, in this
    order: the venue's status of the order or its fills; the nonce fence (a no-op on the order's own nonce was accepted,
    so the order can never be); the end of the envelope's validity by the venue's clock, with a grace, after which two
    reads of status and fills find nothing.
    """
    account = recorder.state.accounts[gateway.account]
    try:
        await gateway.collect()
        for intent in list(account.intents.values()):
            if intent.client_order_id in gateway.in_flight or intent.client_order_id in gateway.in_hand:
                continue  # whoever sends it has yet to do so, or still waits for the answer
            found = await _evidence(gateway, intent)
            if found is None or intent.client_order_id not in account.intents:
                continue
            report, evidence = found
            gateway.absences.pop(intent.client_order_id, None)
            gateway.settled_ms.pop(intent.client_order_id, None)
            recorder.say(
                Reported(
                    account=gateway.account,
                    client_order_id=intent.client_order_id,
                    report=report,
                    evidence=evidence,
                ),
                None if intent.trader == HOUSE else intent.trader,
            )
        await gateway.collect()
    except VenueUnreachable as failure:  # nothing new is known: everything stays as it is
        log.info("venue cannot be asked", account=gateway.account, why=str(failure))
    return sum(1 for intent in account.intents.values() if intent.unresolved)


def settle(gateway: Gateway, recorder: Recorder, intent: OpenIntent, ending: Ending, evidence: str) -> str:
    """End an order on the word of an operator, who has looked at the venue; why that cannot be, or nothing.

    Should an order be filled that was never accepted, the fill is the house's, like every one that nobody explains.
    """
    name = intent.client_order_id
    if name in gateway.in_flight or name in gateway.in_hand:
        return f"{name} is under way, and its answer is waited for"
    if ending == "never" and intent.filled:
        return f"{name} was accepted: {intent.filled} of it is filled; it may have ended"
    report: OrderReport = Rejected(code="never_accepted", detail="on an operator's word")
    if ending == "ended":
        report = Canceled(reason="on an operator's word", filled_quantity=intent.filled)
    gateway.absences.pop(name, None)
    gateway.settled_ms.pop(name, None)
    reported = Reported(account=gateway.account, client_order_id=name, report=report, evidence=evidence)
    recorder.say(reported, None if intent.trader == HOUSE else intent.trader)
    return ""


async def _evidence(gateway: Gateway, intent: OpenIntent) -> tuple[OrderReport, str] | None:
    """What ends the intent, or moves it on, and why that is known; ``None`` while nothing is."""
    action = intent.envelope.action
    if isinstance(action, SetLeverage | Cancel):
        if not intent.unresolved:
            return None
        return Rejected(code="superseded", detail="said again by the next start or slot where still wanted"), "engine"
    assert isinstance(action, Order)
    if intent.expected is not None:
        return None  # its end is known; only its fills are late
    told = await gateway.exchange.find(action.client_order_id)
    report = None if told is None else believed(told, action)
    if report is not None and not isinstance(report, Unresolved):
        resting = isinstance(report, Accepted) and report.resting
        if resting and intent.reported and not intent.unresolved:
            return None  # it rests, as was known
        return report, "venue status by client order id"
    if not intent.unresolved:
        return None
    return await _by_absence(gateway, intent, action)


async def _by_absence(gateway: Gateway, intent: OpenIntent, order: Order) -> tuple[OrderReport, str] | None:
    """What follows from the venue's silence once nothing more can become of the order, and enough time has passed."""
    capabilities, name, filled = gateway.exchange.capabilities, intent.client_order_id, intent.filled
    settled_ms, grace_ms, since = intent.envelope.expires_after_ms, GRACE_MS, "its validity ended"
    if filled:
        if order.style not in ENDS_AT_ONCE:
            return None  # it may rest: only its status tells
        settled_ms, since = await _noted_ms(gateway, name), "it was filled in part, what is left does not rest"
    elif capabilities.nonce_fence:
        match await gateway.exchange.fence(intent.envelope):
            case "fenced":
                return Rejected(code="never_accepted", detail="its nonce is used up without it"), "nonce fence"
            case "consumed":
                settled_ms, grace_ms, since = await _noted_ms(gateway, name), CONSUMED_GRACE_MS, "its nonce was used"
            case None:
                return None
    elif not capabilities.bounded_acceptance:
        return None
    if settled_ms is None or await gateway.exchange.time() <= settled_ms + grace_ms:
        return None
    await gateway.collect()
    absences = gateway.absences
    absences[name] = absences.get(name, 0) + 1 if intent.filled == filled else 0
    if absences[name] < ABSENCES:
        return None
    evidence = f"{ABSENCES} absent reads of status and fills more than {grace_ms} ms after {since}, in venue time"
    if filled:
        return Canceled(reason="ended at once", filled_quantity=filled), evidence
    return Rejected(code="never_accepted", detail=f"unknown to the venue long after {since}"), evidence


async def _noted_ms(gateway: Gateway, name: str) -> int:
    """The venue time at which the order was first found to be decided, one way or the other."""
    if name not in gateway.settled_ms:
        gateway.settled_ms[name] = await gateway.exchange.time()
    return gateway.settled_ms[name]
