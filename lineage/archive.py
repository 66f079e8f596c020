"""A stretch of the tape as one file, and back: a zip of rows and Parquet that opens where there is no Kafka.

What the file holds is what the recorder held at the stretch's end. It begins with the block that holds the stretch's
beginning, so that every moment of it can be read. Reading a file trusts nothing in it: names, sizes, sums, columns and
types are checked, and nothing is unpacked to a place that the file names.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
from django.db import IntegrityError, transaction
from django.db import models as fields
from django.db.models import Model, Q, QuerySet

from lineage import history
from lineage.lake import Lake, UnreadableFile, block_of
from lineage.models import (
    Change,
    ClusterVersion,
    CollectorVersion,
    EdgeVersion,
    JoinVersion,
    Name,
    NodeVersion,
    Placement,
    Tick,
)
from lineage.observations import Ms
from lineage.tables import TABLES

FORMAT, VERSION = "playhead-recording", 1
MODELS: tuple[type[Model], ...] = (
    *(Tick, Name, NodeVersion, EdgeVersion),
    *(ClusterVersion, CollectorVersion, JoinVersion, Placement, Change),
)
MOST_BYTES = 32 << 30  # unpacked, all together
MOST_ROWS = 200_000_000  # of one table
MOST_MANIFEST = 1 << 20
MOST_LINE = 8 << 20
MOST_RATIO = 500  # unpacked to packed; rows of JSON reach some dozens
PIECE = 1 << 20
BATCH = 500
INT64 = 1 << 63


class Carried(NamedTuple):
    """Another table that goes with a recording: its rows of a stretch (begin, end), in the order of its columns."""

    model: type[Model]
    rows: Callable[[Ms, Ms], Iterable[Sequence[Any]]]


class BadRecording(ValueError):
    """The file is none, or not whole; the message says why."""


class Part(msgspec.Struct, frozen=True):
    """One file of the zip."""

    name: str
    size: int
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in ``manifest.json``. Times in ms; ``begin`` is the first moment that can be read."""

    format: str
    version: int
    start: Ms
    end: Ms
    begin: Ms
    made_at: Ms
    clusters: list[str]
    parts: list[Part]


# Writing


def export(start: Ms, end: Ms, target: Path, work: Path, made_at: Ms, carried: Sequence[Carried] = ()) -> Manifest:
    """Writes the stretch to ``target``, by way of the directory ``work``.

    Raises ValueError where nothing is recorded in it, FileExistsError where the target exists.
    """
    first = Tick.objects.filter(at__gte=block_of(start), at__lte=end).order_by("at").first()
    last = Tick.objects.filter(at__lte=end).order_by("-at").first()
    if first is None or last is None or first.at > last.at or last.at < start:
        raise ValueError("nothing is recorded in this stretch")
    if target.exists():
        raise FileExistsError(f"{target} exists; choose another name")
    aside = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(aside, "w") as z:
            made = _write(z, start, first, last, work, made_at, carried)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return made


def _write(
    z: zipfile.ZipFile, start: Ms, first: Tick, last: Tick, work: Path, made_at: Ms, carried: Sequence[Carried]
) -> Manifest:
    parts = [_write_rows(z, model, _as_of(model, first.at, last)) for model in MODELS]
    parts += [_write_rows(z, c.model, c.rows(first.at, last.at)) for c in carried]
    parts += [_write_table(z, table, first.at, last, work) for table in TABLES]
    clusters = sorted(set(ClusterVersion.objects.values_list("cluster", flat=True)))
    made = Manifest(
        format=FORMAT,
        version=VERSION,
        start=max(start, first.at),
        end=last.at,
        begin=first.at,
        made_at=made_at,
        clusters=clusters,
        parts=parts,
    )
    z.writestr("manifest.json", msgspec.json.encode(made), zipfile.ZIP_DEFLATED)
    return made


def _rows(model: type[Model], begin: Ms, last: Tick) -> QuerySet[Any]:
    """What a reader of any moment of the stretch may ask for."""
    rows = model._default_manager.order_by("pk")
    if model is Tick:
        return rows.filter(at__gte=begin, at__lte=last.at)
    if model is Name:
        return rows.filter(tick__lte=last.number)
    if model is Change:
        return rows.filter(recorded_at__gte=begin, recorded_at__lte=last.at)
    held = Q(superseded_at__isnull=True) | Q(superseded_at__gte=begin)
    if "valid_until" in _columns(model):
        held |= Q(valid_until__isnull=True) | Q(valid_until__gte=begin)
    return rows.filter(held, recorded_at__lte=last.at)


def _columns(model: type[Model]) -> list[str]:
    return [f.attname for f in model._meta.concrete_fields]


def _row_file(model: type[Model]) -> str:
    return f"rows/{model.__name__}.jsonl"


def _table_file(table: str) -> str:
    return f"lake/{table}.parquet"


