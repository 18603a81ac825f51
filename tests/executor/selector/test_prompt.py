"""The shipped prompt of selectors, word for word, for a fixed slot; and that its answer can be read."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.executor.executor import ask, understand
from engine.executor.ports import Reply
from engine.executor.prompt import PromptError, PromptSet, Rendered, Template
from engine.executor.selector.reply import ParsedWeights
from engine.executor.selector.selector import Selector
from engine.executor.strict_json import ReplyMalformed
from engine.llm.scripted import ScriptedModel
from engine.model.market import Column, MarketSnapshot, Window
from engine.model.position import Position
from engine.model.selection import Selection, Sleeve
from tests.executor.prompt.injections import INJECTIONS
from tests.executor.prompt.scene import LONG_MS, NOW_MS, PROMPTS, SERIES_MS, context
from tests.executor.selector.libraries import HOUR_MS, Told, a_library, a_selector

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = PromptSet(
    system=Template.load(PROMPTS / "executor" / "selector.j2"), user=Template.load(PROMPTS / "executor" / "user.j2")
)
LIBRARY = a_library(
    {"trend": Told(), "swing": Told(), "cash": Told()},
    {"trend": {"trend_up": 3.0, "range": 0.0}, "swing": {"range": 2.0, "trend_up": 1.0}},
)
WEIGHED = Selection(
    weighed_ms=NOW_MS - HOUR_MS,
    by="model",
    weights={"trend": 0.75, "cash": 0.25},
    sleeves=(Sleeve(strategy="trend", coin="BTC", quantity=Decimal("0.1"), entry=Decimal(110_000)),),
)
# Three quarters of what the sleeve holds.
HELD = Position(coin="BTC", quantity=Decimal("0.075"), cost_usd=Decimal("0.075") * 110_000, leverage=5)


class Sloping(MarketSnapshot):
    """The market of a scene in which every coin is in an uptrend of hours."""

    def __init__(self, market: MarketSnapshot) -> None:
        super().__init__(market.time_ms, market.coins, market.marks)
        self.coin, self._window = market.coin, market.window  # type: ignore[method-assign]

    def coin(self, coin: str) -> Any:
        raise AssertionError("replaced by the scene's")

    def window(self, coin: str) -> Window | None:
        found = self._window(coin)
        if found is None:
            return None
        hours = {Column("ema", 20, HOUR_MS): 102.0, Column("ema", 50, HOUR_MS): 100.0}
        ranges = {Column("atr", 7, HOUR_MS): 1.0, Column("atr", 50, HOUR_MS): 1.0}
        more = {column: [value] * (found.index + 1) for column, value in (hours | ranges).items()}
        return Window(coin, {**found._columns, **more}, found.index)


def asked(selection: Selection, selector: Selector | None = None) -> Rendered:
    scene = context()
    account = replace(scene.account, positions={**scene.account.positions, "BTC": HELD})
    shown = replace(scene, market=Sloping(scene.market), selection=selection, account=account)
    return ask(shown, TEMPLATES, SERIES_MS, LONG_MS, selector or a_selector(LIBRARY))


@pytest.mark.parametrize(("name", "selection"), [("weighed", WEIGHED), ("first", Selection())])
def test_a_selector_is_asked_this(name: str, selection: Selection, golden: Callable[[Path, str], None]) -> None:
    rendered = asked(selection)

    system, user = rendered.messages
    golden(GOLDEN / f"{name}.txt", system.content)
    assert "## BTC\nmark: 110000\n" in user.content  # the market as every model is shown it
    assert "executor/selector 1.0.0" in rendered.version


def test_the_scores_that_suggest_are_those_of_the_regimes_that_are_told() -> None:
    system = asked(WEIGHED).messages[0].content

    # In an uptrend: three for trend and one for swing.
    assert "- BTC trend up\n" in system
    assert "weight by its scores alone: 0.75" in system.partition("## trend\n")[2].partition("## ")[0]
    assert "weight by its scores alone: 0.25" in system.partition("## swing\n")[2].partition("## ")[0]


@pytest.mark.parametrize(
    ("style", "weights"),
    [
        ("momentum", {"trend": 0.75, "swing": 0.25, "cash": 0.0}),
        ("cautious", {"trend": 0.375, "swing": 0.125, "cash": 0.5}),
    ],
)
def test_a_scripted_model_answers_it_by_the_scores(style: str, weights: dict[str, float]) -> None:
    rendered = asked(WEIGHED)
    raw = ScriptedModel("script", style=style).answer("\n".join(message.content for message in rendered.messages))

    parsed = understand(Reply(raw=raw.encode(), model="script"), context(), "auto", a_selector(LIBRARY))

    assert isinstance(parsed, ParsedWeights)
    assert parsed.weights == weights
    assert "No language model was called" in parsed.thoughts


def test_decisions_are_no_answer_to_it() -> None:
    raw = b'{"decisions": [{"symbol": "BTC", "signal": "buy_to_enter", "quantity": 1}]}'

    with pytest.raises(ReplyMalformed, match="no JSON object with weights"):
        understand(Reply(raw=raw, model="x"), context(), "auto", a_selector(LIBRARY))


def test_a_sleeve_whose_stop_was_reached_is_not_shown_as_held() -> None:
    (sleeve,) = WEIGHED.sleeves
    stopped = replace(WEIGHED, sleeves=(replace(sleeve, stop_loss=Decimal(110_001)),))

    assert "holds now: BTC long" in asked(WEIGHED).messages[0].content
    assert "holds now: BTC long" not in asked(stopped).messages[0].content


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_sleeve_in_a_coin_of_that_name_never_reaches_the_system_message(name: str) -> None:
    (sleeve,) = WEIGHED.sleeves

    with pytest.raises(PromptError, match="has a name that no reply could give"):
        asked(replace(WEIGHED, sleeves=(replace(sleeve, coin=INJECTIONS[name]),)))


def test_the_template_of_selectors_refuses_a_trader_that_has_nothing_to_select() -> None:
    with pytest.raises(PromptError, match=r"selector\.j2"):
        ask(context(), TEMPLATES, SERIES_MS, LONG_MS)
