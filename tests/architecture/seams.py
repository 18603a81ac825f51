"""Finds what reaches the machine around a port: time, chance, files, network, processes, the environment, threads."""

import ast
import random
from collections.abc import Iterator, Mapping

# Names by family; a name with a dot at its end stands for everything in that module.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "time.",
        "sched.",
        "asyncio.sleep",
        "asyncio.timeout",
        "asyncio.timeout_at",
        "asyncio.wait_for",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
    ),
    "chance": (
        *(f"random.{name}" for name in sorted(set(random.__all__) - {"Random"})),
        "secrets.",
        "uuid.uuid1",
        "uuid.uuid4",
        "os.urandom",
        "os.getrandom",
        "numpy.random.",
    ),
    "files": (
        "open",
        "io.open",
        "io.FileIO",
        "shutil.",
        "tempfile.",
        "fcntl.",
        "mmap.",
        "glob.",
        "fileinput.",
        "linecache.",
        "sqlite3.",
        "dbm.",
        "shelve.",
        "gzip.open",
        "gzip.GzipFile",
        "bz2.open",
        "lzma.open",
        "zipfile.",
        "tarfile.",
        "importlib.resources.",
        "numpy.load",
        "numpy.save",
        "numpy.savez",
        "numpy.loadtxt",
        "numpy.savetxt",
        "numpy.fromfile",
        "numpy.memmap",
        "os.open",
        "os.fdopen",
        "os.read",
        "os.write",
        "os.close",
        "os.fsync",
        "os.fdatasync",
        "os.sync",
        "os.truncate",
        "os.ftruncate",
        "os.rename",
        "os.replace",
        "os.unlink",
        "os.remove",
        "os.mkdir",
        "os.makedirs",
        "os.rmdir",
        "os.removedirs",
        "os.link",
        "os.symlink",
        "os.listdir",
        "os.scandir",
        "os.walk",
        "os.stat",
        "os.lstat",
        "os.fstat",
        "os.access",
        "os.chmod",
        "os.utime",
        "os.getcwd",
        "os.chdir",
        "os.umask",
        "os.path.exists",
        "os.path.isfile",
        "os.path.isdir",
        "os.path.getsize",
        "os.path.getmtime",
        "os.path.realpath",
        "os.path.abspath",
        "pathlib.Path.cwd",
        "pathlib.Path.home",
    ),
    "network": (
        "socket.",
        "ssl.",
        "select.",
        "selectors.",
        "socketserver.",
        "http.",
        "urllib.request.",
        "ftplib.",
        "smtplib.",
        "httpx.",
        "requests.",
        "aiohttp.",
        "websockets.",
        "asyncio.open_connection",
        "asyncio.start_server",
        "asyncio.open_unix_connection",
        "asyncio.start_unix_server",
    ),
    "processes": (
        "subprocess.",
        "multiprocessing.",
        "concurrent.futures.ProcessPoolExecutor",
        "concurrent.futures.process.",
        "signal.",
        "atexit.",
        "sys.exit",
        "exit",
        "quit",
        "os.kill",
        "os.killpg",
        "os.fork",
        "os.forkpty",
        "os._exit",
        "os.abort",
        "os.system",
        "os.popen",
        "os.getpid",
        "os.getppid",
        "os.times",
        "os.nice",
        "os.wait",
        "os.waitpid",
        "os.cpu_count",
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
    ),
    "environment": ("os.environ", "os.environb", "os.getenv", "os.putenv", "os.uname", "getpass.", "platform."),
    "threads": (
        "threading.",
        "_thread.",
        "queue.",
        "concurrent.futures.ThreadPoolExecutor",
        "concurrent.futures.thread.",
        "asyncio.to_thread",
        "asyncio.run_coroutine_threadsafe",
    ),
}
# Methods by family: what an object is cannot be seen, its method's name tells enough.
METHODS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "read_bytes",
            "read_text",
            "write_bytes",
            "write_text",
            "unlink",
            "rmdir",
            "mkdir",
            "rename",
            "chmod",
            "lchmod",
            "iterdir",
            "glob",
            "rglob",
            "stat",
            "lstat",
            "exists",
            "is_file",
            "is_dir",
            "is_symlink",
            "is_mount",
            "samefile",
            "symlink_to",
            "hardlink_to",
            "readlink",
            "expanduser",
            "tofile",
        ),
        "files",
    ),
    "create_connection": "network",
    "create_server": "network",
    "sock_connect": "network",
    "add_signal_handler": "processes",
    "subprocess_exec": "processes",
    "subprocess_shell": "processes",
    "run_in_executor": "threads",
    "set_default_executor": "threads",
}
# Methods that strings or structs have, too: with so many arguments, or these names for them, they are a path's.
PATHS_ALONE: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "replace": (1, ("target",)),
    "touch": (0, ("mode", "exist_ok")),
    "resolve": (0, ("strict",)),
}