class _Summed:
    """Counts and sums what passes through."""

    def __init__(self, out: IO[bytes]) -> None:
        self.size, self.sum, self._out = 0, hashlib.sha256(), out

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.sum.update(data)
        self._out.write(data)


def _as_of(model: type[Model], begin: Ms, last: Tick) -> Iterator[Sequence[Any]]:
    """Rows as they were known at the end: what was superseded after it was not yet so then."""
    names = _columns(model)
    superseded = names.index("superseded_at") if "superseded_at" in names else None
    for row in _rows(model, begin, last).values_list(*names).iterator(chunk_size=2_000):
        values = list(row)
        if superseded is not None and (values[superseded] or 0) > last.at:
            values[superseded] = None
        yield values


def _write_rows(z: zipfile.ZipFile, model: type[Model], rows: Iterable[Sequence[Any]]) -> Part:
    """One line with the columns, then one a row."""
    count, info = 0, zipfile.ZipInfo(_row_file(model))
    info.compress_type = zipfile.ZIP_DEFLATED
    with z.open(info, "w", force_zip64=True) as raw:
        out = _Summed(raw)
        out.write(msgspec.json.encode(_columns(model)) + b"\n")
        for row in rows:
            out.write(msgspec.json.encode(row) + b"\n")
            count += 1
    return Part(info.filename, out.size, count, out.sum.hexdigest())


def _write_table(z: zipfile.ZipFile, table: str, begin: Ms, last: Tick, work: Path) -> Part:
    path = work / f"{table}.parquet"
    rows = history.lake().copy_out(table, begin, last.at, last.number, path)
    with path.open("rb") as f, z.open(zipfile.ZipInfo(_table_file(table)), "w", force_zip64=True) as raw:
        out = _Summed(raw)
        shutil.copyfileobj(f, out, PIECE)
    path.unlink()
    return Part(_table_file(table), out.size, rows, out.sum.hexdigest())


# Reading


