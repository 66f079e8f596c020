"""Records, read back from Kafka by the player's process; who looked at payloads is remembered."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from ninja import Router
from ninja.params.functions import Query

from dashboard import access
from dashboard.api import schemas
from dashboard.api.guard import Guard
from dashboard.api.read import ERRORS, ok
from dashboard.problems import Problem
from dashboard.reading import now_ms
from dashboard.times import parse_at, rfc, stamp
from lineage.identity import split_id
from lineage.ports import AskRecords, Payload, PlayerAway, RecordRead, RecordsAnswer, RecordsAsked, RecordsProgress

router = Router(tags=["records"], auth=Guard("records"))
MOST = 500
LONGEST_WAIT = 12.0  # seconds: a little more than reading a page may take
NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
MOST_PLACE = 1 << 63


class Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where a page ended, in which direction, and of which question."""

    question: str
    older: bool
    places: dict[int, int]


@router.get("/records", response={200: schemas.Records, 202: schemas.RecordsUnderWay, **ERRORS, 503: ERRORS[404]})
def records(
    request: HttpRequest,
    topic: str,
    partition: int | None = Query(None, ge=0, le=1 << 31),
    at: str = "live",
    offset: int | None = Query(None, ge=0, lt=MOST_PLACE),
    order: str = Query("", pattern="^(newer|older|)$"),
    limit: int = Query(100, ge=1, le=MOST),
    cursor: str = "",
    wait: float = Query(LONGEST_WAIT, ge=0, le=LONGEST_WAIT),
) -> HttpResponse:
    """Records of a topic: from ``at`` or ``offset`` on, or, live and with ``order=older``, those before it.

    202 while they are read for longer than ``wait`` seconds: ask again; who does not has cancelled.
    """
    now = now_ms()
    asked = _asked(topic, partition, at, offset, order, limit, cursor, now)
    ask: AskRecords = import_string(settings.PLAYHEAD_PORTS["ask_records"])
    try:
        answer = ask(asked, wait)
    except PlayerAway as e:
        raise Problem(503, str(e)) from e
    head = {"at": stamp(asked.at or now), "live": at in {"", "live"}, "resolution": "records", "topic": topic}
    if isinstance(answer, RecordsProgress):
        out = ok({**head, **msgspec.structs.asdict(answer)})
        out.status_code = 202
        return out
    return _answered(request, asked, answer, {**head, "sampled_at": stamp(now)})


def _asked(
    topic: str,
    partition: int | None,
    at: str,
    offset: int | None,
    order: str,
    limit: int,
    cursor: str,
    now: int,
) -> RecordsAsked:
    cluster, name = _topic(topic)
    common: dict[str, Any] = {"cluster": cluster, "topic": name, "partition": partition, "limit": limit}
    if cursor:
        token = _decoded(cursor, _question(cluster, name, partition))
        return RecordsAsked(**common, older=token.older, places=token.places)
    if offset is not None and partition is None:
        raise Problem(400, "an offset is a place in one partition: give partition too")
    moment = _moment(at, now)
    live = moment is None and offset is None
    return RecordsAsked(**common, at=moment, offset=offset, older=order == "older" or (live and order != "newer"))


def _topic(topic: str) -> tuple[str, str]:
    """Cluster and name of a topic of a cluster that is configured."""
    try:
        kind, path = split_id(topic)
    except ValueError:
        kind, path = "", ()
    if kind != "topic" or len(path) != 2 or not NAME.fullmatch(path[1]):
        raise Problem(400, f"{topic[:200]!r} is no topic's id; expected topic:cluster/name")
    if path[0] not in {c.name for c in settings.PLAYHEAD.clusters}:
        raise Problem(404, f"no cluster {path[0][:100]!r} is configured: its records cannot be read")
    return path[0], path[1]


def _moment(at: str, now: int) -> int | None:
    try:
        found = parse_at(at, now)
    except ValueError as e:
        raise Problem(400, str(e)) from e
    if found is not None and found > now:
        raise Problem(400, "that moment has not come yet")
    return found


def _answered(request: HttpRequest, asked: RecordsAsked, answer: RecordsAnswer, head: dict[str, Any]) -> HttpResponse:
    if answer.error and not answer.partitions:
        raise Problem(404 if answer.absent else 503, answer.error, remedy=answer.remedy)
    question = _question(asked.cluster, asked.topic, asked.partition)
    newer, older = _encoded(question, False, answer.next), _encoded(question, True, answer.first)
    more = None if answer.ended else older if asked.older else newer
    if answer.payloads != "hidden" and answer.records:
        caller: access.Caller = request.auth  # type: ignore[attr-defined]  # put there by the guard
        access.looked(caller.name, head["topic"], answer.payloads, [r.at for r in answer.records])
    names = ("payloads", "partitions", "ended", "stopped", "bytes", "seconds", "error", "remedy")
    known = {n: getattr(answer, n) for n in names}
    items = [_row(r) for r in answer.records]
    return ok({**head, **known, "items": items, "next": more, "newer": newer, "older": older})


def _row(r: RecordRead) -> dict[str, Any]:
    plain = {n: getattr(r, n) for n in ("partition", "offset", "clock", "size")}
    headers = [{"name": name, **_payload(p)} for name, p in r.headers]
    return {**plain, "at": rfc(r.at), "key": _payload(r.key), "value": _payload(r.value), "headers": headers}


def _payload(p: Payload) -> dict[str, Any]:
    return msgspec.structs.asdict(p)


def _question(cluster: str, topic: str, partition: int | None) -> str:
    """A cursor only fits the same partitions of the same topic."""
    return hashlib.sha256(repr((cluster, topic, partition)).encode("utf-8", "replace")).hexdigest()[:16]


def _encoded(question: str, older: bool, places: dict[int, int]) -> str:
    data = msgspec.msgpack.encode(Cursor(question, older, places))
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(cursor: str, question: str) -> Cursor:
    try:
        token = msgspec.msgpack.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as e:
        raise Problem(400, "this cursor is none that was given out") from e
    if token.question != question or any(not 0 <= o < MOST_PLACE for o in token.places.values()):
        raise Problem(400, "this cursor belongs to another topic or partition; ask again without it")
    return token
