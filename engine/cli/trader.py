"""``engine trader``: leave a request in the inbox of the running engine and wait for its answer."""

import getpass
import sys
import time
from pathlib import Path
from uuid import uuid4

from engine.cli.configuration import Refused, load_or_refuse
from engine.inbox import Inbox
from engine.manager.control import Command, Verb
from engine.manager.resolve import Ending

WAIT_S = 15.0


def tell(config: Path, verb: Verb, trader: str, reason: str, *, order: str = "", outcome: Ending | None = None) -> int:
    """Post the request; 0 when the engine did it, 1 when it refused, 2 when nobody answered."""
    try:
        settings = load_or_refuse(config)
    except Refused as refused:
        return refused.code
    inbox = Inbox(settings.manager.manager.state_storage_path / "inbox")
    now_ms = time.time_ns() // 1_000_000
    request = f"{now_ms}-{uuid4().hex[:8]}"
    inbox.post(
        Command(
            request=request,
            verb=verb,
            trader=trader,
            by=getpass.getuser(),
            reason=reason,
            order=order,
            outcome=outcome,
            expires_ms=now_ms + int(WAIT_S * 1000),
        )
    )
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        answer = inbox.answer_to(request)
        if answer is not None:
            inbox.withdraw(request)
            print(answer.detail, file=sys.stdout if answer.ok else sys.stderr)
            return 0 if answer.ok else 1
        time.sleep(0.05)
    inbox.withdraw(request)
    print(f"no engine answered within {WAIT_S:.0f} s; the request was withdrawn", file=sys.stderr)
    return 2
