"""Mutants: defects of the engine that are switched on one at a time. Whoever cannot see them cannot see anything.

Which seeds show which is in ``mutants.json``; ``python -m tests.simulation.measure`` finds them anew.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from msgspec import Struct

import engine.journal.checkpointer as checkpointer
import engine.journal.recovery as recovery
import engine.manager.acting as acting
import engine.manager.exits as exits
import engine.manager.fold as fold
import engine.manager.plan as plan
import engine.manager.watch as watch
import engine.model.account as account
import engine.simulation.disk as disk
import engine.simulation.process as process
from engine.manager import record as r
from engine.manager.state import State
from tests.simulation import defects


class Mutant(Struct, frozen=True):
    """One defect, and whose bug it is elsewhere: ``R-nn`` are those of the Go reference."""

    name: str
    whose: str
    switch: defects.Switch

    @contextmanager
    def on(self) -> Iterator[None]:
        """Have the defect in the engine meanwhile."""
        with ExitStack() as stack:
            self.switch(stack)
            yield


MUTANTS: tuple[Mutant, ...] = (
    Mutant("no_sync", "R-07", defects.no_sync),
    Mutant("act_first", "R-06", defects.act_first),
    Mutant("unresolved_is_rejected", "hummingbot #493, catalyst #317", defects.unresolved_is_rejected),
    Mutant("blind_retry", "users of SDKs", defects.retry(new_id=False)),
    Mutant("blind_retry_new_id", "R-04: bots without ids", defects.retry(new_id=True)),
    Mutant("give_up_after_3", "hummingbot, nautilus", defects.give_up(3)),
    Mutant("status_only", "python SDK #253", defects.give_up(1)),
    Mutant("no_grace", "-", defects.one_absence),
    Mutant("consumed_is_never", "-", defects.consumed_is_never),
    Mutant("reject_is_fill", "R-02", defects.error_is_fill(True)),
    Mutant("assume_full", "R-02", defects.error_is_fill(False)),
    Mutant("no_trade_id_dedup", "-", defects.folding(r.Filled, defects.forgets_fills)),
    Mutant("seen_before_reading", "ours, before", defects.seen_before_reading),
    Mutant("no_looking_back", "ours, before", defects.no_looking_back),
    Mutant("resolve_first", "-", defects.instead(fold, "_ended", defects.forgotten_at_once)),
    Mutant("lose_positions", "R-09", defects.wrapped(process, "replay", defects.loses_positions)),
    Mutant("checkpoint_forgets", "-", defects.wrapped(checkpointer, "encode", defects.forgets_plans)),
    Mutant("float_money", "Go reference", defects.wrapped(account, "apply_fill", defects.float_money)),
    Mutant("unsaid_change", "-", defects.wrapped(watch, "exit_due", defects.unsaid)),
    Mutant("close_whole_account", "R-11", defects.wrapped(exits, "close_position", defects.whole_account)),
    Mutant("fund_twice", "-", defects.funds_twice),
    Mutant("late_funding_lost", "ours, before", defects.late_funding_lost),
    Mutant("verdicts_ignored", "R-01, R-03, R-14", defects.no_gateway_caps),
    Mutant("no_coin_lock", "-", defects.instead(State, "pending", lambda self, account: ())),
    Mutant("opens_after_failed_close", "ours, before", defects.instead(acting, "_unfilled", lambda *a: "")),
    Mutant("switch_ignored", "-", defects.no_switch),
    Mutant("stopped_too_early", "ours, before", defects.stopped_too_early),
    Mutant("ids_by_minute", "R-05", defects.instead(plan, "client_order_id", defects.minute_ids)),
    Mutant("stops_ignored", "R-12", defects.instead(watch, "hit_at", lambda *a: None)),
    Mutant("one_after_the_other", "R-15", defects.one_after_the_other),
    Mutant("ask_again", "-", defects.resume),
    Mutant("torn_tail_fatal", "R-08", defects.instead(recovery, "_check_droppable", defects.no_tolerance)),
    Mutant("no_lock", "-", defects.instead(disk.ProcessDisk, "lock", defects.no_lock)),
    Mutant("never_resolve", "-", defects.wrapped(watch, "resolve", defects.stubborn)),
    Mutant("read_failure_is_fatal", "ours, before", defects.fatal_reads),
)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
