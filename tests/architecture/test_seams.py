"""Nothing but the adapters reaches the machine: one table says which modules do, to what, and why they are adapters."""

import ast
from collections.abc import Mapping

import pytest

from tests.architecture.seams import FAMILIES, reaches
from tests.architecture.source_tree import modules, parsed, relative

# module: (what of the machine it reaches, why it is an adapter)
ADAPTERS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "engine/__main__.py": (("processes",), "the command's exit code"),
    "engine/clock.py": (("time",), "the clock itself: wall and monotonic time, and waiting"),
    "engine/inbox.py": (("files", "processes"), "the operator's commands, as files; named by process id until whole"),
    "engine/killswitch.py": (("files", "processes"), "the halt, as a file; named by process id until whole"),
    "engine/cli/child.py": (("processes",), "the API beside the engine"),
    "engine/cli/configuration.py": (("environment",), "the variables that the configuration names"),
    "engine/cli/halting.py": (("environment",), "who trips the switch"),
    "engine/cli/journal.py": (("files",), "is there a state folder to hold the journal against?"),
    "engine/cli/prompt.py": (("time",), "a prompt as it would be rendered now"),
    "engine/cli/scoring.py": (("files",), "the scores of a library, after its backtests"),
    "engine/cli/run.py": (("files", "processes", "threads"), "the engine's life: lock, signals, the publishing thread"),
    "engine/cli/simulate.py": (("files", "processes", "time"), "universes in many processes, timed; stories as files"),
    "engine/cli/trader.py": (
        ("environment", "time", "chance"),
        "a command: its author, its name, the wait for its answer",
    ),
    "engine/config/decider.py": (("files",), "does the folder of recorded replies exist?"),
    "engine/config/library.py": (("files",), "a selector's library, once at the start"),
    "engine/config/sections.py": (("files",), "the configuration's files, once at the start"),
    "engine/config/trader.py": (("files",), "do candle folder and templates exist, and what is their first line?"),
    "engine/executor/template.py": (("files",), "`Template.load`: a prompt's file, once at the start"),
    "engine/executor/prompt_files.py": (("files",), "has the file of a prompt changed since the last slot?"),
    "engine/backtest/report.py": (("files",), "a backtest's report, after it"),
    "engine/exchange/sim/log.py": (("files",), "what the simulated venue has on disk, as a real one has on its own"),
    "engine/export/published.py": (("files",), "is there a folder of published files?"),
    "engine/journal/aside.py": (("threads",), "the thread in which checkpoints and cycle files are written"),
    "engine/journal/cycles.py": (("files",), "a file a slot"),
    "engine/journal/disk.py": (("files",), "the journal's port for files, on the real disk"),
    "engine/journal/packer.py": (("threads",), "packs segments aside, through the journal's port for files"),
    "engine/journal/writer.py": (("threads",), "groups syncs in a thread, through the journal's port for files"),
    "engine/llm/client.py": (("time",), "the total deadline of a call, and the waits between its attempts"),
    "engine/llm/concurrency.py": (("time",), "the wait for a place, at most as long as the reply is waited for"),
    "engine/llm/endpoint.py": (("time",), "how long an endpoint took"),
    "engine/llm/recorded.py": (("files", "time"), "the recorded replies, at the pace at which they came"),
    "engine/market/candle_files.py": (("files",), "recorded candles"),
    "engine/market/instruments.py": (("files",), "the table of instruments that is part of the package"),
}
# What runs in a simulated universe or a backtest as it stands: everything it knows of the world comes through a port.
CORE = (
    "engine/model",
    "engine/indicators.py",
    "engine/executor",
    "engine/manager",
    "engine/exchange/sim",
    "engine/simulation",
    "engine/journal/chain.py",
    "engine/journal/inline.py",
    "engine/journal/memory.py",
    "engine/journal/reader.py",
    "engine/journal/recovery.py",
    "engine/journal/segments.py",
    "engine/journal/sequencer.py",
    "engine/export/projection.py",
    "engine/backtest/driver.py",
    "engine/market/synthetic.py",
    "engine/market/history.py",
)
AT_THE_EDGE = (  # of the core's folders those that have a disk
    "engine/exchange/sim/log.py",
    "engine/executor/prompt_files.py",
    "engine/executor/template.py",
)


