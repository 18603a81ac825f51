"""The kill switch, tripped at every effect: what has not left by then and opens something does not leave any more."""

import pytest

from engine.manager.halt import MODES, Halt, Mode
from engine.simulation.crashes import SCENARIOS, effects_of
from engine.simulation.site import Switch
from engine.simulation.trips import LATEST_MS, Tripped, switched


@pytest.mark.parametrize("name", SCENARIOS)
def test_tripped_at_any_effect_in_any_mode_nothing_opens_a_second_later(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = switched(name, 0)

    with capsys.disabled():
        print(
            f"\n{name}: {found.ran.universes} trips at {found.boundaries} effects, {found.under_way} of them with an "
            f"order under way, {found.opening} opening orders left, the last {found.latest_ms} ms after the trip"
        )
    assert found.ran.broken == []
    assert found.boundaries == effects_of(SCENARIOS[name])
    assert found.ran.universes == found.boundaries * len(MODES)
    assert found.latest_ms <= LATEST_MS
    assert found.under_way > found.boundaries  # of three trips at an effect more than one in the middle of an order
    assert found.opening  # those whose own departure was the effect
    assert found.reducing


def test_a_flatten_leaves_nobody_anything_and_the_other_modes_leave_positions_alone() -> None:
    flat = {mode: Tripped(SCENARIOS["quiet"], 30, mode).trip().flat for mode in modes()}

    assert flat == {"no_opens": False, "reduce_only": False, "flatten_own": True}


def test_an_engine_that_does_not_look_at_the_switch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Switch, "read", lambda switch: None)

    broken = Tripped(SCENARIOS["quiet"], 20, "no_opens").trip().outcome.violation

    assert broken is not None
    assert broken.promise == "P11"


def test_an_engine_that_is_told_a_minute_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(switch: Switch) -> Halt | None:
        return switch.halt if switch._now_ms() - switch.since_ms > 61_000 else None

    monkeypatch.setattr(Switch, "read", late)

    broken = [Tripped(SCENARIOS["quiet"], at, "no_opens").trip().outcome.violation for at in (10, 20, 30)]

    assert [found.promise for found in broken if found is not None] == ["P11"] * 3


def modes() -> list[Mode]:
    """The three strengths."""
    return ["no_opens", "reduce_only", "flatten_own"]
