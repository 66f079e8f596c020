"""``POST /v1/traces``: OTLP over HTTP. Read, understood, put on the stream; what it means is the recorder's work."""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt

from dashboard import access
from dashboard.api.wire import dumps
from dashboard.reading import now_ms
from lineage.observations import FIELD, STREAM, AnyObservation, encode
from lineage.ports import BadDocument

log = logging.getLogger(__name__)

MOST = 8 * 1024 * 1024
# One body becomes many objects: two at once keep a core busy while one of them waits for Redis.
_decoding = threading.BoundedSemaphore(2)
PROTOBUF, JSON = "application/x-protobuf", "application/json"
CODES = {400: 3, 401: 16, 405: 12, 413: 8, 415: 3, 429: 8, 503: 14}  # google.rpc.Code


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after


@csrf_exempt
def traces(request: HttpRequest) -> HttpResponse:
    """200 once the stream has them; an error with OTLP's Status in the request's encoding, in JSON a problem too."""
    kind = JSON if request.content_type == JSON else PROTOBUF
    try:
        return _taken(request, kind)
    except Refused as e:
        return _status(e, kind)


def _taken(request: HttpRequest, kind: str) -> HttpResponse:
    _check(request)
    decode = import_string(settings.PLAYHEAD_PORTS["decode_traces"])
    with _decoding:
        body = inflated(request.read(MOST + 1), request.headers.get("Content-Encoding", ""))
        try:
            observations = decode(body, kind, now_ms())
        except BadDocument as e:
            raise Refused(400, str(e)) from e
    publish(observations)
    return HttpResponse(b"{}" if kind == JSON else b"", content_type=kind)


def busy(content_type: str) -> HttpResponse:
    """The answer while too many requests are under way, in the encoding of the one turned away."""
    again = Refused(429, "too many requests with spans are under way; come again", retry_after=1)
    return _status(again, JSON if content_type.partition(";")[0].strip().lower() == JSON else PROTOBUF)


def _check(request: HttpRequest) -> None:
    if request.method != "POST":
        raise Refused(405, "POST spans here")
    caller = access.caller_of(request)
    # A proxy on this machine must not make the whole world loopback.
    direct = None if request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded") else _peer(request)
    if not access.may_ingest(caller, direct):
        raise Refused(401, "send Authorization: Bearer TOKEN, with a token of scope ingest")
    if request.content_type not in {PROTOBUF, JSON}:
        raise Refused(415, f"Content-Type {(request.content_type or '')[:60]!r} is neither {PROTOBUF} nor {JSON}")


def _peer(request: HttpRequest) -> str | None:
    found = request.META.get("REMOTE_ADDR")
    return str(found) if found else None


def inflated(body: bytes, encoding: str) -> bytes:
    """The body without its compression, bounded while it inflates. Raises Refused."""
    if len(body) > MOST:
        raise Refused(413, "a request may hold at most 8 MiB")
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise Refused(415, f"Content-Encoding {encoding[:60]!r} is neither gzip nor identity")
    out: list[bytes] = []
    size, rest = 0, body
    while rest:
        part, rest = _member(rest, MOST + 1 - size)
        out.append(part)
        size += len(part)
        if size > MOST:
            raise Refused(413, "a request may hold at most 8 MiB once inflated")
    return b"".join(out)


def _member(data: bytes, most: int) -> tuple[bytes, bytes]:
    """One gzip member, at most so many bytes of it, and what follows it."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        part = inflater.decompress(data, most)
    except zlib.error as e:
        raise Refused(400, f"the gzip stream cannot be read ({e})") from e
    if not inflater.eof and len(part) < most:
        raise Refused(400, "the gzip stream ends before its end")
    return part, inflater.unused_data


@lru_cache(maxsize=4)
def _redis(url: str) -> Any:
    return redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=1)


def publish(observations: Iterable[AnyObservation]) -> None:
    """Puts them on the stream. Raises Refused where it is full or away: the sender keeps them and comes again."""
    encoded = [encode(o) for o in observations]
    most = settings.PLAYHEAD_STREAM_MAX
    try:
        client = _redis(settings.REDIS_URL)
        if client.xlen(STREAM) > most * 9 // 10:
            raise Refused(429, "the recorder is behind; come again", retry_after=5)
        pipe = client.pipeline(transaction=False)
        for data in encoded:
            pipe.xadd(STREAM, {FIELD: data}, maxlen=most, approximate=True)
        pipe.execute()
    except redis.RedisError as e:
        log.warning("spans were turned away: Redis does not answer (%s)", type(e).__name__)
        raise Refused(503, "Redis does not answer; come again", retry_after=5) from e


def _status(e: Refused, kind: str) -> HttpResponse:
    """google.rpc.Status {code = 1, message = 2}, which OTLP asks for."""
    code = CODES[e.status]
    out = HttpResponse(
        _json(code, e) if kind == JSON else _protobuf(code, e.message), content_type=kind, status=e.status
    )
    if e.retry_after:
        out["Retry-After"] = str(e.retry_after)
    if e.status == 401:
        out["WWW-Authenticate"] = 'Bearer realm="playhead"'
    if e.status == 405:
        out["Allow"] = "POST"
    return out


def _json(code: int, e: Refused) -> bytes:
    problem = {"type": "about:blank", "title": HTTPStatus(e.status).phrase, "status": e.status, "detail": e.message}
    return dumps({**problem, "code": code, "message": e.message})


def _protobuf(code: int, message: str) -> bytes:
    text = message.encode("utf-8", "replace")[:16_000]
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])
