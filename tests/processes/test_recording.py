"""A recording exported and opened: the same answers where there is no Kafka and no Redis; bad files are refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.conf import settings as conf
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from dashboard.alerts import outbox
from dashboard.alerts.carried import CARRIED
from dashboard.alerts.models import Alert, Silence
from dashboard.processes import preflight, recording
from dashboard.times import stamp
from lineage import archive, history
from lineage.archive import MODELS, BadRecording
from lineage.models import Change, NodeVersion, Tick
from lineage.recorder import Tape
from tests.alerts.world import alert, channel
from tests.dashboard.conftest import fill
from tests.dashboard.made import T0
from tests.lineage import world as w

MINUTE = 60_000


@pytest.fixture
def tape(tmp_path: Path, settings: Settings, transactional_db: None) -> Iterator[Tape]:
    """Two blocks: the first three ticks of the made world, and, a block later, more of it with changes."""
    settings.DATA_DIR, settings.LAKE_URL = tmp_path / "origin", ""
    settings.PLAYHEAD, settings.PLAYHEAD_ANONYMOUS = w.config(), "viewer"
    settings.DATA_DIR.mkdir()
    history.forget()
    recorded = Tape(w.config(), settings.DATA_DIR)
    fill(recorded)
    for s in range(6):
        at = T0 + 15 * MINUTE + s * 2000
        if s == 3:
            recorded.take(w.topics(at, "orders", "later"))
            recorded.take(w.groups(at, "billing-cg"))
        recorded.take(w.frame(at, {"orders": 200 + 10 * s}, {"billing-cg": {"orders": 95 + s}}, keyframe=s == 0))
        recorded.cut(at + 100)
    alerting()
    yield recorded
    recorded.close()
    history.forget()


def alerting() -> None:
    """One that was over before the stretch, one in it, with its cause, and one of which the end is not in it."""
    later = T0 + 15 * MINUTE + 9_500
    cause = alert("cause", T0 + 1_000, acts=[[T0 + 1_500, "ann", True], [later, "bob", False]])
    alert("over", T0 - 50_000, resolved_at=T0 - 40_000)
    alert("explained", T0 + 2_000, cause=cause, value=9.0, course=[[T0 + 2_000, 5.0, "stopped"], [later, 9.0, "ok"]])
    alert("ended", T0 + 2_000, resolved_at=later, resolved_why="the rule was deleted")
    alert("pending", T0 + 2_000, fired_at=later, fired=later)
    alert("to come", later)
    told = channel()
    outbox.enqueue(cause, "firing", T0 + 1_000)
    assert told.deliveries.exists()
    window = {"starts_at": T0, "ends_at": later, "created_at": T0, "ended_at": later}
    Silence.objects.create(matcher={"topic": ["ended"]}, reason="deploy", **window)


def export(target: Path, start: int = T0, end: int = T0 + 15 * MINUTE + 9_000) -> Path:
    call_command("playhead", "record", "export", "--from", stamp(start), "--to", stamp(end), str(target), verbosity=0)
    return target


def questions() -> list[str]:
    moments = list(Tick.objects.order_by("at").values_list("at", flat=True))
    asked = []
    for at in (moments[0], moments[2] + 500, moments[3], moments[6], moments[-2] + 1):
        for path in ("graph?internal=true&", "lag?partitions=1&", "topics?", "services?", "clusters?", "collectors?"):
            asked.append(f"/api/v1/{path}at={stamp(at)}")
    a, b = stamp(moments[0] - 1), stamp(moments[-2])
    asked += [f"/api/v1/changes?from={a}&to={b}", f"/api/v1/tape?from={a}&to={b}&points=50"]
    asked += [f"/api/v1/alerts?at={stamp(at)}" for at in moments[:-1]]
    for subject, metric in (("", "lag"), ("group:c/billing-cg", "lag"), ("topic:c/orders", "rate_in")):
        asked.append(f"/api/v1/series?subject={subject}&metric={metric}&from={a}&to={b}&step=2s")
    return asked


def comparable(question: str, answer: dict[str, Any]) -> dict[str, Any]:
    """What reads a stretch carries the moment of the newest frame beside it; a cursor is opaque; who was told stays."""
    if "/alerts" in question:
        return {**answer, "items": [{**a, "told": [], "rule_id": None} for a in answer["items"]]}
    stretch = any(name in question for name in ("/series", "/tape", "/changes"))
    return {
        k: v for k, v in answer.items() if k not in (("at", "live", "resolution", "next") if stretch else ("next",))
    }


class Opened:
    """``playhead record open`` in a process of its own, without Kafka, Redis or the origin's directories."""

    def __init__(self, file: Path, into: Path) -> None:
        port = preflight.free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PLAYHEAD", "REDIS", "KAFKA", "DATABASE"))}
        env = {
            **kept,
            "PORT": str(port),
            "PLAYHEAD_DATA_DIR": str(into.parent / "unused"),
            "REDIS_URL": "redis://127.0.0.1:1",
        }
        argv = [sys.executable, "manage.py", "playhead", "record", "open", str(file), "--into", str(into)]
        self.url = f"http://127.0.0.1:{port}"
        self._child = subprocess.Popen(argv, env=env, cwd=conf.BASE_DIR, start_new_session=True)

    def __enter__(self) -> httpx.Client:
        client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        until = time.monotonic() + 120
        while True:
            try:
                client.get("/healthz")
                return client
            except httpx.TransportError:
                assert self._child.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        os.killpg(self._child.pid, signal.SIGTERM)
        self._child.wait(30)


