"""Where the lake is: files in a directory or on S3, the catalog in SQLite or in PostgreSQL. Nothing is opened here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lineage.documents import ConfigError, secret

URL = "PLAYHEAD_LAKE_URL"
ID, SECRET, TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
ENDPOINT = "AWS_ENDPOINT_URL"
PRIVATE = (ID, SECRET, TOKEN)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
LIBPQ = ("options", "application_name", "target_session_attrs", "gssencmode", "channel_binding", "passfile")
ANSWERS_WITHIN = 5  # seconds; how long a server is waited for

REFUSED = ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "ExpiredToken", "HTTP 403", "code 403")
REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "HTTP 301", "code 301")
SILENT = {
    "Could not connect": "nothing listens there",
    "Timeout was reached": "it does not answer in time",
    "Could not resolve": "there is no such host",
    "SSL": "it does not speak TLS as it should",
    "HTTP 500": "it fails",
    "code 500": "it fails",
    "HTTP 503": "it is overloaded",
    "code 503": "it is overloaded",
}
PG_AWAY = ("Unable to connect to Postgres", "server closed the connection", "terminating connection", "starting up")


@dataclass(frozen=True)
class S3:
    """A bucket's server and who asks it. ``endpoint``: host and port, "" for Amazon's own."""

    region: str
    endpoint: str = ""
    tls: bool = True
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Postgres:
    """A database, its parts as DuckDB names them, and what else libpq is told."""

    parts: tuple[tuple[str, str], ...] = field(repr=False)
    options: str = ""


@dataclass(frozen=True)
class Depot:
    """``files``: a directory, or s3://bucket/prefix. ``catalog``: the file of SQLite, or a database of PostgreSQL."""

    files: str
    catalog: Path | Postgres
    s3: S3 | None = None

    @property
    def local(self) -> Path | None:
        """The directory of the files, where they are on a disk."""
        return None if self.s3 else Path(self.files)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is never to be shown."""
        known = (self.s3.key, self.s3.secret, self.s3.token) if self.s3 else ()
        parts = dict(self.catalog.parts) if isinstance(self.catalog, Postgres) else {}
        return tuple(s for s in (*known, parts.get("PASSWORD", "")) if s)


def depot(data_dir: Path, url: str, env: Mapping[str, str], database: Mapping[str, Any]) -> Depot:
    """The lake of a data directory. ``database`` is Django's DATABASES["default"]. Raises ConfigError."""
    catalog = _postgres(database) if "postgres" in str(database.get("ENGINE")) else data_dir / "lake.sqlite"
    s3 = checked(url, env)
    directory = Path(url).resolve() if url else data_dir / "lake"
    return Depot(url.rstrip("/") if s3 else str(directory), catalog, s3)


def checked(url: str, env: Mapping[str, str]) -> S3 | None:
    """What is needed to reach ``url``, None for a directory. Raises ConfigError for what is no place for a lake."""
    if "://" not in url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "s3" or parts.query or parts.fragment or not BUCKET.fullmatch(parts.netloc):
        raise ConfigError("environment", 0, f"{URL}={_shown(url)}", "a directory, or s3://BUCKET/PREFIX")
    key, word = secret(env, ID), secret(env, SECRET)
    if not key or not word:
        raise ConfigError("environment", 0, f"{URL}={url} without credentials", f"{ID} and {SECRET}, or {SECRET}_FILE")
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1"
    host, tls = _endpoint(env.get(ENDPOINT) or "")
    return S3(region, host, tls, key, word, secret(env, TOKEN) or "")


def _endpoint(url: str) -> tuple[str, bool]:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.username):
        raise ConfigError("environment", 0, f"{ENDPOINT}={_shown(url)}", "http://HOST:PORT or https://HOST:PORT")
    return parts.netloc, parts.scheme != "http"


def _shown(url: str) -> str:
    """Without what stands before an @: it may be a password."""
    return re.sub(r"//[^/]*@", "//…@", url)


def _postgres(database: Mapping[str, Any]) -> Postgres:
    named = {"HOST": "HOST", "PORT": "PORT", "NAME": "DATABASE", "USER": "USER", "PASSWORD": "PASSWORD"}
    parts = tuple((ours, str(database[theirs])) for theirs, ours in named.items() if database.get(theirs))
    given = {k: v for k, v in (database.get("OPTIONS") or {}).items() if k.startswith("ssl") or k in LIBPQ}
    told = {"connect_timeout": ANSWERS_WITHIN, "application_name": "playhead", **given}
    return Postgres(parts, " ".join(f"{k}='{_libpq(str(v))}'" for k, v in told.items()))


def _libpq(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def explained(error: str, at: Depot) -> str | None:
    """Why the lake cannot be reached, in a sentence with the remedy; None for an error of another kind."""
    if any(word in error for word in PG_AWAY):
        why = error.rpartition("failed: ")[2].splitlines()[0].strip() if "failed: " in error else "it is away"
        return f"the lake's catalog in PostgreSQL cannot be reached ({_clean(why, at)}); check DATABASE_URL"
    if "does not match existing data path" in error:
        return f"the lake's files were begun elsewhere than {at.files}; set {URL} back to where they are"
    return _of_s3(error, at) if at.s3 else None


def _of_s3(error: str, at: Depot) -> str | None:
    assert at.s3 is not None
    if any(word in error for word in REFUSED):
        may = "must be of somebody who may read, write, list and delete there"
        return f"{at.files} refuses the credentials; {ID} and {SECRET} {may}"
    if "NoSuchBucket" in error:
        return f"{at.files} is in a bucket that does not exist; make it, or correct {URL}"
    if any(word in error for word in REGION):
        return f"{at.files} is not in the region {at.s3.region}; correct AWS_REGION"
    why = next((said for word, said in SILENT.items() if word in error), None)
    server = at.s3.endpoint or "Amazon S3"
    return f"{at.files} cannot be reached: {server}: {why}; check {ENDPOINT} and the network" if why else None


def _clean(text: str, at: Depot) -> str:
    for word in at.secrets:
        text = text.replace(word, "…")
    return text
