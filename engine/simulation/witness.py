"""The witness: what the disk would still say after a power cut. The venue asks it before it executes anything."""

from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.journal.chain import parse_alone
from engine.journal.errors import ChainError
from engine.manager.record import Intended
from engine.model.order import Order
from engine.simulation.disk import File

_INTENDED = b'"kind":"Intended"'


class Promise(Struct, frozen=True, kw_only=True, gc=False):
    """An intent as the durable bytes of the journal hold it. ``decision`` is what may be executed once."""

    client_order_id: str
    account: str
    trader: str
    cause: str
    decision: tuple[str, str, str, str]
    coin: str
    quantity: Decimal
    limit_price: Decimal
    nonce: int


class Witness:
    """Reads every byte that becomes durable; trusts nothing that a process says."""

    def __init__(self) -> None:
        self.promises: dict[str, Promise] = {}
        self.intents: dict[str, int] = {}
        self.damage: list[str] = []

    def synced(self, path: Path, file: File, before: bytes) -> None:
        """Take in what has become durable of a file."""
        if path.suffix != ".jsonl":
            return
        content = file.durable
        start = len(before) if content.startswith(before) else 0
        start = content.rfind(b"\n", 0, start) + 1
        place = content.find(_INTENDED, start)
        while place >= 0:
            begin, end = content.rfind(b"\n", 0, place) + 1, content.find(b"\n", place)
            if end < 0:
                return
            self._line(content[begin : end + 1])
            place = content.find(_INTENDED, end)

    def _line(self, line: bytes) -> None:
        try:
            frame = parse_alone(line)
            intended = _intended.decode(frame.data)
        except (ChainError, msgspec.MsgspecError):  # torn bytes that happened to be synced: recovery will cut them
            return
        action = intended.envelope.action
        self.intents[f"{intended.account}:{intended.envelope.nonce}"] = frame.seq
        if not isinstance(action, Order) or action.client_order_id in self.promises:
            return
        trader = frame.trader or "house"
        self.promises[action.client_order_id] = Promise(
            client_order_id=action.client_order_id,
            account=intended.account,
            trader=trader,
            cause=intended.cause,
            decision=(trader, intended.cause, intended.reference, action.coin),
            coin=action.coin,
            quantity=action.quantity,
            limit_price=action.limit_price,
            nonce=intended.envelope.nonce,
        )


_intended = msgspec.json.Decoder(Intended)
