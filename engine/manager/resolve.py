"""Resolution of orders whose outcome is unknown: the venue is asked by client order id until there is evidence."""

from engine.manager.gateway import Gateway
from engine.manager.record import Reported
from engine.manager.recorder import Recorder
from engine.model.ids import HOUSE
from engine.model.order import Cancel, Order, Rejected, SetLeverage, Unresolved

GRACE_MS = 15_000


async def resolve(gateway: Gateway, recorder: Recorder) -> int:
    """Ask about every intent without an end; how many are still open afterwards.

    An order that the venue does not know is closed only when its validity has run out by the venue's own clock and the
    venue promised to honour that; until then its coin stays locked for its trader.
    """
    account = recorder.state.accounts[gateway.account]
    await gateway.collect()
    for intent in list(account.intents.values()):
        action = intent.envelope.action
        report = None
        match action:
            case Order():
                report = await gateway.exchange.find(action.client_order_id)
            case SetLeverage() | Cancel():
                report = Rejected(code="superseded", detail="repeated by the next start or slot where still wanted")
        evidence = "venue status by client order id"
        if report is None:
            expired = intent.envelope.expires_after_ms
            if expired is None or not gateway.exchange.capabilities.bounded_acceptance:
                continue
            if await gateway.exchange.time() <= expired + GRACE_MS:
                continue
            report = Rejected(code="never_accepted", detail="unknown to the venue after its validity ended")
            evidence = "venue clock is past the envelope's validity and its grace"
        if isinstance(report, Unresolved):
            continue
        trader = None if intent.trader == HOUSE else intent.trader
        reported = Reported(
            account=gateway.account, client_order_id=intent.client_order_id, report=report, evidence=evidence
        )
        if intent.reported and not intent.unresolved and getattr(report, "resting", False):
            continue
        recorder.say(reported, trader)
    await gateway.collect()
    return sum(1 for intent in account.intents.values() if intent.unresolved)
