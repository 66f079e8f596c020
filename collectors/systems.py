"""What a connector stands between: the systems outside Kafka, as the configs of well-known connectors name them.

Only keys on this list are looked at, and of an address only its scheme, host, port and path: never a user, a
password, or what follows a question mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from lineage.identity import node_id

Config = Mapping[str, str]
MOST = 20  # systems of one connector
MOST_NAME = 300


class System(NamedTuple):
    """A system outside Kafka. ``address`` is its id's path, ``kind`` what people call it."""

    address: str
    kind: str

    @property
    def id(self) -> str:
        """Its node."""
        return node_id("system", self.address[:MOST_NAME])

    @property
    def name(self) -> str:
        """What stands under it on the map: its last part."""
        return self.address.rstrip("/").rpartition("/")[2] or self.address


def systems(config: Config) -> list[System]:
    """The systems that this connector's config names; none where its class is not known here."""
    cls = config.get("connector.class", "").rpartition(".")[2]
    found = (s for pattern, of in KNOWN if re.search(pattern, cls) for s in of(config))
    return list(dict.fromkeys(found))[:MOST]


def bare(url: str) -> str:
    """``postgres://db:5432/orders`` of a URL or a JDBC URL; "" where it holds no host."""
    plain = url.removeprefix("jdbc:").strip()
    scheme, colon, rest = plain.partition("://")
    if not colon:
        return ""
    scheme, named = scheme.partition(":")[0].lower(), _sql_server(rest)
    try:
        parts = urlsplit(f"x://{rest.partition(';')[0]}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    where = f"{host}:{port}" if port else host
    path = named or parts.path.strip("/")
    return f"{NAMES.get(scheme, scheme)}://{where}{'/' + path if path else ''}" if host else ""


def _sql_server(rest: str) -> str:
    found = re.search(r";\s*database(?:Name)?\s*=\s*([^;]+)", rest, re.IGNORECASE)
    return found[1] if found else ""


NAMES = {"postgresql": "postgres"}


def _url(kind: str, *keys: str, scheme: str = "") -> Callable[[Config], Iterator[System]]:
    """Systems at the addresses under these keys; several stand with commas between."""

    def of(config: Config) -> Iterator[System]:
        for key in keys:
            for one in config.get(key, "").split(","):
                if address := bare(one if "://" in one or not scheme else f"{scheme}://{one}"):
                    yield System(f"{scheme}://{address.partition('://')[2]}" if scheme else address, kind)

    return of


def _named(kind: str, scheme: str, *keys: str) -> Callable[[Config], Iterator[System]]:
    """A system whose address is the values under these keys, the first of them there."""

    def of(config: Config) -> Iterator[System]:
        parts = [config[k].strip("/") for k in keys if config.get(k)]
        if parts and config.get(keys[0]):
            yield System(f"{scheme}://{'/'.join(parts)}", kind)

    return of


def _database(kind: str, scheme: str, *names: str) -> Callable[[Config], Iterator[System]]:
    """Debezium's: host, port, and each database."""

    def of(config: Config) -> Iterator[System]:
        host = config.get("database.hostname", "")
        where = f"{scheme}://{host}{':' + config['database.port'] if config.get('database.port') else ''}"
        listed = [n.strip() for key in names for n in config.get(key, "").split(",") if n.strip()]
        yield from (System(f"{where}/{n}" if n else where, kind) for n in listed or [""] if host)

    return of


def _file(config: Config) -> Iterator[System]:
    if config.get("file"):
        yield System(f"file://{config['file']}", "file")


# What a connector's class is called -> where its config names the other side (the keys: the connectors' own documents).
KNOWN: tuple[tuple[str, Callable[[Config], Iterator[System]]], ...] = (
    (r"^Jdbc(Source|Sink)Connector$", _url("database", "connection.url")),
    (r"^PostgresConnector$", _database("database", "postgres", "database.dbname")),
    (r"^(MySql|MariaDb)Connector$", _database("database", "mysql", "database.include.list")),
    (r"^SqlServerConnector$", _database("database", "sqlserver", "database.names", "database.dbname")),
    (r"^OracleConnector$", _database("database", "oracle", "database.dbname")),
    (r"^Mongo", _url("database", "mongodb.connection.string", "connection.uri")),
    (r"^(S3|AmazonS3)", _named("bucket", "s3", "s3.bucket.name")),
    (r"^S3S(ink|ource)Connector$", _named("bucket", "s3", "aws.s3.bucket.name")),
    (r"^Gcs", _named("bucket", "gs", "gcs.bucket.name")),
    (r"^AzureBlob", _named("bucket", "azure", "azblob.account.name", "azblob.container.name")),
    (r"^(Elasticsearch|OpenSearch|Opensearch)", _url("search index", "connection.url", scheme="elasticsearch")),
    (r"^Http(Source|Sink)", _url("HTTP API", "http.api.url", "http.url", "http.api.base.url")),
    (r"^FileStream(Source|Sink)Connector$", _file),
    (r"^Snowflake", _url("warehouse", "snowflake.url.name", scheme="snowflake")),
    (r"^BigQuery", _named("warehouse", "bigquery", "project", "defaultDataset")),
    (r"^Redis", _url("database", "redis.hosts", "redis.uri", scheme="redis")),
    (r"^Cassandra", _named("database", "cassandra", "contactPoints", "connect.cassandra.contact.points")),
)
