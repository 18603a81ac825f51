"""The switch of prompts: a trader that is asked with other templates than before is an incident, so that it is seen."""

from engine.executor.prompt import Rendered
from engine.manager.desk import Desk
from engine.manager.record import Incident
from engine.manager.recorder import Recorder


def say_switch(desk: Desk, recorder: Recorder, rendered: Rendered) -> None:
    """Say that the templates differ from those of the trader's last planned slot; nothing when they do not.

    The last slot may have been that of an earlier run: templates that were edited while the engine stood still are
    noticed as well, also when nobody gave them a new version.
    """
    before = recorder.state.traders[desk.trader].prompt
    if before is None or before.templates == rendered.templates:
        return
    old, new = before.version, rendered.version
    if old == new:
        detail = f"the text of {new} changed under its old versions, {before.templates} to {rendered.templates}"
    else:
        detail = f"{old} ({before.templates}) became {new} ({rendered.templates})"
    recorder.say(Incident(account=desk.account, what="prompt_switched", detail=f"{desk.trader}: {detail}"), desk.trader)
