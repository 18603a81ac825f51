"""Faults: which kinds there are, how often each happens in one universe, and which of them have happened."""

from collections.abc import Collection, Mapping
from hashlib import blake2b
from random import Random

from msgspec import Struct

# The highest rate of each kind; the unit is one occasion of that kind, for windows and commands one minute.
HIGHEST: Mapping[str, float] = {
    # the way to the venue and back
    "request_refused": 0.05,
    "request_lost": 0.10,
    "reply_lost": 0.12,
    "error_after_accept": 0.10,
    "accept_delayed": 0.12,
    "request_repeated": 0.10,
    "order_rejected": 0.08,
    "told_late": 0.8,
    "told_late_in_doubt": 1.0,
    "status_late": 0.5,
    "status_never": 0.1,
    "fills_late": 0.5,
    "fills_repeated": 0.20,
    "fills_reversed": 0.20,
    "funding_late": 0.8,
    "read_failed": 0.05,
    # windows
    "read_outage": 0.03,
    "trade_outage": 0.04,
    "coin_halted": 0.05,
    # what others do to the account
    "manual_trade": 0.04,
    "leverage_changed": 0.03,
    "price_jump": 0.06,
    # the machine
    "killed_at_effect": 0.006,
    "killed": 0.08,
    "killed_in_doubt": 0.2,
    "terminated": 0.03,
    "second_engine": 0.03,
    "clock_step": 0.02,
    "disk_sync_failed": 0.003,
    "disk_full": 0.003,
    "sink_down": 0.5,
    "sink_slow": 0.1,
    # the operator
    "command": 0.2,
    "command_in_doubt": 1.0,
    "switch_tripped": 0.02,
    # the models
    "reply_bad": 0.8,
    "reply_late": 0.15,
    "reply_never": 0.08,
}


class Fired(Struct, frozen=True, kw_only=True, gc=False):
    """One fault that happened: which one of its kind (counted over all occasions), and when, in ms of virtual time."""

    kind: str
    number: int
    at_ms: int
    detail: str = ""


Key = tuple[str, int]


class Faults:
    """Every kind draws from its own generator, so that masking one fault disturbs the others least.

    ``keep`` (kind, number) are the only faults that may happen, where it is given: a story is shrunk by it.
    """

    def __init__(self, seed: int, rates: Mapping[str, float], keep: Collection[Key] | None = None) -> None:
        self.rates = rates
        self.on = True
        self.fired: list[Fired] = []
        self._seed = seed
        self._keep = None if keep is None else frozenset(keep)
        self._streams: dict[str, Random] = {}
        self._occasions: dict[str, int] = {}

    def random(self, concern: str) -> Random:
        """The generator of one concern."""
        found = self._streams.get(concern)
        if found is None:
            found = self._streams[concern] = seeded(self._seed, concern)
        return found

    def fires(self, kind: str, now_ms: int, detail: str = "") -> bool:
        """Whether this occasion of the kind is a fault."""
        rate = self.rates.get(kind, 0.0)
        if not rate or not self.on:
            return False
        number = self._occasions.get(kind, 0)
        self._occasions[kind] = number + 1
        if self.random(f"whether {kind}").random() >= rate:
            return False
        if self._keep is not None and (kind, number) not in self._keep:
            return False
        self.fired.append(Fired(kind=kind, number=number, at_ms=now_ms, detail=detail))
        return True

    def once(self, kind: str, number: int, now_ms: int, detail: str = "") -> bool:
        """Whether a fault that was planned beforehand happens: it does, unless it is masked."""
        if not self.on or (self._keep is not None and (kind, number) not in self._keep):
            return False
        self.fired.append(Fired(kind=kind, number=number, at_ms=now_ms, detail=detail))
        return True

    def counts(self) -> dict[str, int]:
        """How often each kind has happened, by name."""
        found: dict[str, int] = {}
        for fired in self.fired:
            found[fired.kind] = found.get(fired.kind, 0) + 1
        return dict(sorted(found.items()))


def seeded(seed: int, concern: str) -> Random:
    """A generator for one concern of one universe."""
    return Random(int.from_bytes(blake2b(f"{seed}:{concern}".encode(), digest_size=8).digest(), "big"))


def drawn_rates(random: Random) -> dict[str, float]:
    """The rates of one universe: each kind is absent in 3 of 10, else mostly rare and now and then frequent."""
    return {kind: 0.0 if random.random() < 0.3 else random.random() ** 3 * highest for kind, highest in HIGHEST.items()}
