"""What well-known connectors touch outside Kafka, read from a list of configuration keys that are safe to read.

A configuration holds passwords anywhere: in keys of their own, in URLs, in a plugin's free text. So nothing is
removed from it; only what is listed here is taken, and of that only what has the form of a host, a port, the name of a
database, of a bucket or of a file. What does not have that form is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from lineage.identity import node_id

Config = Mapping[str, str]
MOST = 20  # systems of one connector
HOST = re.compile(r"(?:[A-Za-z0-9](?:[\w.-]{0,252}\w)?|\[[0-9A-Fa-f:.]{2,45}\])", re.ASCII)
PART = re.compile(r"[\w$.-]{1,128}")  # the name of a database, a bucket, an index
FILE = re.compile(r"[\w ./\\:~+-]{1,300}")
PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306, "sqlserver": 1433, "oracle": 1521, "db2": 50000}
PORTS |= {"mongodb": 27017, "http": 80, "https": 443, "elasticsearch": 9200, "opensearch": 9200}
PORTS |= {"redis": 6379, "cassandra": 9042}
DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mariadb", "sqlserver": "sqlserver", "db2": "db2"}


@dataclass(frozen=True)
class System:
    """Something outside Kafka. ``name`` as people say it; ``id`` a node's."""

    id: str
    name: str
    type: str


@dataclass(frozen=True)
class Known:
    """One family of connectors: by what their class is called, and where their configuration says what they touch."""

    pattern: re.Pattern[str]
    find: Callable[[Config, str], Iterator[System | None]]


def systems(cls: str, config: Config, worker: str) -> tuple[System, ...]:
    """What a connector of this class touches, each once; () where that is not known. ``worker`` has its files."""
    for known in KNOWN:
        if known.pattern.search(cls):
            found = {s.id: s for s in known.find(config, worker) if s}
            return tuple(found.values())[:MOST]
    return ()


DEBEZIUM = re.compile(r"^io\.debezium\.connector\.(postgresql|mysql|mariadb|sqlserver|oracle|db2|mongodb)\.")


def logical(cls: str, config: Config, found: System) -> str:
    """What Debezium calls this system in its records, ``postgresql://PREFIX/DATABASE``; "" for other connectors.

    Where the configuration names no database, all of them are meant: ``mysql://PREFIX``.
    """
    kind, prefix = DEBEZIUM.match(cls), config.get("topic.prefix") or config.get("database.server.name", "")
    if not kind or not PART.fullmatch(prefix):
        return ""
    _, _, inside = found.id.partition("://")[2].partition("/")
    return f"{kind[1]}://{prefix}/{inside}".rstrip("/")


def system(scheme: str, host: str, port: str | int | None = None, path: str = "") -> System | None:
    """``postgres://db/orders``; a usual port is left out. None where the host or the port has not the form of one."""
    if not HOST.fullmatch(host) or (port and not re.fullmatch(r"\d{1,5}", str(port))):
        return None
    shown = f":{port}" if port and int(port) != PORTS.get(scheme) else ""
    inside = f"/{path}" if PART.fullmatch(path) else ""
    where = f"{scheme}://{host.lower()}{shown}{inside}"
    return System(node_id("system", where), path if inside else f"{host.lower()}{shown}", scheme)


def of_url(url: str, scheme: str = "", *, inside: bool = False) -> System | None:
    """The system behind an address: its host and port, and of its path only the first part, where it is a name."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    path = parts.path.strip("/").partition("/")[0] if inside else ""
    return system(scheme or parts.scheme, parts.hostname or "", port, path) if scheme or parts.scheme else None


def bare(url: str) -> str:
    """``postgres://db/orders`` of a URL, as the systems of connectors are called; "" where it holds no host."""
    plain = url.strip().removeprefix("jdbc:")
    found = of_url(plain, DIALECTS.get(plain.partition(":")[0].lower(), ""), inside=True)
    return found.id.removeprefix("system:") if found else ""


def of_jdbc(url: str) -> System | None:
    """``jdbc:postgresql://user:pw@db:5432/orders?password=x`` is ``postgres://db/orders``."""
    kind, _, rest = url.strip().removeprefix("jdbc:").partition(":")
    kind = kind.lower()
    if kind == "oracle":
        found = re.search(r"@(?://)?([\w.-]+)(?::(\d{1,5}))?[:/]([\w.-]+)", rest)
        return system("oracle", *found.groups()) if found else None
    if kind == "sqlserver":
        found = re.match(r"//([\w.-]+)(?:\\[\w-]+)?(?::(\d{1,5}))?", rest)
        named = re.search(r";database(?:Name)?=([\w.-]+)", rest, re.IGNORECASE)
        return system(kind, found[1], found[2], named[1] if named else "") if found else None
    return of_url(f"{kind}:{rest}", DIALECTS.get(kind, kind), inside=True) if PART.fullmatch(kind) else None


def _jdbc(config: Config, _: str) -> Iterator[System | None]:
    yield of_jdbc(config.get("connection.url", ""))


def _debezium(scheme: str) -> Callable[[Config, str], Iterator[System | None]]:
    def find(config: Config, _: str) -> Iterator[System | None]:
        names = config.get("database.dbname") or config.get("database.names") or config.get("database.include.list", "")
        for name in names.split(",")[:MOST]:
            yield system(scheme, config.get("database.hostname", ""), config.get("database.port"), name.strip())

    return find