def opened(path: Path, carried: Sequence[Carried] = ()) -> tuple[zipfile.ZipFile, Manifest]:
    """The zip and what it says of itself, checked but for the parts' bytes. Raises BadRecording."""
    try:
        z = zipfile.ZipFile(path)
        manifest = msgspec.json.decode(_small(z, "manifest.json"), type=Manifest)
    except OSError as e:
        raise BadRecording(f"{path} cannot be read ({e.strerror or e})") from e
    except (zipfile.BadZipFile, KeyError, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
        raise BadRecording(f"{path} is no recording, or only a part of one ({e})") from e
    except (msgspec.MsgspecError, UnicodeError) as e:
        raise BadRecording(f"what {path} says of itself cannot be read ({e})") from e
    try:
        _checked(z, manifest, carried)
    except BadRecording:
        z.close()
        raise
    return z, manifest


def _small(z: zipfile.ZipFile, name: str) -> bytes:
    with z.open(name) as f:
        data = f.read(MOST_MANIFEST + 1)
    if len(data) > MOST_MANIFEST:
        raise BadRecording(f"{name} is larger than {MOST_MANIFEST} bytes")
    return data


def _checked(z: zipfile.ZipFile, manifest: Manifest, carried: Sequence[Carried]) -> None:
    if manifest.format != FORMAT:
        raise BadRecording(f"it is a {manifest.format[:60]!r}, no {FORMAT}")
    if manifest.version != VERSION:
        raise BadRecording(f"it has the version {manifest.version} of the format, and {VERSION} is known here")
    known = {*map(_row_file, (*MODELS, *(c.model for c in carried))), *map(_table_file, TABLES)}
    names = [p.name for p in manifest.parts]
    listed = sorted([*names, "manifest.json"])
    if len(set(names)) != len(names) or sorted(z.namelist()) != listed:
        raise BadRecording("its files are not those that it lists")
    if strange := set(names) - known:
        raise BadRecording(f"it holds {sorted(strange)[0][:100]!r}, which is not known here; a newer Playhead made it")
    if missing := set(map(_row_file, MODELS)) - set(names):
        raise BadRecording(f"it lacks {sorted(missing)[0]}")
    _bounded(z, manifest)


def _bounded(z: zipfile.ZipFile, manifest: Manifest) -> None:
    for part in manifest.parts:
        info = z.getinfo(part.name)
        if info.file_size != part.size or not 0 <= part.rows <= MOST_ROWS:
            raise BadRecording(f"{part.name} is not as large as the file says, or too large")
        if info.file_size > PIECE and info.file_size > MOST_RATIO * max(1, info.compress_size):
            raise BadRecording(f"{part.name} unpacks to {info.file_size} bytes from {info.compress_size}")
    if sum(p.size for p in manifest.parts) > MOST_BYTES:
        raise BadRecording(f"it unpacks to more than {MOST_BYTES} bytes")
    if not 0 <= manifest.begin <= manifest.end < INT64:
        raise BadRecording("its times are none")


def load(path: Path, directory: Path, carried: Sequence[Carried] = ()) -> Manifest:
    """Puts the recording into this process's empty database and into a new lake in ``directory``.

    Raises BadRecording; the database is then as it was.
    """
    z, manifest = opened(path, carried)
    if (need := 2 * sum(p.size for p in manifest.parts)) > shutil.disk_usage(directory).free:
        raise BadRecording(f"{directory} has no room for it: some {need} bytes are needed")
    parts = {p.name: p for p in manifest.parts}
    try:
        with z, transaction.atomic():
            for model in (*MODELS, *(c.model for c in carried)):
                if part := parts.get(_row_file(model)):  # one that was made before these went with it lacks them
                    _load_rows(z, model, part)
            _load_tables(z, parts, directory)
    except IntegrityError as e:
        raise BadRecording(f"it has rows that contradict each other ({e})") from e
    return manifest


def _load_tables(z: zipfile.ZipFile, parts: Mapping[str, Part], directory: Path) -> None:
    lake = Lake(directory)
    try:
        for table in TABLES:
            if part := parts.get(_table_file(table)):
                _load_table(z, lake, table, part, directory)
    finally:
        lake.close()


def _pieces(z: zipfile.ZipFile, part: Part) -> Iterator[bytes]:
    """The bytes of a part; the end comes only where length and sum are right. Raises BadRecording."""
    left, summed = part.size, hashlib.sha256()
    try:
        with z.open(part.name) as f:
            while piece := f.read(PIECE):
                left -= len(piece)
                summed.update(piece)
                if left < 0:
                    raise BadRecording(f"{part.name} is longer than it says")
                yield piece
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as e:
        raise BadRecording(f"{part.name} is damaged ({e})") from e
    if left or summed.hexdigest() != part.sha256:
        raise BadRecording(f"{part.name} is damaged: its sum is not what it should be")


def _lines(z: zipfile.ZipFile, part: Part) -> Iterator[bytes]:
    rest = b""
    for piece in _pieces(z, part):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > MOST_LINE:
            raise BadRecording(f"{part.name} has a line of more than {MOST_LINE} bytes")
    if rest:
        raise BadRecording(f"{part.name} ends within a line")


def _load_rows(z: zipfile.ZipFile, model: type[Model], part: Part) -> None:
    lines = _lines(z, part)
    names = _decoded(next(lines, b""), part)
    known = {f.attname: _check(f) for f in model._meta.concrete_fields}
    if len(set(map(str, names))) != len(names) or not set(map(str, names)) <= known.keys():
        raise BadRecording(f"{part.name} has other columns than are known here; another Playhead made it")
    checks = [(str(n), known[str(n)]) for n in names]
    count = 0
    for batch in _batches(lines):
        made = [model(**_row(_decoded(line, part), checks, part)) for line in batch]
        model._default_manager.bulk_create(made)
        count += len(made)
    if count != part.rows:
        raise BadRecording(f"{part.name} has {count} rows, and should have {part.rows}")


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _decoded(line: bytes, part: Part) -> list[Any]:
    try:
        return msgspec.json.decode(line, type=list)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise BadRecording(f"{part.name} has a line that cannot be read ({e})") from e


Check = Callable[[Any], bool]


def _row(values: list[Any], checks: list[tuple[str, Check]], part: Part) -> dict[str, Any]:
    if len(values) != len(checks):
        raise BadRecording(f"{part.name} has a row of {len(values)} values instead of {len(checks)}")
    for value, (name, right) in zip(values, checks, strict=True):
        if not right(value):
            raise BadRecording(f"{part.name} has a {name} that is none")
    return {name: value for value, (name, _) in zip(values, checks, strict=True)}


def _check(field: Any) -> Check:
    """Whether a value may stand in the field."""
    if isinstance(field, fields.JSONField):
        kind = {list: list, dict: dict}.get(field.default, object)
        return lambda v: isinstance(v, kind) if v is not None else field.null
    if isinstance(field, fields.FloatField):
        return lambda v: (v is None and field.null) or (isinstance(v, int | float) and not isinstance(v, bool))
    if isinstance(field, fields.IntegerField):
        return lambda v: (v is None and field.null) or (type(v) is int and -INT64 <= v < INT64)
    most = field.max_length or MOST_LINE
    return lambda v: (v is None and field.null) or (isinstance(v, str) and len(v) <= most)


def _load_table(z: zipfile.ZipFile, lake: Lake, table: str, part: Part, directory: Path) -> None:
    path = directory / f"incoming-{table}.parquet"
    try:
        with path.open("wb") as f:
            for piece in _pieces(z, part):
                f.write(piece)
        lake.copy_in(table, path, part.rows)
    except UnreadableFile as e:
        raise BadRecording(f"{part.name}: {e}") from e
    finally:
        path.unlink(missing_ok=True)
