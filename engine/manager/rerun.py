"""The rerun: every slot that asked a model is decided once more, from what was recorded, and compared with the journal.

Nobody is called and nothing is sent: market and rules come from the configuration, account and standing from the fold
of the records before, the replies from the records themselves or from a recording.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.executor.context import Context
from engine.executor.contract import ConfidenceScale
from engine.executor.executor import ask, repair_messages, understand
from engine.executor.parse import Parsed, ReplyMalformed
from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.executor.prompt import PromptError, Rendered
from engine.executor.risk import judge
from engine.executor.selector.reply import ParsedWeights
from engine.executor.selector.selector import choose, weighed
from engine.manager import record as r
from engine.manager.cycle import SHARED_LOOK_MS
from engine.manager.desk import Desk, ModelDecider, Unlookable, context_of, selector_of
from engine.manager.evidence import reply_of
from engine.manager.feed import Feed, MarkMissing
from engine.manager.plan import order_of, propose
from engine.manager.state import State
from engine.model.decision import Approved, Decision, Verdict
from engine.model.ids import TraderId
from engine.model.order import Order
from engine.model.selection import Selection

SHOWN = 20
LATE_LOOKS_MS = 5  # a look that was not shared was taken so long before its slot was opened at most

Recorded = Callable[[Sequence[Message], str, int], Reply]  # raises ``ModelUnavailable`` for what was not recorded


class PastFeed(Feed):
    """A feed of the past: whoever decided then had seen the venue account, else there were no slot."""

    def account_age_ms(self, now_ms: int) -> int | None:
        """Fresh."""
        return 0


class Asked(Struct, kw_only=True):
    """A slot under way: what it was asked at each instant at which it may have looked, and what came back."""

    slot_ms: int
    scale: ConfidenceScale
    looks: dict[int, tuple[Context, Rendered]]
    answers: list[r.Answered] = []
    selection: Selection | None = None
    orders: list[Order] = []


class Rerun:
    """Takes every entry before it is folded. ``recorded`` gives the replies of a recording, else the records' count."""

    def __init__(
        self,
        state: State,
        desks: Mapping[TraderId, Desk],
        *,
        config: str,
        deployment: str,
        recorded: Recorded | None = None,
    ) -> None:
        self._state = state
        self._desks = desks
        self._config = config
        self._deployment = deployment
        self._recorded = recorded
        self._asked: dict[TraderId, Asked] = {}
        self._faults: list[str] = []
        self.slots = 0
        self.replies = 0
        self.decisions = 0
        self.orders = 0
        self.faults = 0
        self.passed_over: Counter[str] = Counter()  # slots that cannot be decided again, by the reason
        feeds: dict[int, PastFeed] = {}
        for desk in desks.values():
            desk.feed = feeds.setdefault(id(desk.feed), PastFeed(desk.feed.market, desk.feed.exchange))

    def entry(self, entry: r.Entry) -> None:
        """Take one entry; the state holds those before it."""
        if entry.trader is None:
            return
        asked = self._asked.get(entry.trader)
        match entry.record:
            case r.SlotOpened() as record:
                self._begin(entry, record)
            case r.Answered() as record if asked is not None and record.slot_ms == asked.slot_ms:
                if not record.late and not record.failure:
                    asked.answers.append(record)
            case r.Selected() if asked is not None:
                asked.selection = self._state.traders[entry.trader].selection
            case r.Planned() as record if asked is not None and record.slot_ms == asked.slot_ms:
                self._planned(entry, entry.trader, record, asked)
            case r.Intended(cause="decision") as record if asked is not None:
                self._intended(entry, record, asked)
            case r.SlotClosed() as record if asked is not None and record.slot_ms == asked.slot_ms:
                del self._asked[entry.trader]
                if asked.orders and record.outcome != "interrupted":
                    self._fault(entry, f"{len(asked.orders)} orders were decided again and never intended")
            case _:
                return

    def found(self) -> list[str]:
        """The first faults, each with its record."""
        return list(self._faults)

    def _begin(self, entry: r.Entry, record: r.SlotOpened) -> None:
        """Ask again what this slot asked: of the state as it is now."""
        trader = TraderId(entry.trader or "")
        desk = self._desks.get(trader)
        self._asked.pop(trader, None)
        if not record.asks or desk is None or not isinstance(desk.decider, ModelDecider):
            return
        if self._state.config != self._config:
            self.passed_over["another configuration was in force"] += 1
            return
        late = not 0 <= entry.ts - record.slot_ms < SHARED_LOOK_MS
        looks = [entry.ts - back for back in range(LATE_LOOKS_MS)] if late else [record.slot_ms]
        decider = desk.decider
        asked: dict[int, tuple[Context, Rendered]] = {}
        try:
            prompts = decider.prompts.current()
            for look_ms in looks:
                context = context_of(desk, self._state, record.slot_ms, look_ms)
                rendered = ask(context, prompts, decider.series_interval_ms, decider.long_interval_ms, decider.selector)
                asked[look_ms] = (context, rendered)
        except (Unlookable, MarkMissing, PromptError) as error:
            self._fault(entry, f"the slot cannot be asked again: {error}")
            return
        self._asked[trader] = Asked(slot_ms=record.slot_ms, scale=prompts.confidence_scale, looks=asked)

    def _planned(self, entry: r.Entry, trader: TraderId, record: r.Planned, asked: Asked) -> None:
        """Decide again, and judge at the second look; the state is what it was then."""
        if record.first_look not in asked.looks:
            self.passed_over["when it looked is not known to the millisecond"] += 1
            return
        context, rendered = asked.looks[record.first_look]
        if record.prompt_templates != rendered.templates:
            self.passed_over["other templates were in force"] += 1
            return
        self.slots += 1
        self._same(entry, "prompt", record.prompt_digest, rendered.digest)
        parsed = self._understood(entry, asked, context, rendered)
        desk = self._desks[trader]
        try:
            second = context_of(desk, self._state, record.slot_ms, record.second_look)
        except (Unlookable, MarkMissing) as error:
            self._fault(entry, f"the second look cannot be taken again: {error}")
            return
        decisions: Sequence[Decision] = () if parsed is None else parsed.decisions
        verdicts: list[Verdict] = []
        decides = parsed is not None or selector_of(desk.decider) is not None
        if decides and second.standing.status == "running":
            decisions = self._chosen(desk, second, asked, parsed)
            proposals, denied = propose(decisions, second, desk)
            verdicts = [*denied, *judge(proposals, second)]
        self.decisions += len(decisions)
        self._same(entry, "decisions", record.decisions, tuple(decisions))
        self._same(entry, "verdicts", record.verdicts, tuple(verdicts))
        approved = [verdict for verdict in verdicts if isinstance(verdict, Approved)]
        asked.orders = [
            order_of(verdict, self._deployment, desk.account, trader, record.slot_ms, leg)
            for leg, verdict in enumerate(approved)
        ]

    def _understood(self, entry: r.Entry, asked: Asked, context: Context, rendered: Rendered) -> Parsed | None:
        """What the replies of the slot say; ``None`` when none of them could be read."""
        desk = self._desks[context.trader]
        messages: Sequence[Message] = rendered.messages
        for answer in asked.answers:
            self.replies += 1
            reply = reply_of(answer)
            if self._recorded is not None:
                try:
                    came = self._recorded(messages, context.trader, asked.slot_ms)
                except ModelUnavailable as unavailable:
                    self._fault(entry, str(unavailable))
                    return None
                self._same(entry, "reply", reply.raw, came.raw)
                reply = came
            try:
                return understand(reply, context, asked.scale, selector_of(desk.decider))
            except ReplyMalformed as malformed:
                messages = repair_messages(rendered.messages, reply, malformed)
        return None

    def _chosen(self, desk: Desk, context: Context, asked: Asked, parsed: Parsed | None) -> Sequence[Decision]:
        """The decisions of a reply; of a selector those of its strategies, with the weights that the reply gave.

        Where it gave none the weights stay as they were.
        """
        selector = selector_of(desk.decider)
        if selector is None:
            return () if parsed is None else parsed.decisions
        before = context if asked.selection is None else replace(context, selection=asked.selection)
        if parsed is None:
            return choose(selector, before, before.selection).decisions
        weights = parsed.weights if isinstance(parsed, ParsedWeights) else None
        return choose(selector, before, weighed(selector, before, weights)).decisions

    def _intended(self, entry: r.Entry, record: r.Intended, asked: Asked) -> None:
        if record.reference != str(asked.slot_ms):
            return
        self.orders += 1
        wanted = asked.orders.pop(0) if asked.orders else None
        self._same(entry, "order", record.envelope.action, wanted)

    def _same(self, entry: r.Entry, what: str, recorded: Any, again: Any) -> None:
        """Byte for byte as the journal would write both."""
        if _encoder.encode(recorded) != _encoder.encode(again):
            self._fault(entry, f"another {what}: {_short(again)} and not {_short(recorded)}")

    def _fault(self, entry: r.Entry, what: str) -> None:
        self.faults += 1
        if len(self._faults) < SHOWN:
            self._faults.append(f"record {entry.seq}, {entry.trader}: {what}")


_encoder = msgspec.json.Encoder()


def _short(value: Any) -> str:
    text = _encoder.encode(value).decode()
    return text if len(text) <= 300 else f"{text[:300]}…"