def reaches(tree: ast.Module) -> list[tuple[int, str, str]]:
    """Where a module reaches the machine itself: line, family, and the name by which it does, in the order of lines.

    Names are followed through ``import`` and ``from … import``, under whatever name; an import alone counts for a
    module that is good for nothing else. Annotations count as uses.
    """
    known = _imported(tree)
    found: dict[tuple[int, str, str], None] = {}
    for node in ast.walk(tree):
        for family, name in _reached(node, known):
            found[node.lineno, family, name] = None  # type: ignore[attr-defined]
    return sorted(found)


def _reached(node: ast.AST, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Import(names=aliases):
            names = [f"{alias.name}." for alias in aliases]
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            names = [f"{module}.{alias.name}" for alias in aliases]
        case ast.Name(id=name, ctx=ast.Load()) if name not in known:
            names = [name]
        case ast.Attribute() | ast.Name():
            names = [_full(node, known)]
        case _:
            names = []
    for family, members in FAMILIES.items():
        yield from ((family, name.rstrip(".")) for name in names if _is_one_of(name, members))
    match node:
        case ast.Call(func=ast.Attribute(attr="open", value=value)) if not _full(value, known) and _opens_a_file(node):
            yield "files", ".open"
        case ast.Call(func=ast.Attribute(attr=attr), args=args, keywords=keywords) if attr in PATHS_ALONE:
            count, named = PATHS_ALONE[attr]
            if len(args) == count and all(keyword.arg in named for keyword in keywords):
                yield "files", f".{attr}"
        case ast.Attribute(attr=attr, value=value) if attr in METHODS and not _is_a_port(value, known):
            yield METHODS[attr], f".{attr}"


def _is_one_of(name: str, members: tuple[str, ...]) -> bool:
    """Whether a name is a member, or lies in a module that is one as a whole."""
    return any(name == member or (member.endswith(".") and name.startswith(member)) for member in members)


def _opens_a_file(call: ast.Call) -> bool:
    """Whether the method ``open`` is called as a path's: with a mode first or named; others are told what to open."""
    if call.args:
        first = call.args[0]
        return isinstance(first, ast.Constant) and isinstance(first.value, str) and set(first.value) <= set("rwaxbt+")
    return bool(call.keywords) and all(
        keyword.arg in {"mode", "buffering", "encoding", "errors", "newline"} for keyword in call.keywords
    )


def _is_a_port(value: ast.AST, known: Mapping[str, str]) -> bool:
    """Whether the method is the journal's port for files (``fs``) or a module's function, which has its own name."""
    match value:
        case ast.Name(id="fs") | ast.Attribute(attr="_fs" | "fs"):
            return True
        case _:
            return _full(value, known) in ("os", "os.path")


def _imported(tree: ast.Module) -> dict[str, str]:
    """Every name that an import binds anywhere in the module, with the full name of what it stands for."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    top = alias.name.split(".")[0]
                    known[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                for alias in aliases:
                    known[alias.asname or alias.name] = f"{module}.{alias.name}"
    return known


def _full(node: ast.AST, known: Mapping[str, str]) -> str:
    """The full name of ``a.b.c`` where ``a`` was imported; nothing for anything else."""
    match node:
        case ast.Name(id=name):
            return known.get(name, "")
        case ast.Attribute(value=value, attr=attr):
            above = _full(value, known)
            return f"{above}.{attr}" if above else ""
        case _:
            return ""