def test_an_opened_recording_answers_as_its_origin_did(tape: Tape, tmp_path: Path) -> None:
    end = T0 + 15 * MINUTE + 9_000  # the last tick comes after it
    file, here = export(tmp_path / "incident.zip", end=end), Client()
    theirs = {q: here.get(q).json() for q in questions()}
    shutil.copy(file, tmp_path / "copy.zip")
    with Opened(tmp_path / "copy.zip", tmp_path / "opened") as there:
        for question, expected in theirs.items():
            answer = there.get(question)
            assert answer.status_code == 200, (question, answer.text)
            assert comparable(question, answer.json()) == comparable(question, expected), question
        live = there.get("/api/v1/graph").json()
        assert (live["at"], live["live"]) == (stamp(T0 + 15 * MINUTE + 8_100), True)
        page = there.get("/map").text
        assert "opened from the file copy.zip" in page
        assert stamp(T0 + 15 * MINUTE + 8_100) in page
        assert there.get("/readyz").status_code == 200
        refused = there.get("/api/v1/records", params={"topic": "topic:c/orders"})
        assert refused.status_code == 401
        spans = there.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"})
        assert spans.status_code in {401, 403, 503}
    assert any(n["id"] == "topic:c/later" for n in live["nodes"])
    with Opened(tmp_path / "copy.zip", tmp_path / "opened") as again:  # the same file again: nothing is unpacked anew
        assert again.get("/api/v1/graph").json() == live
    with pytest.raises(preflight.Refused, match="holds a recording"):
        preflight.data_dir({"PLAYHEAD_DATA_DIR": str(tmp_path / "opened")})


def test_a_stretch_brings_the_block_it_begins_in_and_nothing_later(tape: Tape, tmp_path: Path) -> None:
    middle = T0 + 15 * MINUTE + 4_000
    z, manifest = archive.opened(export(tmp_path / "x.zip", middle, middle + 2_500), CARRIED)
    with z:
        rows = {m.__name__: z.read(f"rows/{m.__name__}.jsonl").splitlines()[1:] for m in MODELS}
    assert (manifest.start, manifest.begin, manifest.end) == (middle, T0 + 15 * MINUTE + 100, T0 + 15 * MINUTE + 6_100)
    assert manifest.clusters == ["c"]
    assert len(rows["Tick"]) == 4
    names = archive._columns(NodeVersion)
    ended = [json.loads(r)[names.index("superseded_at")] for r in rows["NodeVersion"]]
    assert all(t is None or t <= manifest.end for t in ended)
    assert 0 < len(rows["Change"]) < Change.objects.count()


