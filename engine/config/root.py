"""The keys of ``nof0.yaml``: the service, where things are kept, and which files hold the rest."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct, field

from engine.config.kinds import Count, File, Folder, LogLevel, Milliseconds, Name, Number, Refused
from engine.config.secret import Secret

NO_POSTGRES = Refused("this version keeps everything in the journal; leave it as it is")
NO_REDIS = Refused("this version caches in the process; leave it as it is")
ONE_SET = Refused("everything is published as one set, and Long says when that is stale; leave it as it is")

Environment = Literal["test", "dev", "prod"]


class Postgres(Struct, frozen=True, kw_only=True):
    """The database."""

    data_source: Annotated[Secret, NO_POSTGRES] = field(name="DataSource", default_factory=lambda: Secret(""))
    max_open: Annotated[Count, NO_POSTGRES] = field(name="MaxOpen", default=25)
    max_idle: Annotated[Count, NO_POSTGRES] = field(name="MaxIdle", default=10)
    max_lifetime_ms: Annotated[Milliseconds, NO_POSTGRES] = field(name="MaxLifetime", default=300_000)


class CacheNode(Struct, frozen=True, kw_only=True):
    """One Redis node."""

    host: Annotated[str, NO_REDIS] = field(name="Host", default="")
    type: Annotated[Literal["node", "cluster"], NO_REDIS] = field(name="Type", default="node")
    user: Annotated[str, NO_REDIS] = field(name="User", default="")
    password: Annotated[Secret, NO_REDIS] = field(name="Pass", default_factory=lambda: Secret(""))
    tls: Annotated[bool, NO_REDIS] = field(name="Tls", default=False)
    weight: Annotated[Count, NO_REDIS] = field(name="Weight", default=100)


class TimeToLive(Struct, frozen=True, kw_only=True):
    """How old published data may be, in seconds, before the API calls it stale: all of it is one set, so ``long_s``."""

    short_s: Annotated[int, Number("s", at_least=1), ONE_SET] = field(name="Short", default=10)
    medium_s: Annotated[int, Number("s", at_least=1), ONE_SET] = field(name="Medium", default=60)
    long_s: Annotated[int, Number("s", at_least=1)] = field(name="Long", default=300)


class SlowThreshold(Struct, frozen=True, kw_only=True):
    """From when on a query is logged as slow, in ms."""

    sql_ms: Annotated[int, Number("ms", at_least=1), NO_POSTGRES] = field(name="SQL", default=10_000)
    redis_ms: Annotated[int, Number("ms", at_least=1), NO_REDIS] = field(name="Redis", default=5_000)


class Logging(Struct, frozen=True, kw_only=True):
    """What is logged, and how."""

    level: LogLevel = field(name="Level", default="info")
    format: Literal["console", "json"] = field(name="Format", default="console")
    slow_threshold: SlowThreshold = field(name="SlowThreshold", default=SlowThreshold())
    verbose_sql: Annotated[bool, NO_POSTGRES] = field(name="VerboseSQL", default=False)
    verbose_llm: bool = field(name="VerboseLLM", default=False)


class Journal(Struct, frozen=True, kw_only=True):
    """The one log: where it lies, and at which size a segment is closed."""

    folder: Folder = field(name="Folder", default=Path("../journal"))
    segment_bytes: Annotated[int, Number("bytes", at_least=4096, at_most=2**30)] = field(
        name="SegmentBytes", default=64 * 2**20
    )


class Arena(Struct, frozen=True, kw_only=True):
    """This deployment. ``deployment`` goes into every client order id: two engines never share one."""

    deployment: Name = field(name="Deployment", default="nof0")
    history_days: Annotated[int, Number("days", at_least=0, at_most=365)] = field(name="HistoryDays", default=3)
    crash_limit: Annotated[int, Number("count", at_least=0, at_most=100)] = field(name="CrashLimit", default=3)


class Api(Struct, frozen=True, kw_only=True):
    """Where the API takes its answers from."""

    source: Annotated[
        Literal["json", "postgres"], Refused("answers come from the published files; leave it at json")
    ] = field(name="Source", default="json")


class Reference(Struct, frozen=True, kw_only=True):
    """Another file of the configuration."""

    file: File = field(name="File")


class Root(Struct, frozen=True, kw_only=True):
    """``nof0.yaml``."""

    name: Name = field(name="Name", default="nof0")
    env: Environment = field(name="Env", default="test")
    host: str = field(name="Host", default="127.0.0.1")
    port: Annotated[int, Number("port", at_least=0, at_most=65535)] = field(name="Port", default=8888)
    data_path: Folder = field(name="DataPath", default=Path("../mcp_data"))
    cors: Annotated[
        tuple[str, ...], Refused("a frontend fetches through its own server, so no origin is allowed; leave it empty")
    ] = field(name="Cors", default=())
    api: Api = field(name="Api", default=Api())
    arena: Arena = field(name="Arena", default=Arena())
    journal: Journal = field(name="Journal", default=Journal())
    postgres: Postgres = field(name="Postgres", default_factory=Postgres)
    cache: tuple[CacheNode, ...] = field(name="Cache", default=())
    ttl: TimeToLive = field(name="TTL", default=TimeToLive())
    logging: Logging = field(name="Logging", default=Logging())
    llm: Reference = field(name="LLM", default=Reference(file=Path("llm.yaml")))
    executor: Reference = field(name="Executor", default=Reference(file=Path("executor.yaml")))
    exchange: Reference = field(name="Exchange", default=Reference(file=Path("exchange.yaml")))
    market: Reference = field(name="Market", default=Reference(file=Path("market.yaml")))
    manager: Reference = field(name="Manager", default=Reference(file=Path("manager.yaml")))