def _mongo(config: Config, _: str) -> Iterator[System | None]:
    """Several hosts are one replica set: named after its first."""
    for key in ("connection.uri", "mongodb.connection.string"):
        found = re.match(r"mongodb(?:\+srv)?://(?:[^@/]*@)?([\w.-]+)(?::(\d{1,5}))?", config.get(key, ""))
        if found:
            yield system("mongodb", found[1], found[2], config.get("database", ""))


def _bucket(scheme: str, *keys: str) -> Callable[[Config, str], Iterator[System | None]]:
    def find(config: Config, _: str) -> Iterator[System | None]:
        yield from (system(scheme, config[key]) for key in keys if key in config)

    return find


def _urls(scheme: str, *keys: str) -> Callable[[Config, str], Iterator[System | None]]:
    """Addresses, several with commas between; paths are left out: a webhook's holds its secret."""

    def find(config: Config, _: str) -> Iterator[System | None]:
        for key in keys:
            yield from (
                of_url(url if "://" in url else f"//{url.strip()}", scheme)
                for url in config.get(key, "").split(",")[:MOST]
                if url.strip()
            )

    return find


def _file(config: Config, worker: str) -> Iterator[System | None]:
    """A file lies on the workers' own disks: the same path elsewhere is another file."""
    path = config.get("file", "")
    if FILE.fullmatch(path):
        name = path.replace("\\", "/").rpartition("/")[2] or path
        yield System(node_id("system", f"file://{worker}/{path.lstrip('/')}"), name, "file")


def _class(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|\.){pattern}(?:Connector)?$")


KNOWN = (
    Known(_class(r"Jdbc(?:Sink|Source)"), _jdbc),
    Known(re.compile(r"^io\.debezium\.connector\.jdbc\."), _jdbc),
    *(
        Known(re.compile(rf"^io\.debezium\.connector\.{package}\."), _debezium(scheme))
        for package, scheme in (
            ("postgresql", "postgres"),
            *((k, k) for k in ("mysql", "mariadb", "sqlserver", "oracle", "db2")),
        )
    ),
    Known(re.compile(r"(?:^|\.)Mongo(?:Db)?(?:Sink|Source)?Connector$"), _mongo),
    Known(_class(r"(?:\w*S3)(?:Sink|Source)"), _bucket("s3", "s3.bucket.name", "aws.s3.bucket.name")),
    Known(re.compile(r"(?:^|\.)AivenKafkaConnectS3\w*$"), _bucket("s3", "aws.s3.bucket.name")),
    Known(_class(r"Gcs(?:Sink|Source)"), _bucket("gs", "gcs.bucket.name")),
    Known(_class(r"Elastics?[Ss]earch(?:Sink|Source)"), _urls("elasticsearch", "connection.url")),
    Known(_class(r"Open[Ss]earch(?:Sink|Source)"), _urls("opensearch", "connection.url")),
    Known(
        _class(r"Http\w*?(?:Sink|Source)"),
        _urls("", "http.api.url", "http.url", "http.api.base.url", "http.request.url"),
    ),
    Known(_class(r"FileStream(?:Sink|Source)"), _file),
    Known(re.compile(r"(?:^|\.)Snowflake\w*$"), _urls("snowflake", "snowflake.url.name")),
    Known(re.compile(r"(?:^|\.)Redis\w*$"), _urls("redis", "redis.hosts", "redis.uri")),
    Known(
        re.compile(r"(?:^|\.)Cassandra\w*$"), _urls("cassandra", "contactPoints", "connect.cassandra.contact.points")
    ),
    Known(re.compile(r"(?:^|\.)BigQuery\w*$"), _bucket("bigquery", "project")),
    Known(re.compile(r"(?:^|\.)AzureBlob\w*$"), _bucket("azure", "azblob.account.name")),
)

SECRET = re.compile(
    r"pass|pwd|secret|token|credential|auth|jaas|key$|key\.id|apikey|access|signature|cert|private|phrase|header|user|sasl|login",
    re.IGNORECASE,
)
IN_URL = re.compile(r"//[^/\s@]*@")
IN_QUERY = re.compile(
    r"(?i)\b([\w.-]*(?:pass|pwd|secret|token|key|credential|user|auth|sig)[\w.-]*)\s*([=:])\s*[^\s,;&'\")]+"
)
LONG = re.compile(r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{32,}")
HIDDEN = "…"
MOST_TEXT = 300


def spoken(trace: str, config: Config) -> str:
    """The first line of a failure, without what the configuration keeps secret and what looks like it."""
    line = next((x.strip() for x in trace[:8192].splitlines() if x.strip()), "")
    hidden = {v.strip() for k, v in config.items() if SECRET.search(k)} | set(_in_urls(config))
    for value in sorted((v for v in hidden if len(v) > 2), key=len, reverse=True):
        line = line.replace(value, HIDDEN)
    line = IN_URL.sub(f"//{HIDDEN}@", line)
    return LONG.sub(HIDDEN, IN_QUERY.sub(rf"\1\2{HIDDEN}", line))[:MOST_TEXT]


def _in_urls(config: Config) -> Iterator[str]:
    """Names, passwords and the values behind ``=`` in addresses and in other values."""
    for value in config.values():
        if found := re.search(r"//([^/\s@]*)@", value):
            yield from found[1].split(":")
        yield from re.findall(r"[\w.-]+=[\"']?([^\s,;&'\"]+)", value)
