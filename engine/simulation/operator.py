"""What people and the machine room do: commands, kills, outages, halts, hands on the account, clocks set wrong."""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from engine.manager.control import Command, Verb
from engine.manager.halt import Mode
from engine.manager.resolve import Ending
from engine.model.ids import AccountId, TraderId
from engine.model.order import Envelope, Order, Rejected, SetLeverage
from engine.simulation.faults import seeded
from engine.simulation.market import INSTRUMENTS, MINUTE_MS
from engine.simulation.venue import answered

if TYPE_CHECKING:
    from engine.simulation.universe import Universe

OUTAGES_MS = (60_000, 60_000, 400_000, 2_220_000)
STEPS_MS = (3_600_000, -3_600_000, 86_400_000, -86_400_000, 2_000, -2_000, 90_000, -90_000)
VERBS: tuple[Verb, ...] = ("pause", "resume", "stop", "start", "flatten")
MODES: tuple[Mode, ...] = ("no_opens", "reduce_only", "flatten_own")


class Operator:
    """Once a minute each kind of disturbance may happen; how exactly is a function of seed, kind and occasion."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._acts: dict[str, Callable[[Random], None]] = {
            "killed": self._killed,
            "terminated": self._terminated,
            "second_engine": self._second_engine,
            "clock_step": self._clock_step,
            "command": self._command,
            "switch_tripped": self._switch_tripped,
            "read_outage": self._read_outage,
            "trade_outage": self._trade_outage,
            "coin_halted": self._coin_halted,
            "manual_trade": self._manual_trade,
            "leverage_changed": self._leverage_changed,
            "price_jump": self._price_jump,
        }
        self._minutes = 0
        self._requests = 0
        self._opened: dict[str, int] = {}

    def minute(self) -> None:
        """Let happen what happens in this minute, each at its own moment."""
        universe = self._universe
        self._minutes += 1
        for kind, act in self._acts.items():
            if universe.faults.fires(kind, universe.timeline.now_ms):
                random = seeded(universe.plan.seed, f"{kind} in minute {self._minutes}")
                universe.timeline.later(random.random() * MINUTE_MS, self._act, act, random)
        universe.timeline.later(MINUTE_MS, self.minute)

    def heal(self) -> None:
        """Undo everything that would keep the engine from trading."""
        universe = self._universe
        universe.machine.step(-universe.machine.stepped_ms)
        for venue in universe.venues.values():
            venue.outages.clear()
        universe.walk.halted.clear()
        universe.switch.lift()
        for place, trader in enumerate(universe.plan.traders):
            known = None if universe.process is None else universe.process.state.traders.get(TraderId(trader.name))
            stopped = known is not None and known.standing.status in ("stopping", "stopped")
            if place % 2 == 0 or not stopped:  # every second one that was told to stop stays so, and must hold nothing
                self.send("resume", trader.name)

    def settle(self) -> None:
        """Look at the venues that never say that an order did not or will not come, and say so in their place."""
        universe = self._universe
        if universe.process is None:
            return
        for venue in universe.venues.values():
            account = universe.process.state.accounts.get(AccountId(venue.account))
            if venue.decides or account is None:
                continue
            for intent in account.intents.values():
                name = intent.client_order_id
                found = answered(venue.sim.find(name))
                if isinstance(intent.envelope.action, Order) and (found is None or isinstance(found, Rejected)):
                    self.send("settle", intent.trader, order=name, outcome="never")

    def send(self, verb: Verb, trader: str, *, order: str = "", outcome: Ending | None = None) -> None:
        """Post a command."""
        universe = self._universe
        self._requests += 1
        request = f"request-{self._requests}"
        expires_ms = universe.machine.wall_ms() + 10 * 86_400_000
        command = Command(
            request=request,
            verb=verb,
            trader=trader,
            by="operator",
            reason="drawn",
            order=order,
            outcome=outcome,
            expires_ms=expires_ms,
        )
        universe.mailbox.waiting.append(command)

    def _act(self, act: Callable[[Random], None], random: Random) -> None:
        if self._universe.faults.on:
            act(random)

    def _killed(self, random: Random) -> None:
        self._universe.kill(power=random.random() < 0.5)

    def _terminated(self, random: Random) -> None:
        process = self._universe.process
        if process is not None and process.scheduler is not None:
            process.scheduler.stop()

    def _second_engine(self, random: Random) -> None:
        self._universe.start_second()

    def _clock_step(self, random: Random) -> None:
        self._universe.machine.step(random.choice(STEPS_MS))

    def _command(self, random: Random) -> None:
        verb, trader = random.choice(VERBS), random.choice(self._universe.plan.traders).name
        self._tell(verb, trader, random)

    def doubt(self, trader: str, occasion: int) -> None:
        """Tell a trader something while the outcome of its order is unknown."""
        random = seeded(self._universe.plan.seed, f"doubt {occasion}")
        self._tell(random.choice(("stop", "stop", "flatten", "pause")), trader, random)

    def _tell(self, verb: Verb, trader: str, random: Random) -> None:
        self.send(verb, trader)
        if verb in ("stop", "pause"):  # nobody stays so for long: who does nothing shows nothing
            self._universe.timeline.later(random.choice((4, 15)) * MINUTE_MS, self._start_again, trader)

    def _start_again(self, trader: str) -> None:
        if self._universe.faults.on:  # who heals says who goes on
            self.send("start", trader)

    def _switch_tripped(self, random: Random) -> None:
        universe = self._universe
        universe.switch.trip(random.choice(MODES), "drawn", "operator", universe.machine.wall_ms())

    def lift(self) -> None:
        """The operator looks at the switch now and then and lifts what has been looked into."""
        universe = self._universe
        if universe.switch.halt is not None and universe.timeline.now_ms - universe.switch.since_ms > 4 * MINUTE_MS:
            universe.switch.lift()

    def _read_outage(self, random: Random) -> None:
        self._outage(random, "read")

    def _trade_outage(self, random: Random) -> None:
        self._outage(random, random.choice(("trade_refuse", "trade_error")))

    def _outage(self, random: Random, kind: str) -> None:
        universe = self._universe
        venue = random.choice(list(universe.venues.values()))
        now_ms = universe.machine.true_ms()
        venue.outages.append((kind, now_ms, now_ms + random.choice(OUTAGES_MS)))

    def _coin_halted(self, random: Random) -> None:
        universe = self._universe
        universe.walk.halted[random.choice(universe.walk.coins)] = universe.machine.true_ms() + random.choice(
            (30_000, 300_000, 1_800_000)
        )

    def _manual_trade(self, random: Random) -> None:
        universe = self._universe
        venue = random.choice(list(universe.venues.values()))
        coin = random.choice(universe.walk.coins)
        now_ms = universe.machine.true_ms()
        if universe.walk.is_halted(coin, now_ms):
            return
        lots = int(Decimal(random.choice((50, 500))) / universe.walk.price(coin, now_ms) / INSTRUMENTS[coin].lot)
        venue.sim.manual_trade(coin, random.choice(("buy", "sell")), max(1, lots) * INSTRUMENTS[coin].lot)
        venue.harvest()

    def _leverage_changed(self, random: Random) -> None:
        universe = self._universe
        venue = random.choice(list(universe.venues.values()))
        action = SetLeverage(coin=random.choice(universe.walk.coins), leverage=random.choice((1, 2, 5)))
        now_ms = universe.machine.true_ms()
        answered(venue.sim.submit(Envelope(action=action, nonce=now_ms + 500_000 + self._requests)))

    def _price_jump(self, random: Random) -> None:
        universe = self._universe
        minute = universe.timeline.now_ms // MINUTE_MS + 1
        universe.walk.jumps[(random.choice(universe.walk.coins), minute)] = random.choice(
            (-0.3, -0.08, -0.02, 0.02, 0.08, 0.3)
        )


def opens(envelope: Envelope, held: Decimal) -> bool:
    """Whether an order would enlarge or flip what its trader holds."""
    order = envelope.action
    if not isinstance(order, Order):
        return False
    after = held + order.quantity if order.side == "buy" else held - order.quantity
    return abs(after) > abs(held) or (after != 0 and (after > 0) != (held > 0))
