"""The arena: every desk, gateway and feed around one state, and the turns that traders of one slot take."""

from collections.abc import Collection, Iterable
from decimal import Decimal

from engine.manager.desk import Desk
from engine.manager.feed import Feed
from engine.manager.gateway import Gateway
from engine.manager.recorder import Recorder
from engine.manager.state import State
from engine.model.ids import AccountId, TraderId, turn


class Arena:
    """What the drivers drive. Holds no truth of its own: that is the state, which the recorder folds."""

    def __init__(
        self,
        recorder: Recorder,
        desks: Iterable[Desk],
        gateways: dict[AccountId, Gateway],
        feeds: dict[AccountId, Feed],
        deployment: str,
    ) -> None:
        self.recorder = recorder
        self.desks: dict[TraderId, Desk] = {desk.trader: desk for desk in desks}
        self.gateways = gateways
        self.feeds = feeds
        self.deployment = deployment
        self.rebalanced_ms: dict[
            AccountId, int
        ] = {}  # when rebalancing was last considered, whether or not it moved any

    @property
    def state(self) -> State:
        """The fold of everything said so far."""
        return self.recorder.state

    def desks_of(self, account: AccountId) -> list[Desk]:
        """The desks that share a venue account, in configured order."""
        return [desk for desk in self.desks.values() if desk.account == account]

    def in_turn(self, traders: Collection[TraderId], slot_ms: int) -> list[Desk]:
        """The desks of these traders in the order in which this slot lets them act."""
        if len(traders) > 1:
            traders = sorted(traders, key=lambda trader: turn(slot_ms, trader))
        return [self.desks[trader] for trader in traders]

    def price(self, account: AccountId, coin: str, now_ms: int) -> Decimal | None:
        """The mark of a coin on the market of a venue account."""
        return self.feeds[account].look(now_ms).mark(coin)
