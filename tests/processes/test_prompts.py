"""A running engine whose prompt is edited: the next slot is asked with the new text, and the journal says so."""

import shutil
from pathlib import Path

from engine.manager import record as r
from tests.processes.quick_arena import PROJECT_ROOT, scripted, write_arena
from tests.processes.running import Tail, call, entries_of, journal_of, running


def test_an_edited_template_is_in_force_at_the_next_slot_of_a_running_engine(tmp_path: Path) -> None:
    template = tmp_path / "mine.j2"
    shutil.copy(PROJECT_ROOT / "prompts" / "executor" / "user.j2", template)
    trader = {**scripted("momentum", "scripted-momentum"), "user_prompt_template": str(template)}
    config = write_arena(tmp_path, {"manager": {"traders": [trader]}})

    with running(config, tmp_path / "engine.log") as engine, Tail(journal_of(config)) as tail:
        tail.wait_for(b'"kind":"Planned"', engine, count=2)
        fresh = tmp_path / "fresh.j2"
        fresh.write_text(template.read_text().replace("Version: 1.1.0", "Version: 1.2.0").replace("Decide now.", "Go."))
        fresh.rename(template)
        tail.wait_for(b'"what":"prompt_switched"', engine)
        tail.wait_for(b'"kind":"Planned"', engine, count=2)

    planned = [entry.record.prompt_version for entry in entries_of(config) if isinstance(entry.record, r.Planned)]
    versions = ["1.1.0" if "/mine 1.1.0" in version else "1.2.0" for version in planned]
    assert versions == sorted(versions)
    assert set(versions) == {"1.1.0", "1.2.0"}
    shown = call("prompt", "show", "momentum", "--recorded", "--config", config)
    assert (shown.returncode, "/mine 1.2.0" in shown.stdout, shown.stdout.endswith("\nGo.\n")) == (0, True, True)
    assert call("journal", "verify", "--config", config).returncode == 0
