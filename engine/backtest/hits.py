"""Next hits: the first bar in which a position's stop, target or liquidation may come true, found by scanning ahead."""

from heapq import heappop, heappush

from msgspec import Struct

from engine.manager.desk import Desk
from engine.manager.state import State
from engine.market.bars import Bars
from engine.model.decision import ExitPlan
from engine.model.ids import TraderId
from engine.model.position import Position

_CHUNK = 256


class Watched(Struct, frozen=True, gc=False):
    """What was scanned for; when the plan or the position's side changes, the scan is void."""

    plan: ExitPlan
    long: bool
    row: int


class Hits:
    """The bars at which plans may come true, soonest first. Rows index the bars of the span.

    ``filled`` is how many fills its gateway had booked when a trader's plans were looked at last.
    """

    def __init__(self, bars: dict[str, Bars]) -> None:
        self._low = {coin: of_coin.low for coin, of_coin in bars.items()}
        self._high = {coin: of_coin.high for coin, of_coin in bars.items()}
        self.filled: dict[TraderId, int] = {}
        self._watched: dict[tuple[str, str], Watched] = {}
        self._heap: list[tuple[int, str, str]] = []

    def update(self, state: State, desk: Desk, row: int) -> None:
        """Look ahead for every plan of a trader that is new since the last call, from ``row`` on."""
        self.filled[desk.trader] = desk.gateway.filled
        trader = state.traders[desk.trader]
        positions = state.accounts[desk.account].book.traders[desk.trader].positions
        for coin, plan in trader.plans.items():
            if plan.stop_loss is None and plan.profit_target is None:
                continue
            position = positions.get(coin)
            if position is None:
                continue
            key = (desk.trader, coin)
            known = self._watched.get(key)
            if known is not None and known.plan is plan and known.long == position.is_long and known.row >= row:
                continue
            self._watch(key, plan, position, row)

    def _watch(self, key: tuple[str, str], plan: ExitPlan, position: Position, row: int) -> None:
        found = self._first(key[1], plan, position.is_long, row)
        self._watched[key] = Watched(plan, position.is_long, found)
        if found < len(self._low[key[1]]):
            heappush(self._heap, (found, *key))

    def _first(self, coin: str, plan: ExitPlan, long: bool, row: int) -> int:
        low, high = self._low[coin], self._high[coin]
        below = plan.stop_loss if long else plan.profit_target
        above = plan.profit_target if long else plan.stop_loss
        under = float("-inf") if below is None else float(below)
        over = float("inf") if above is None else float(above)
        start, size = row, _CHUNK
        while start < len(low):
            end = start + size
            inside = (low[start:end] <= under) | (high[start:end] >= over)
            first = int(inside.argmax())
            if inside[first]:
                return start + first
            start, size = end, size * 2
        return len(low)

    def next_row(self, never: int) -> int:
        """The soonest row in which a plan may come true; ``never`` when there is none."""
        return self._heap[0][0] if self._heap else never

    def take(self, row: int) -> list[tuple[str, str]]:
        """The (trader, coin) pairs whose plans may come true in ``row`` or before; each is scanned anew afterwards."""
        found: list[tuple[str, str]] = []
        while self._heap and self._heap[0][0] <= row:
            at, trader, coin = heappop(self._heap)
            known = self._watched.get((trader, coin))
            if known is not None and known.row == at:
                del self._watched[(trader, coin)]
                found.append((trader, coin))
        return found
