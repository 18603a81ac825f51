"""The page about risk has a row for every rule, and the page about strategies a heading and a row for every setting."""

from pathlib import Path

import pytest
from msgspec.structs import fields

from engine.executor.risk import RULES
from engine.executor.strategies import STRATEGIES
from engine.executor.strategies.catalogue import settings_of

DOCS = Path(__file__).resolve().parents[3] / "docs"
RISK = (DOCS / "risk.md").read_text(encoding="utf-8")
PAGE = (DOCS / "strategies.md").read_text(encoding="utf-8")


def test_every_rule_has_its_row() -> None:
    rows = [line.split("`")[1] for line in RISK.splitlines() if line.startswith("| `")]

    assert sorted(rows) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "funding_arbitrage"])
def test_every_strategy_has_its_heading_and_its_settings(name: str) -> None:
    shared, *sections = PAGE.split("\n## ")

    (section,) = [section for section in sections if section.startswith(f"{name}\n")]

    settings = [field.name for field in fields(settings_of(name))]
    assert [setting for setting in settings if f"`{setting}`" not in section + shared] == []
