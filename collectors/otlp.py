"""Who writes, reads and calls, from OpenTelemetry spans in the three vocabularies that are in use.

* A span of kind PRODUCER, or one that sends or publishes: its service writes the topic.
* A span of kind CONSUMER, or one that receives or processes: its service reads the topic, through the group it names.
  The kind wins over the operation: the package for confluent-kafka calls even sending "receive".
* A SERVER span whose parent belongs to another service: that one calls this one. The two come in different requests,
  so recent spans are remembered, a bounded number of them. A CLIENT span that names its peer
  (``peer.service``, ``service.peer.name``) is weaker: the name is the caller's word for it, so the edge is inferred.

Spans name no cluster by which we know it. A topic's id bears a mark in the cluster's place, and ingest resolves it:
``topic:?/NAME``, some cluster that has this topic; ``topic:@ID/NAME``, the cluster whose Kafka cluster id
``messaging.kafka.cluster.id`` gave; ``topic:@HOST:PORT/NAME``, the cluster of this broker, as ``server.address`` or
``messaging.url`` (kafka-python's) has it. Absence of spans proves nothing: they are sampled.

A service without a name (or with the SDK's ``unknown_service``) has no identity and gives no edge.
Clocks ahead of ours are set back to now, and the evidence says so.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from collectors.otlp_wire import CLIENT, CONSUMER, PRODUCER, SERVER, Span, read_spans
from lineage.identity import node_id
from lineage.observations import AnyObservation, EdgeSeen, EdgesSeen, Ms

__all__ = ["Calls", "decode_traces", "edges_of"]

MAX_TOPIC: Final = 249  # Kafka's own limit
REMEMBERED: Final = 50_000  # spans that may still turn out to be one side of a call
SKEW_WORTH_SAYING: Final = 5_000  # ms

WRITING: Final = frozenset({"send", "publish", "create"})
READING: Final = frozenset({"receive", "process", "deliver", "consume", "poll"})


class Claim(NamedTuple):
    """What makes two spans say the same."""

    relation: str
    source: str
    target: str
    strength: str = "observed"
    group: str = ""
    client_id: str = ""
    host: str = ""


@dataclass(slots=True)
class Tally:
    """What several spans say together; ``ahead`` is how far the furthest clock ran ahead of ours, in ms."""

    first: Ms
    last: Ms
    count: int
    words: str
    ahead: int = 0


class Calls:
    """Finds the two sides of a call, whichever comes first, within and across requests. Safe for threads."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._most, self._lock = remembered, threading.Lock()
        self._services: OrderedDict[bytes, str] = OrderedDict()  # span -> its service
        self._waiting: OrderedDict[bytes, str] = OrderedDict()  # parent that has not come yet -> the service called

    def meet(self, span: Span) -> Iterator[tuple[str, str]]:
        """(caller, called) for every call that this span completes."""
        if len(span.trace_id) != 16 or len(span.span_id) != 8 or span.kind == PRODUCER:
            return
        own, parent = span.trace_id + span.span_id, span.trace_id + span.parent_id
        with self._lock:
            self._remember(self._services, own, span.service)
            called = self._waiting.pop(own, None)
            caller = self._services.get(parent) if span.kind == SERVER and span.parent_id else None
            if span.kind == SERVER and span.parent_id and caller is None:
                self._remember(self._waiting, parent, span.service)
        if called and called != span.service:
            yield span.service, called
        if caller and caller != span.service:
            yield caller, span.service

    def _remember(self, where: OrderedDict[bytes, str], key: bytes, service: str) -> None:
        where[key] = service
        where.move_to_end(key)
        while len(where) > self._most:
            where.popitem(last=False)


_calls = Calls()


def decode_traces(body: bytes, content_type: str, now: Ms) -> list[AnyObservation]:
    """Observations in an inflated OTLP body (port ``decode_traces``); ``now`` in ms. Raises BadDocument."""
    edges = edges_of(read_spans(body, content_type), now, _calls)
    return [EdgesSeen(cluster="", at=now, source="otlp", edges=edges)] if edges else []


def edges_of(spans: Iterable[Span], now: Ms, calls: Calls) -> list[EdgeSeen]:
    """One claim an edge, group, client and host, with the number of spans that say so."""
    tallies: dict[Claim, Tally] = {}
    for span in spans:
        if not span.service or span.service.startswith("unknown_service"):
            continue
        for claim, words in _claims(span, calls):
            _add(tallies, claim, words, span, now)
    return [_edge(claim, tally) for claim, tally in tallies.items()]


def _claims(span: Span, calls: Calls) -> Iterator[tuple[Claim, str]]:
    if claim := _topic_claim(span) or _peer_claim(span):
        yield claim
    for caller, called in calls.meet(span):
        yield Claim("calls", node_id("service", caller), node_id("service", called)), "a call seen from both sides"


def _topic_claim(span: Span) -> tuple[Claim, str] | None:
    topic, role, words = _topic(span), *_role(span)
    if not topic or not role:
        return None
    service, client_id = _id("service", span.service), _first(span, *CLIENT_KEYS)
    if role == "writes":
        return Claim("writes", service, topic, client_id=client_id, host=span.host), words
    group = _first(span, *GROUP_KEYS)
    return Claim("reads", topic, service, group=group, client_id=client_id, host=span.host), words


