"""All answers of one generation: whole documents ready to send, and indexes from which their parts are cut."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from api.body import Body, prepare_body
from api.handoff.generation import Generation
from api.handoff.schema import DOCUMENT_TYPES, DOCUMENTS
from api.handoff.wire import encode

UNSTAMPED: Final = ("leaderboard",)
"""Documents that carry no ``serverTime`` on nof1."""

DEFAULT_POSITIONS: Final = 1000
_KEPT_VIEWS: Final = 8
_EMPTY_DOCUMENTS: Final[Mapping[str, bytes]] = {name: encode(DOCUMENT_TYPES[name]()) for name in DOCUMENTS}
_EMPTY_MODEL: Final = prepare_body(_EMPTY_DOCUMENTS["analytics"])


_Row = TypeVar("_Row")


class AccountTotalsRows(Struct, frozen=True, kw_only=True):
    """The rows of account-totals with their hourly markers; a row without one belongs to every answer."""

    others: dict[str, Raw]
    rows: list[Raw]
    markers: list[int | float | None]
    first: int
    last: int

    def since(self, marker: int) -> bytes:
        """Rows whose marker is ``marker`` or later: the client asks with the newest that it has, and merges."""
        chosen = [row for row, own in zip(self.rows, self.markers, strict=True) if own is None or own >= marker]
        return joined({"accountTotals": array(chosen), "lastHourlyMarkerRead": Raw(b"%d" % self.last)} | self.others)


class PositionRows(Struct, frozen=True, kw_only=True):
    """The rows of positions: each one's other fields, and the positions in it by coin."""

    others: dict[str, Raw]
    rows: list[tuple[dict[str, Raw], dict[str, Raw]]]
    count: int

    def first(self, limit: int) -> bytes:
        """At most ``limit`` positions, in the order of the document; every model keeps its row."""
        rows, left = [], limit
        for others, positions in self.rows:
            kept = dict(list(positions.items())[:left])
            left -= len(kept)
            rows.append(Raw(joined(others | {"positions": Raw(joined(kept))})))
        return joined({"accountTotals": array(rows), "positions": array(rows)} | self.others)


class Answers:
    """One generation, prepared. All of it is immutable except a small memory of the parts that were asked for."""

    def __init__(
        self,
        generation: Generation,
        bodies: Mapping[str, Body],
        totals: AccountTotalsRows,
        positions: PositionRows,
        models: Mapping[str, bytes],
    ) -> None:
        self.generation = generation
        self.bodies = bodies
        self.totals = totals
        self.position_rows = positions
        self._models = models
        self._views: OrderedDict[tuple[str, int | str], Body] = OrderedDict()
        self._preparing = asyncio.Lock()

    async def account_totals(self, since_marker: int) -> Body:
        """Rows with a marker of ``since_marker`` or later; 0 is everything."""
        if since_marker <= self.totals.first:
            return self.bodies["account-totals"]
        # Whatever lies beyond the newest row is the same empty answer.
        marker = min(since_marker, self.totals.last + 1)
        return await self._view(("account-totals", marker), lambda: self.totals.since(marker))

    async def positions(self, limit: int) -> Body:
        """At most ``limit`` positions."""
        limit = min(limit, self.position_rows.count)
        if limit == min(DEFAULT_POSITIONS, self.position_rows.count):
            return self.bodies["positions"]
        return await self._view(("positions", limit), lambda: self.position_rows.first(limit))

    async def model_analytics(self, model_id: str) -> Body:
        """The list of one that belongs to ``model_id``, an empty list when no model has that id."""
        document = self._models.get(model_id)
        if document is None:
            return _EMPTY_MODEL
        return await self._view(("analytics", model_id), lambda: document)

    async def _view(self, key: tuple[str, int | str], document: Callable[[], bytes]) -> Body:
        """Cut and compressed once, in a thread, however many ask for it at the same moment."""
        body = self._views.get(key)
        if body is None:
            async with self._preparing:
                body = self._views.get(key)
                if body is None:
                    body = await asyncio.to_thread(lambda: prepare_body(document()))
                    self._views[key] = body
                    if len(self._views) > _KEPT_VIEWS:
                        self._views.popitem(last=False)
        return body


