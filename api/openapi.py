"""The OpenAPI 3.1 description of the API, made from the wire structs themselves."""

from typing import Any, Final

import msgspec

from api.errors import ErrorBody
from api.handoff.schema import DOCUMENT_TYPES
from api.handoff.wire import Wire
from api.health import Health

_SUMMARIES: Final = {
    "crypto-prices": "The newest price of each coin.",
    "account-totals": "Equity, profit and open positions of each trader, hour by hour.",
    "trades": "All completed trades.",
    "leaderboard": "The ranking of the traders.",
    "analytics": "Tables of statistics for each trader.",
    "conversations": "The newest conversations with each model.",
    "positions": "The open positions of each trader.",
    "since-inception-values": "When each trader started, and with what net asset value.",
}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "account-totals": {
        "name": "lastHourlyMarker",
        "in": "query",
        "description": "Only rows whose since_inception_hourly_marker is this or later; 0 is everything.",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
    },
    "positions": {
        "name": "limit",
        "in": "query",
        "description": "At most this many positions.",
        "schema": {"type": "integer", "minimum": 0, "default": 1000},
    },
}
_MODEL_ID: Final = {
    "name": "modelId",
    "in": "path",
    "required": True,
    "description": "A model id; an unknown one gets an empty list.",
    "schema": {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9._-]+$"},
}
_HEADERS: Final = {
    "ETag": "Weak, over the data without serverTime.",
    "X-Snapshot-Generation": "The number of the published set that this answer was made from.",
    "X-Snapshot-Age-Ms": "How long ago that set was published, in milliseconds.",
}


def openapi_document() -> dict[str, Any]:
    paths = {f"/api/{name}": {"get": _document(name, document)} for name, document in DOCUMENT_TYPES.items()}
    one_model = _document("analytics", DOCUMENT_TYPES["analytics"])
    one_model |= {
        "operationId": "model-analytics",
        "summary": "The tables of one trader, as a list of one.",
        "parameters": [_MODEL_ID],
    }
    paths["/api/analytics/{modelId}"] = {"get": one_model}
    paths["/health"] = {"get": _health()}
    _, components = msgspec.json.schema_components(
        [*DOCUMENT_TYPES.values(), Health, ErrorBody], ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nof0",
            "version": "1",
            "description": "An arena of trading models in the nof1 wire format. Times are seconds, except serverTime "
            "and the timestamps of prices: these are milliseconds. Unknown query parameters are ignored.",
        },
        "paths": paths,
        "components": {"schemas": {name: _on_the_wire(schema) for name, schema in components.items()}},
    }


def _document(name: str, document: type[Wire]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": _SUMMARIES[name],
        "responses": {
            "200": {
                "description": "The document as of the newest published set; empty when nothing was published yet.",
                "headers": {
                    header: {"description": description, "schema": {"type": "string"}}
                    for header, description in _HEADERS.items()
                },
                "content": {"application/json": {"schema": _reference(document.__name__)}},
            },
            "304": {"description": "The data has not changed since If-None-Match."},
        },
    }
    if name in _PARAMETERS:
        operation["parameters"] = [_PARAMETERS[name]]
        operation["responses"]["400"] = {
            "description": "The parameter is not a whole number from 0 up.",
            "content": {"application/json": {"schema": _reference("ErrorBody")}},
        }
    return operation


def _health() -> dict[str, Any]:
    return {
        "operationId": "health",
        "summary": "Which published set is being served, and how old it is.",
        "responses": {
            "200": {"description": "Always.", "content": {"application/json": {"schema": _reference("Health")}}}
        },
    }


def _on_the_wire(schema: dict[str, Any]) -> dict[str, Any]:
    """The structs have defaults for those who build them; on the wire every key is there, and positions twice."""
    properties = {
        name: {key: value for key, value in described.items() if key != "default"}
        for name, described in schema["properties"].items()
    }
    if schema["title"] == "Positions":
        properties["positions"] = properties["accountTotals"]
    return schema | {"properties": properties, "required": list(properties)}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
