"""The API's part of etc/nof0.yaml: what is read, what it falls back on, and everything that is wrong at once."""

from pathlib import Path

import pytest

from api.config import Settings, load_settings
from api.errors import ConfigError


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    (tmp_path / "etc").mkdir(exist_ok=True)
    (tmp_path / "etc" / "nof0.yaml").write_text(text)
    return load_settings(tmp_path / "etc" / "nof0.yaml", environ or {})


def complaints(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    return str(refused.value).splitlines()


def test_an_empty_file_means_loopback_and_the_folder_beside_etc(tmp_path: Path) -> None:
    settings = load(tmp_path, "")

    assert (settings.host, settings.port, settings.source, settings.env) == ("127.0.0.1", 8888, "json", "test")
    assert settings.data_path == tmp_path / "mcp_data"
    assert settings.stale_after_s == 300


def test_every_key_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "Env: prod\nHost: 0.0.0.0\nPort: 80\nDataPath: /data\nTTL: {Short: 1, Medium: 2, Long: 3}\nApi: {Source: json}",
    )

    assert settings == Settings(
        host="0.0.0.0",
        port=80,
        data_path=Path("/data"),
        stale_after_s=3,
        source="json",
        env="prod",
    )


def test_keys_of_the_engine_are_none_of_its_business(tmp_path: Path) -> None:
    load(tmp_path, "Name: nof0\nPostgres: {DataSource: '${NOT_SET}'}\nCache: []\nLLM: {File: llm.yaml}\nJournal: 1")


def test_variables_are_filled_in_and_may_have_a_default(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "Host: ${HOST}\nPort: ${PORT:-99}\nDataPath: ${ROOT:-..}/${NAME:-}data", {"HOST": "::1", "ROOT": "/r"}
    )

    assert (settings.host, settings.port, settings.data_path) == ("::1", 99, Path("/r/data"))


def test_everything_that_is_wrong_is_said_at_once_with_file_and_key(tmp_path: Path) -> None:
    lines = complaints(
        tmp_path,
        "Env: live\nHost: 7\nPort: on\nDataPath: ''\nTTL: {Long: 1e3, Lnog: 5}\nApi:\n  Source: ${NOT_SET}",
    )

    assert all(line.startswith(f"{tmp_path}/etc/nof0.yaml: ") for line in lines)
    expected = [
        "Env was 'live'",
        "Host was 7",
        "Port was True",
        "DataPath was ''",
        "TTL.Long was '1e3'",
        "TTL.Lnog is not known",
        "Api.Source needs the environment variable NOT_SET",
    ]
    for key in expected:
        assert sum(key in line for line in lines) == 1, key
    assert len(lines) == len(expected)


def test_answers_from_the_tables_are_refused_clearly(tmp_path: Path) -> None:
    [line] = complaints(tmp_path, "Api: {Source: postgres}")

    assert "Api.Source was 'postgres'" in line
    assert "not part of this version" in line


@pytest.mark.parametrize(
    "text", ["[]", "just text", "{", "\t- x", "Api: 3", "TTL: []", "TTL: {Long: 0}", "Port: 65536", "Port: -1"]
)
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, text: str) -> None:
    assert complaints(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path / "nothing.yaml", {})