def test_alerts_go_with_it_as_they_were_known_at_its_end_and_nothing_of_channels(tape: Tape, tmp_path: Path) -> None:
    z, _ = archive.opened(export(tmp_path / "x.zip"), CARRIED)
    with z:
        names, *rows = (json.loads(line) for line in z.read("rows/Alert.jsonl").splitlines())
        assert not [n for n in z.namelist() if "Channel" in n or "Delivery" in n or "Rule" in n]
        assert len(z.read("rows/Silence.jsonl").splitlines()) == 2
    found = {r["subject"].rpartition("/")[2]: r for r in (dict(zip(names, row, strict=True)) for row in rows)}
    assert sorted(found) == ["cause", "ended", "explained", "pending"]
    assert (found["cause"]["acknowledged_by"], len(found["cause"]["acts"])) == ("ann", 1)
    assert (found["explained"]["cause_id"], found["explained"]["value"]) == (found["cause"]["id"], 5.0)
    assert (found["ended"]["resolved_at"], found["ended"]["resolved_why"]) == (None, "")
    assert (found["pending"]["fired_at"], found["pending"]["summary"]) == (None, "")
    assert Alert.objects.get(subject__endswith="ended").resolved_at  # what was exported is as it was


def test_every_table_of_the_tape_is_exported_or_known_to_be_left_out() -> None:
    left_out = {m.__name__ for m in apps.get_app_config("lineage").get_models()} - {m.__name__ for m in MODELS}
    assert left_out <= {"Progress"}


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("-1h", "-2h", "--from must be before --to"),
        ("yesterday", "live", "is no time"),
        (stamp(T0 - 86_400_000), stamp(T0 - 80_000_000), "nothing is recorded in this stretch"),
    ],
)
def test_a_wrong_stretch_is_refused(tape: Tape, tmp_path: Path, start: str, end: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("playhead", "record", "export", f"--from={start}", f"--to={end}", str(tmp_path / "x.zip"))
    assert not list(tmp_path.glob("*.zip*"))


def test_no_file_is_overwritten(tape: Tape, tmp_path: Path) -> None:
    file = export(tmp_path / "x.zip")
    before = file.read_bytes()
    with pytest.raises(CommandError, match="exists"):
        export(file)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


# Files that lie


def rewritten(source: Path, target: Path, change: Callable[[dict[str, bytes], dict[str, Any]], None]) -> Path:
    """The recording with its parts and manifest changed; sums are made right again for what ``change`` touched."""
    with zipfile.ZipFile(source) as z:
        files = {n: z.read(n) for n in z.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    before = dict(files)
    change(files, manifest)
    for part in manifest["parts"]:
        data = files.get(part["name"])
        if data is not None and data != before.get(part["name"]) and not part.pop("keep", False):
            part |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            z.writestr(name, data)
        z.writestr("manifest.json", json.dumps(manifest))
    return target


def part_of(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(p for p in manifest["parts"] if p["name"] == name)


def _flipped(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["rows/Tick.jsonl"] = files["rows/Tick.jsonl"].replace(b"1", b"2", 1)
    part_of(manifest, "rows/Tick.jsonl")["keep"] = True


def _climbing(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["../../evil.txt"] = b"x"
    manifest["parts"].append(
        {"name": "../../evil.txt", "size": 1, "rows": 0, "sha256": hashlib.sha256(b"x").hexdigest()}
    )


def _unlisted(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["extra"] = b"x"


def _newer(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    manifest["version"] = 2


def _other(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    manifest["format"] = "holiday-pictures"


def _bomb(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["rows/Change.jsonl"] = b"\n" * 50_000_000


def _long_line(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["rows/Change.jsonl"] = os.urandom(5_000_000).hex().encode()


def _huge_count(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    part_of(manifest, "lake/logs.parquet")["rows"] = 10**12


def _wrong_count(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    part_of(manifest, "lake/logs.parquet")["rows"] += 1


def _missing(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    del files["rows/Name.jsonl"]
    manifest["parts"] = [p for p in manifest["parts"] if p["name"] != "rows/Name.jsonl"]


def _column(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["rows/Tick.jsonl"] = files["rows/Tick.jsonl"].replace(b'"number"', b'"sqlite"', 1)


def _type(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    first, rest = files["rows/Tick.jsonl"].split(b"\n", 1)
    files["rows/Tick.jsonl"] = first + b"\n" + rest.replace(b"[", b'["x",', 1).replace(b",", b"", 1)


def _no_cause(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    names, *rows = (json.loads(line) for line in files["rows/Alert.jsonl"].splitlines())
    rows[0][names.index("cause_id")] = "nobody"
    files["rows/Alert.jsonl"] = b"".join(json.dumps(row).encode() + b"\n" for row in (names, *rows))


def _twice(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    lines = files["rows/Silence.jsonl"].splitlines(keepends=True)
    files["rows/Silence.jsonl"] = b"".join([*lines, lines[-1]])
    part_of(manifest, "rows/Silence.jsonl")["rows"] += 1


def _no_json(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["rows/Tick.jsonl"] += b"{\n"


def _no_parquet(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["lake/logs.parquet"] = b"PAR1" + b"x" * 1000 + b"PAR1"


def _other_parquet(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    files["lake/logs.parquet"] = files["lake/lag.parquet"]


LIES: list[tuple[Any, str]] = [
    (_flipped, "its sum is not what it should be"),
    (_climbing, "not known here"),
    (_unlisted, "not those that it lists"),
    (_newer, "version 2"),
    (_other, "holiday-pictures"),
    (_bomb, "unpacks to"),
    (_long_line, "a line of more than"),
    (_huge_count, "too large"),
    (_wrong_count, "and should be"),
    (_missing, "it lacks rows/Name.jsonl"),
    (_column, "other columns"),
    (_type, "rows/Tick.jsonl has a"),
    (_no_cause, "rows that contradict each other"),
    (_twice, "rows that contradict each other"),
    (_no_json, "cannot be read"),
    (_no_parquet, "cannot be read"),
    (_other_parquet, "other columns"),
]


@pytest.mark.parametrize(("lie", "words"), LIES)
def test_a_file_that_lies_is_refused_and_leaves_nothing(tape: Tape, tmp_path: Path, lie: Any, words: str) -> None:
    bad = rewritten(export(tmp_path / "x.zip"), tmp_path / "bad.zip", lie)
    into = tmp_path / "into"
    into.mkdir()
    for model in (*MODELS, *(c.model for c in CARRIED)):
        model._default_manager.all().delete()
    with pytest.raises(BadRecording, match=words):
        archive.load(bad, into, CARRIED)
    assert (Tick.objects.count(), NodeVersion.objects.count()) == (0, 0)
    assert not (tmp_path / "evil.txt").exists()
    assert not list(into.glob("incoming*"))


def test_a_cut_file_is_refused_at_every_length(tape: Tape, tmp_path: Path) -> None:
    data = export(tmp_path / "x.zip").read_bytes()
    for length in (0, 10, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.zip").write_bytes(data[:length])
        with pytest.raises(BadRecording):
            archive.opened(tmp_path / "cut.zip", CARRIED)
    with pytest.raises(recording.Refused, match="is not opened"):
        recording.unpack(tmp_path / "cut.zip", tmp_path / "into", {})
    with pytest.raises(recording.Refused, match="cannot be read"):
        recording.unpack(tmp_path / "not-there.zip", tmp_path / "into", {})
    assert not (tmp_path / "into").exists()


def test_a_directory_with_something_in_it_is_left_alone(tape: Tape, tmp_path: Path) -> None:
    file = export(tmp_path / "x.zip")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    with pytest.raises(recording.Refused, match="is not empty"):
        recording.unpack(file, tmp_path / "mine", dict(os.environ))
    assert (tmp_path / "mine" / "file").read_text() == "x"


def test_a_lying_file_opened_by_command_leaves_no_directory(tape: Tape, tmp_path: Path) -> None:
    bad = rewritten(export(tmp_path / "x.zip"), tmp_path / "bad.zip", _flipped)
    with pytest.raises(recording.Refused, match="sum is not what it should be"):
        recording.unpack(bad, tmp_path / "into", dict(os.environ))
    assert not (tmp_path / "into").exists()