GROUP_KEYS = ("messaging.consumer.group.name", "messaging.kafka.consumer.group", "messaging.kafka.consumer_group")
CLIENT_KEYS = ("messaging.client.id", "messaging.client_id", "messaging.kafka.client_id")
TOPIC_KEYS = ("messaging.destination.name", "messaging.destination")
OPERATION_KEYS = ("messaging.operation.type", "messaging.operation", "messaging.operation.name")
PASSING_KEYS = ("messaging.destination.temporary", "messaging.destination.anonymous", "messaging.temp_destination")
BROKER_KEYS = ("server.address", "messaging.url")
LOCAL = re.compile(r"localhost\b|127\.|\[?::1\]?$|0\.0\.0\.0")  # every machine calls itself so
PEER_KEYS = ("service.peer.name", "peer.service")
NOT_A_SERVICE_KEYS = ("db.system.name", "db.system", "messaging.system")


def _first(span: Span, *keys: str) -> str:
    return next((value for key in keys if (value := span.attributes.get(key))), "")


def _topic(span: Span) -> str | None:
    """The topic's id with the mark for its cluster; None where the span is not about a lasting Kafka topic."""
    name = _first(span, *TOPIC_KEYS)[:MAX_TOPIC]
    if not name or not _is_kafka(span) or "true" in {span.attributes.get(key) for key in PASSING_KEYS}:
        return None
    where = span.attributes.get("messaging.kafka.cluster.id") or _broker(
        _first(span, *BROKER_KEYS), span.attributes.get("server.port", "")
    )
    return _id("topic", f"@{where}" if where else "?", name)


_id = lru_cache(maxsize=10_000)(node_id)  # of a few names thousands of spans are told each second


@lru_cache(maxsize=1_000)
def _broker(told: str, port: str) -> str:
    """``host:port`` of the first broker that a client was told of; "" where that is not told, or its own machine.

    As it comes: ``kafka-1`` with a port beside it, ``kafka-1:9092``, or such a text or a list of them in JSON.
    """
    try:
        given = json.loads(told) if told[:1] in ('"', "[") else told
    except ValueError:
        return ""
    first = given[0] if isinstance(given, list) and given else given
    if not isinstance(first, str):
        return ""
    text = first.split(",")[0].strip().lower()
    host, colon, own = text.rpartition(":")
    host, port = (host, own) if colon and own.isdigit() else (text, port)
    return f"{host}:{port}" if host and port.isdigit() and not LOCAL.match(host) else ""


def _is_kafka(span: Span) -> bool:
    system = span.attributes.get("messaging.system")
    if system:
        return system.lower() == "kafka"
    return any(key.startswith("messaging.kafka.") for key in span.attributes)


def _role(span: Span) -> tuple[str | None, str]:
    """``writes``, ``reads`` or None, and the words for the evidence."""
    operation = _first(span, *OPERATION_KEYS).lower()
    if span.kind in {PRODUCER, CONSUMER}:
        relation = "writes" if span.kind == PRODUCER else "reads"
        known = operation in (WRITING if relation == "writes" else READING)
        return relation, f"{operation} span" if known else f"{'producer' if relation == 'writes' else 'consumer'} span"
    if operation in WRITING:
        return "writes", f"{operation} span"
    return ("reads", f"{operation} span") if operation in READING else (None, "")


def _peer_claim(span: Span) -> tuple[Claim, str] | None:
    """A client's named peer is a service, unless it is a database or a message broker."""
    peer = _first(span, *PEER_KEYS)
    if span.kind != CLIENT or peer in {"", span.service} or _first(span, *NOT_A_SERVICE_KEYS):
        return None
    source, target = node_id("service", span.service), node_id("service", peer)
    return Claim("calls", source, target, strength="inferred"), "client span that names its peer"


def _add(tallies: dict[Claim, Tally], claim: Claim, words: str, span: Span, now: Ms) -> None:
    last = span.end or span.start or now
    first, ahead = min(span.start or last, last, now), max(0, last - now)
    last = min(last, now)
    tally = tallies.get(claim)
    if tally is None:
        tallies[claim] = Tally(first, last, 1, words, ahead)
        return
    tally.first, tally.last = min(tally.first, first), max(tally.last, last)
    tally.count, tally.ahead = tally.count + 1, max(tally.ahead, ahead)


def _edge(claim: Claim, tally: Tally) -> EdgeSeen:
    skew = f"; its clock runs {tally.ahead / 1000:.0f} s ahead" if tally.ahead > SKEW_WORTH_SAYING else ""
    return EdgeSeen(
        relation=claim.relation,
        source=claim.source,
        target=claim.target,
        first_seen=tally.first,
        last_seen=tally.last,
        count=tally.count,
        strength=claim.strength,
        detail=tally.words + skew,
        group=claim.group,
        client_id=claim.client_id,
        host=claim.host,
    )