WAYS_AROUND = [
    ("time", "import time\nnow = time.time()"),
    ("time", "from time import monotonic as passed\nprint(passed())"),
    ("time", "import asyncio\nasync def f():\n    await asyncio.sleep(1)"),
    ("time", "from datetime import datetime\nprint(datetime.now())"),
    ("chance", "import random\nprint(random.random())"),
    ("chance", "from random import choice\nprint(choice([1]))"),
    ("chance", "import uuid\nprint(uuid.uuid4())"),
    ("chance", "import numpy as np\nprint(np.random.default_rng())"),
    ("files", "print(open('x').read())"),
    ("files", "def f(path):\n    return path.read_text()"),
    ("files", "from pathlib import Path\nPath('x').write_bytes(b'')"),
    ("files", "def f(path):\n    path.rename('y')"),
    ("files", "def f(path):\n    path.replace(path.parent)"),
    ("files", "def f(path):\n    path.touch()"),
    ("files", "def f(path):\n    with path.open('rb') as file:\n        return file"),
    ("files", "def f(path):\n    return path.open(encoding='utf-8')"),
    ("files", "def f(paths):\n    return list(map(lambda path: path.unlink, paths))"),
    ("files", "import os\nos.fsync(3)"),
    ("files", "from os import unlink as forget\nforget('x')"),
    ("files", "import os.path\nprint(os.path.exists('x'))"),
    ("files", "import fcntl"),
    ("files", "import mmap as memory"),
    ("files", "from tempfile import mkdtemp"),
    ("files", "import shutil\nshutil.rmtree('x')"),
    ("files", "import numpy as np\nprint(np.load('x'))"),
    ("network", "import socket"),
    ("network", "import ssl"),
    ("network", "from urllib.request import urlopen"),
    ("network", "import httpx\nhttpx.get('x')"),
    ("network", "import asyncio\nasync def f():\n    return await asyncio.open_connection('x', 1)"),
    ("network", "async def f(loop):\n    return await loop.create_connection(print)"),
    ("processes", "import subprocess"),
    ("processes", "import os\nos.kill(1, 9)"),
    ("processes", "from os import fork\nfork()"),
    ("processes", "import sys\nsys.exit(1)"),
    ("processes", "exit(1)"),
    ("processes", "import signal"),
    ("processes", "import atexit"),
    ("processes", "def f(loop):\n    loop.add_signal_handler(15, print)"),
    ("environment", "import os\nprint(os.environ['HOME'])"),
    ("environment", "from os import getenv\nprint(getenv('HOME'))"),
    ("threads", "import threading"),
    ("threads", "from concurrent.futures import ThreadPoolExecutor"),
    ("threads", "import asyncio\nasync def f():\n    await asyncio.to_thread(print)"),
    ("threads", "async def f(loop):\n    await loop.run_in_executor(None, print)"),
]


def test_only_the_adapters_reach_around_a_port_and_each_only_to_what_it_is_for() -> None:
    allowed = {module: families for module, (families, _) in ADAPTERS.items()}

    around = [
        f"{relative(path)}:{line}: {name} ({family})"
        for path in modules("engine")
        for line, family, name in reaches(parsed(path))
        if family not in allowed.get(relative(path), ())
    ]

    assert around == [], "ask a port for it, or say in the table why this module is an adapter"


def test_no_entry_of_the_table_is_stale() -> None:
    reached = {relative(path): {family for _, family, _ in reaches(parsed(path))} for path in modules("engine")}

    stale = [
        f"{module}: {family}"
        for module, (families, _) in ADAPTERS.items()
        for family in families
        if family not in reached.get(module, set())
    ]

    assert stale == []


def test_the_core_is_no_adapter() -> None:
    core = {relative(path) for path in modules(*CORE)}

    assert core >= {"engine/manager/gateway.py", "engine/journal/inline.py", "engine/export/projection.py"}
    assert sorted(core & ADAPTERS.keys()) == list(AT_THE_EDGE)


@pytest.mark.parametrize(("family", "code"), WAYS_AROUND)
def test_a_way_around_a_port_is_found(family: str, code: str) -> None:
    assert [found for _, found, _ in reaches(ast.parse(code))][:1] == [family]


def test_a_way_around_is_tried_for_every_family() -> None:
    assert {family for family, _ in WAYS_AROUND} == set(FAMILIES)


@pytest.mark.parametrize(
    "code",
    [
        "text = 'a-b'.replace('-', '_')",
        "import msgspec\ncase = msgspec.structs.replace(1, a=2)",
        "class Bar:\n    open: float\n    exit: str",
        "def f(journal, folder):\n    return journal.open(folder)",
        "def f(log, number):\n    return log.open(number)",
        "def f(fs, path):\n    fs.unlink(path)",
        "import os\nprint(os.path.join('a', 'b'), os.fspath('c'))",
        "from random import Random\ndraw = Random(7).random()",
        "from datetime import UTC, datetime\nprint(datetime.fromtimestamp(0, UTC))",
        "import asyncio\nasync def f(tasks):\n    await asyncio.wait(tasks)",
        "def touch(market, coin):\n    market.touch(coin, 1)",
        "from urllib.parse import quote\nprint(quote('x'))",
    ],
)
def test_what_only_looks_like_one_is_left_alone(code: str) -> None:
    assert reaches(ast.parse(code)) == []
