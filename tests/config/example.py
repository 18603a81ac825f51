"""A small configuration that loads, as six texts: tests change a line of it and look at what happens."""

from collections.abc import Mapping
from pathlib import Path

from engine.config import Settings, load

TEXTS: Mapping[str, str] = {
    "nof0.yaml": """\
Name: nof0
Env: test
Arena:
  Deployment: example
Postgres:
  DataSource: "${Postgres__DataSource}"
Cache:
  - Host: "${Cache__0__Host}"
    Tls: ${Cache__0__Tls}
LLM:
  File: llm.yaml
Executor:
  File: executor.yaml
Manager:
  File: manager.yaml
Exchange:
  File: exchange.yaml
Market:
  File: market.yaml
""",
    "llm.yaml": """\
api_key: ${ZENMUX_API_KEY}
default_model: script
models:
  script:
    type: scripted
    style: momentum
  gpt-5:
    type: openai
    provider: openai
    model_name: openai/gpt-5
""",
    "executor.yaml": """\
min_confidence: 75
decision_interval: 3m
""",
    "exchange.yaml": """\
default: paper
providers:
  paper:
    type: sim
    sim:
      seed: 1
  second:
    type: sim
  testnet:
    type: hyperliquid
    private_key: ${HYPERLIQUID_PRIVATE_KEY}
    testnet: true
""",
    "market.yaml": """\
default: synthetic
providers:
  synthetic:
    type: synthetic
    coins: [BTC, ETH, SOL]
  other:
    type: synthetic
    seed: 2
  tape:
    type: history
    folder: tape
    coins: [BTC]
  hyperliquid:
    type: hyperliquid
""",
    "manager.yaml": """\
manager:
  total_equity_usd: 1000
  reserve_equity_pct: 10
traders:
  - id: ann
    model: script
    allocation_pct: 40
  - id: bob
    allocation_pct: 50
    decision_interval: 5m
    risk_params:
      max_positions: 2
monitoring:
  update_interval: 15s
""",
}


def write(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """Write the example under ``folder`` with whole texts replaced; the path of its ``nof0.yaml``."""
    etc = folder / "etc"
    for name in ("default.j2", "user.j2"):
        template = folder / "prompts" / "executor" / name
        template.parent.mkdir(parents=True, exist_ok=True)
        template.write_text("{# Version: 1.0.0 #}\nText.\n")
    (etc / "tape").mkdir(parents=True, exist_ok=True)
    for name, text in {**TEXTS, **(changes or {})}.items():
        (etc / name).write_text(text)
    return etc / "nof0.yaml"


def library(
    version: int = 1, reviewed_by: str = "ann", scores: str = "{range: {score: 1, sharpe: 1, return_pct: 1, hours: 9}}"
) -> str:
    """The text of a selector's library of two strategies, one of them with scores."""
    return f"""\
version: {version}
reviewed_by: "{reviewed_by}"
strategies:
  swing:
    strategy: bollinger_range
    about: Back to the middle.
    settings: {{period: 30}}
    scores: {scores}
  cash:
    strategy: cash
    about: Nothing.
"""


def load_example(
    folder: Path, changes: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    return load(write(folder, changes), environ or {})


def with_line(file: str, line: str, replacement: str) -> dict[str, str]:
    """The text of one file with one line (or several) replaced."""
    assert TEXTS[file].count(line) == 1, f"{line!r} stands {TEXTS[file].count(line)} times in {file}"
    return {file: TEXTS[file].replace(line, replacement)}


def with_more(file: str, text: str) -> dict[str, str]:
    return {file: TEXTS[file] + text}
