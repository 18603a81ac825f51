"""What the parts of the simulated venue share: its ledger, market and costs, and how a change is committed."""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from random import Random

from engine.exchange.sim.costs import ZERO, Costs
from engine.exchange.sim.ledger import Change, Ledger, Resting
from engine.exchange.sim.log import SimLog, SimLogFault
from engine.exchange.sim.ports import SimMarket
from engine.exchange.sim.settings import SimSettings
from engine.model.instrument import Instrument
from engine.model.market import Quote
from engine.model.order import Fill, FundingPayment, OrderReport, SetLeverage

HOUR_MS = 3_600_000
_MINUTE_MS = 60_000


class Venue:
    """One simulated account with everything it needs; its parts are the modules beside this one.

    ``marks`` are the last middle prices seen, ``intervals_ms`` the length of each coin's bars, ``calm`` the prices
    between which nobody is liquidated as of one change of the ledger, ``refusals`` the codes with which the next
    orders are refused.
    """

    __slots__ = (
        "_jitter_ms",
        "_latency_ms",
        "_log",
        "_noted_ms",
        "_random",
        "_refreshed_ms",
        "_seed",
        "_together",
        "asset",
        "calm",
        "costs",
        "instruments",
        "intervals_ms",
        "ledger",
        "market",
        "marks",
        "refusals",
        "settings",
    )

    def __init__(
        self,
        account_id: str,
        market: SimMarket,
        instruments: Mapping[str, Instrument],
        settings: SimSettings,
        seed: int,
        log: SimLog | None,
    ) -> None:
        self.market = market
        self.instruments = instruments
        self.settings = settings
        self.costs = Costs(settings)
        self.marks: dict[str, Decimal] = {}
        self.intervals_ms: dict[str, int] = {}
        self.asset = {coin: place for place, coin in enumerate(instruments)}
        self.calm: tuple[int, dict[str, tuple[float, float]]] | None = None
        self.refusals: list[tuple[str, str]] = []
        self._latency_ms = settings.latency_ms
        self._jitter_ms = settings.latency_jitter_ms
        self._random = Random(seed)
        self._seed = seed
        self._log = log
        self._noted_ms = 0
        self._together: list[Change] | None = None
        self._refreshed_ms = -1
        empty = Ledger(next_order_id=first_id(account_id, "order"), next_trade_id=first_id(account_id, "trade"))
        self.ledger = empty if log is None else log.recover(empty)

    def quote(self, coin: str, now_ms: int) -> Quote | None:
        """What an order in this coin meets; its price becomes the coin's mark. ``None`` without a usable price."""
        quote = self.market.quote(coin, now_ms)
        if quote is None or not quote.price.is_finite() or quote.price <= ZERO:
            return None
        self.marks[coin] = quote.price
        self.intervals_ms[coin] = quote.bar_interval_ms
        return quote

    def refresh_marks(self, now_ms: int) -> dict[str, Decimal]:
        """The marks, brought up to ``now_ms`` for every coin held; a coin without a price keeps its last one."""
        marks = self.marks
        if now_ms == self._refreshed_ms:
            return marks
        self._refreshed_ms = now_ms
        holdings = self.ledger.holdings
        prices = self.market.marks(now_ms)
        for coin, holding in holdings.items():
            price = prices[coin]
            if price is not None:
                marks[coin] = price
            elif coin not in marks:
                marks[coin] = holding.entry_price
        return marks

    def arrival_ms(self, now_ms: int, nonce: int) -> int:
        """When something sent now reaches the venue: after the latency, never before what arrived earlier.

        The jitter is a function of the seed and of the nonce, so that a restart changes nothing.
        """
        arrival = now_ms + self._latency_ms
        if self._jitter_ms:
            self._random.seed(f"{self._seed}:{nonce}")
            arrival += self._random.randint(0, self._jitter_ms)
        latest_ms = self.ledger.latest_ms
        return arrival if arrival > latest_ms else latest_ms

    def commit(
        self,
        at_ms: int,
        *,
        nonce: int = 0,
        fills: tuple[Fill, ...] = (),
        reports: tuple[tuple[str, OrderReport], ...] = (),
        rested: tuple[Resting, ...] = (),
        funding: tuple[FundingPayment, ...] = (),
        leverage: SetLeverage | None = None,
        deposit_usd: Decimal = ZERO,
    ) -> None:
        """Make something happen to the account: first in the log, then in the ledger. Durable after ``sync``."""
        ledger = self.ledger
        change = Change(
            number=ledger.number + 1,
            at_ms=at_ms,
            played_ms=ledger.played_ms,
            nonce=nonce,
            deposit_usd=deposit_usd,
            leverage=leverage,
            fills=fills,
            funding=funding,
            rested=rested,
            reports=reports,
        )
        self.enact(change)

    def enact(self, change: Change) -> None:
        """Commit a change that is at hand already."""
        if self._log is not None:
            self._noted_ms = change.played_ms
            if self._together is None:
                self._log.append((change,))
            else:
                self._together.append(change)
        self.ledger.apply(change)

    def begin(self) -> None:
        """What is committed from here to ``finish`` becomes one line of the log: a crash finds all of it or nothing."""
        if self._log is not None:
            self._together = []

    def finish(self) -> None:
        """Write down what was committed since ``begin``."""
        if self._log is not None and self._together is not None:
            together, self._together = self._together, None
            if together:
                self._log.append(tuple(together))

    def sync(self) -> None:
        """Return once everything that was committed would survive a crash. Raises ``SimLogFault``."""
        log = self._log
        if log is None:
            return
        if self._together is not None:
            raise SimLogFault("the simulated venue broke off in the middle of a step; restart to read what is on disk")
        log.sync()
        log.compact(self.ledger)

    def note_time(self) -> None:
        """Write down once a minute how far the bars have been played, so that a restart need not play them again."""
        played_ms = self.ledger.played_ms
        if self._log is not None and played_ms - self._noted_ms >= _MINUTE_MS:
            self.commit(played_ms)

    def close(self) -> None:
        """Let another process have the account."""
        if self._log is not None:
            self._log.close()
            self._log = None


def first_id(account_id: str, kind: str) -> int:
    """Where an account's ids begin: above 2^40, 2^27 apart and below 2^52, a function of the account's name."""
    place = int.from_bytes(blake2b(f"{account_id}:{kind}".encode(), digest_size=3).digest())
    return (1 << 40) + (place << 27) + 1