def prepare(generation: Generation, previous: Answers | None = None) -> tuple[Answers, dict[str, str]]:
    """The answers of ``generation``, and why (by name) a document in it could not be used: that one is answered empty.

    What has the same content as in ``previous`` is not prepared again.
    """
    broken: dict[str, str] = {}

    def understood(name: str, understand: Callable[[dict[str, Raw]], _Row]) -> _Row:
        if name in generation.documents:
            try:
                return understand(_fields(generation.documents[name]))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                broken[name] = str(error)
        return understand(_fields(_EMPTY_DOCUMENTS[name]))

    def unchanged(name: str) -> bool:
        return previous is not None and previous.generation.hashes.get(name) == generation.hashes.get(name)

    bodies = {name: previous.bodies[name] for name in DOCUMENTS if unchanged(name)} if previous is not None else {}
    if previous is not None and "account-totals" in bodies:
        totals = previous.totals
    else:
        totals = understood("account-totals", _account_totals_rows)
        bodies["account-totals"] = prepare_body(totals.since(0))
    if previous is not None and "positions" in bodies:
        positions = previous.position_rows
    else:
        positions = understood("positions", _position_rows)
        bodies["positions"] = prepare_body(positions.first(DEFAULT_POSITIONS))
    for name in DOCUMENTS:
        if name not in bodies:
            bodies[name] = prepare_body(understood(name, joined), stamped=name not in UNSTAMPED)
    return Answers(generation, bodies, totals, positions, _models(generation, broken)), broken


def joined(fields: Mapping[str, Raw]) -> bytes:
    """A JSON object of values that are encoded already."""
    return b"{%b}" % b",".join(b"%b:%b" % (msgspec.json.encode(key), raw) for key, raw in fields.items())


def array(rows: Iterable[Raw]) -> Raw:
    return Raw(b"[%b]" % b",".join(rows))


class _Marked(Struct, frozen=True):
    marker: int | float | None = field(default=None, name="since_inception_hourly_marker")


class _Identified(Struct, frozen=True):
    id: str = ""
    model_id: str = ""


def _fields(document: bytes) -> dict[str, Raw]:
    """The members of a JSON object without blanks and without ``serverTime``, which every answer has its own of."""
    if b"\n" in document or b": " in document:
        document = msgspec.json.format(document, indent=-1)
    fields = msgspec.json.decode(document, type=dict[str, Raw])
    fields.pop("serverTime", None)
    return fields


def _account_totals_rows(fields: dict[str, Raw]) -> AccountTotalsRows:
    listed = fields.get("accountTotals", Raw(b"[]"))
    markers = [row.marker for row in msgspec.json.decode(listed, type=list[_Marked])]
    known = [int(marker) for marker in markers if marker is not None]
    return AccountTotalsRows(
        others={name: raw for name, raw in fields.items() if name not in ("accountTotals", "lastHourlyMarkerRead")},
        rows=msgspec.json.decode(listed, type=list[Raw]),
        markers=markers,
        first=min(known, default=0),
        last=max(known, default=0),
    )


def _position_rows(fields: dict[str, Raw]) -> PositionRows:
    """Also of documents that have their rows under ``positions`` alone, as nof1 once did."""
    listed = fields.get("accountTotals") or fields.get("positions") or Raw(b"[]")
    rows = []
    for row in msgspec.json.decode(listed, type=list[dict[str, Raw]]):
        positions = msgspec.json.decode(row.pop("positions", Raw(b"{}")), type=dict[str, Raw] | None) or {}
        rows.append((row, positions))
    return PositionRows(
        others={name: raw for name, raw in fields.items() if name not in ("accountTotals", "positions")},
        rows=rows,
        count=sum(len(positions) for _, positions in rows),
    )


def _models(generation: Generation, broken: dict[str, str]) -> dict[str, bytes]:
    """One document per model: its row of ``analytics``, else a document ``analytics-{model}`` of its own."""
    models: dict[str, bytes] = {}
    if "analytics" in generation.documents and "analytics" not in broken:
        try:
            models = _models_listed(generation.documents["analytics"])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            broken["analytics"] = str(error)
    for name, document in generation.documents.items():
        model_id = name.removeprefix("analytics-")
        if model_id != name and model_id not in models:
            try:
                models[model_id] = joined(_fields(document))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                broken[name] = str(error)
    return models


def _models_listed(document: bytes) -> dict[str, bytes]:
    listed = _fields(document).get("analytics", Raw(b"[]"))
    names = msgspec.json.decode(listed, type=list[_Identified])
    rows = msgspec.json.decode(listed, type=list[Raw])
    return {
        name.model_id or name.id: joined({"analytics": array([row])}) for name, row in zip(names, rows, strict=True)
    }
