"""How answers travel: encodings, conditional requests, methods, parameters without sense, paths that do not exist."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import zstandard

from api.handoff.generation import Publisher
from api.responses import matches, negotiated
from tests.api.documents import documents, published
from tests.api.serving import PATHS, serving, wait_until


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with serving(folder) as client:
        yield client


def raw(client: httpx.Client, path: str, encoding: str) -> tuple[httpx.Response, bytes]:
    with client.stream("GET", path, headers={"accept-encoding": encoding}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", PATHS)
def test_the_same_document_comes_plain_as_gzip_and_as_zstd(client: httpx.Client, path: str) -> None:
    decoders: dict[str, Callable[[bytes], bytes]] = {
        "identity": bytes,
        "gzip": gzip.decompress,
        "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    }
    documents, etags = [], []

    for encoding, decode in decoders.items():
        answer, body = raw(client, path, encoding)
        assert int(answer.headers["content-length"]) == len(body)
        assert answer.headers.get("content-encoding", "identity") == encoding
        assert answer.headers["vary"] == "Accept-Encoding"
        document = json.loads(decode(body))
        document.pop("serverTime", None)
        documents.append(document)
        etags.append(answer.headers["etag"])

    assert documents[0] == documents[1] == documents[2]
    assert etags[0] == etags[1] == etags[2]
    assert etags[0].startswith('W/"')


@pytest.mark.parametrize("path", PATHS)
def test_server_time_is_the_last_key_of_all_but_the_leaderboard(client: httpx.Client, path: str) -> None:
    keys = list(client.get(path).json())

    assert ("serverTime" in keys) == (path != "/api/leaderboard")
    assert path == "/api/leaderboard" or keys[-1] == "serverTime"


def test_the_etag_stays_while_server_time_moves_on(client: httpx.Client) -> None:
    first = client.get("/api/trades")
    wait_until(lambda: client.get("/api/trades").json()["serverTime"] > first.json()["serverTime"])

    assert client.get("/api/trades").headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("path", [*PATHS, "/api/account-totals?lastHourlyMarker=3", "/api/positions?limit=1"])
def test_who_has_the_data_already_gets_304_without_a_body(client: httpx.Client, path: str) -> None:
    etag = client.get(path).headers["etag"]

    for tag in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        answer = client.get(path, headers={"if-none-match": tag})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert "x-snapshot-generation" in answer.headers
    assert client.get(path, headers={"if-none-match": 'W/"other"'}).status_code == 200


@pytest.mark.parametrize("path", [*PATHS, "/health", "/schema/openapi.json"])
def test_head_gets_the_headers_of_get_and_no_body(client: httpx.Client, path: str) -> None:
    get, head = client.get(path), client.head(path)

    moving = {"date", "x-snapshot-age-ms"} | ({"content-length"} if path == "/health" else set())
    assert (head.status_code, head.content) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k not in moving} == {
        k: v for k, v in get.headers.items() if k not in moving
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_get_405_and_are_told_which_would_do(client: httpx.Client, method: str) -> None:
    for path in (*PATHS, "/health"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    "value",
    ["-1", "1.5", "abc", "", "NaN", "1_0", "%2B1", "%EF%BC%91", "0x1", "9" * 30, "1&limit=2&lastHourlyMarker=2"],
)
@pytest.mark.parametrize("parameter", ["/api/positions?limit", "/api/account-totals?lastHourlyMarker"])
def test_a_parameter_that_is_no_whole_number_gets_400_and_the_reason(
    client: httpx.Client, parameter: str, value: str
) -> None:
    answer = client.get(f"{parameter}={value}")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_PARAMETER"
    assert parameter.rpartition("?")[2] in answer.json()["error"]["message"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/nothing", "/api/trades/1", "/api/trades.json", "/apix", "/api/analytics-gpt-5", "/etc"]
)
def test_an_unknown_path_gets_404_in_json(client: httpx.Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "model",
    [
        "nobody",
        "..%2f..%2fmanifest",
        "%2e%2e%2fmanifest",
        "..%5cmanifest",
        "%00",
        "%ff%fe",
        "a" * 5000,
        "{}",
        "gpt-5%20",
    ],
)
def test_an_unknown_model_gets_an_empty_list_whatever_its_name(client: httpx.Client, model: str) -> None:
    answer = client.get(f"/api/analytics/{model}")

    assert (answer.status_code, answer.json()["analytics"]) == (200, [])


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (3, 3), (4, 4), (1000, 4), (10**12, 4)])
def test_limit_is_the_largest_number_of_positions(client: httpx.Client, limit: int, count: int) -> None:
    answer = client.get(f"/api/positions?limit={limit}").json()

    assert sum(len(row["positions"]) for row in answer["accountTotals"]) == count
    assert [row["model_id"] for row in answer["accountTotals"]] == ["gpt-5", "qwen3-max"]
    assert answer["positions"] == answer["accountTotals"]


def test_answers_say_which_set_they_are_from_and_how_old_it_is(client: httpx.Client) -> None:
    answer, health = client.get("/api/trades"), client.get("/health").json()

    assert answer.headers["x-snapshot-generation"] == "1"
    assert int(answer.headers["x-snapshot-age-ms"]) > 0
    assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert health["journal_head"] == {"seq": 41, "hash": "ab" * 32}
    assert health["status"] == "stale"


def test_an_unchanged_document_keeps_its_etag_in_the_next_generation(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish(documents(price=1), None, 1_760_000_000_000)
    with serving(tmp_path) as client:
        before = [client.get(path).headers["etag"] for path in PATHS]

        publisher.publish(documents(price=2), None, 1_760_000_001_000)
        wait_until(lambda: client.get("/health").json()["generation"] == 2)
        after = [client.get(path).headers["etag"] for path in PATHS]

    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_the_schema_documents_every_path_and_parameter(client: httpx.Client) -> None:
    described = client.get("/schema").json()

    assert {path.replace("{modelId}", "gpt-5") for path in described["paths"]} == {*PATHS, "/health"}
    assert described["paths"]["/api/positions"]["get"]["parameters"][0]["name"] == "limit"
    assert described["paths"]["/api/account-totals"]["get"]["parameters"][0]["name"] == "lastHourlyMarker"
    assert described == client.get("/schema/openapi.json").json()


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_exactly_the_keys_that_the_schema_describes(client: httpx.Client, path: str) -> None:
    described = client.get("/schema").json()
    get = described["paths"][path.replace("gpt-5", "{modelId}")]["get"]
    name = get["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]

    assert set(client.get(path).json()) == set(described["components"]["schemas"][name]["required"])


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (b"", "identity"),
        (b"gzip, deflate", "gzip"),
        (b"gzip, deflate, br, zstd", "zstd"),
        (b"zstd;q=0.5, gzip", "gzip"),
        (b"gzip;q=0", "identity"),
        (b"*", "zstd"),
        (b"*, zstd;q=0", "gzip"),
        (b"identity, gzip;q=0.5", "identity"),
        (b"GZIP;q=abc", "identity"),
        (b"br", "identity"),
    ],
)
def test_the_encoding_is_the_one_the_client_likes_best(accepted: bytes, chosen: str) -> None:
    assert negotiated(accepted) == chosen


def test_tags_are_compared_weakly() -> None:
    assert matches(b'"a"', b'W/"a"')
    assert matches(b'"b" , W/"a"', b'W/"a"')
    assert not matches(b'W/"ab"', b'W/"a"')
