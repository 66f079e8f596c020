"""What a collector can see: one frozen struct a kind of thing, and the bytes they travel in.

Times are milliseconds since 1970 in UTC. ``cluster`` is the cluster's slug. ``complete`` marks a listing
that lacks nothing: only such a listing may end what it does not name (law 3).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from lineage.identity import text

Ms: TypeAlias = int


class Observation(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Common to all: which cluster, and when it was seen (asked, not answered)."""

    cluster: str
    at: Ms


class Broker(msgspec.Struct, frozen=True):
    id: int
    host: str
    port: int
    rack: str = ""


class ClusterSeen(Observation, frozen=True):
    """DescribeCluster: a complete listing of the brokers alive."""

    cluster_id: str
    controller: int | None
    brokers: list[Broker]


class Partition(msgspec.Struct, frozen=True):
    id: int
    leader: int  # -1: offline
    replicas: list[int]
    isr: list[int]


class Topic(msgspec.Struct, frozen=True):
    name: str
    topic_id: str
    internal: bool
    partitions: list[Partition]


class TopicsListed(Observation, frozen=True):
    topics: list[Topic]
    complete: bool


class ConfigsSeen(Observation, frozen=True):
    """``configs[topic][key] = value`` for the keys that matter; values as Kafka writes them."""

    configs: dict[str, dict[str, str]]


class SizesSeen(Observation, frozen=True):
    """Bytes on disk by topic, all replicas' leaders together."""

    sizes: dict[str, int]


class Group(msgspec.Struct, frozen=True):
    id: str
    type: str  # classic consumer share streams connect unknown
    state: str  # Stable Empty PreparingRebalance CompletingRebalance Assigning Reconciling Dead NotReady Unknown
    protocol: str = ""  # protocol type: consumer, connect, ""


class GroupsListed(Observation, frozen=True):
    groups: list[Group]
    complete: bool


class Member(msgspec.Struct, frozen=True):
    id: str
    client_id: str
    host: str
    instance_id: str | None
    subscribed: list[str]
    assigned: dict[str, list[int]]


class GroupDetail(msgspec.Struct, frozen=True):
    id: str
    members: list[Member]
    describable: bool = True
    reason: str = ""
    assignor: str = ""  # range, cooperative-sticky, uniform, stream, faust …; "" where it is not told


class GroupsDescribed(Observation, frozen=True):
    groups: list[GroupDetail]


class Commit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One committed offset. ``committed_at`` is exact (followed) or None (swept).

    Where it moved more than once since the frame before: ``first_at`` is when it did so first, ``gap`` the longest ms
    from then on between two of these commits.
    """

    partition: int
    offset: int
    committed_at: Ms | None = None
    first_at: Ms | None = None
    gap: int = 0


class LogRange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Log start and log end offset; None where that one was not answered."""

    partition: int
    start: int | None
    end: int | None


class RecordAt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What lies at an offset, read committed: the next record's offset, or None where there is none below ``upto``.

    ``stamp`` is that record's timestamp, ``kind`` whose it is: ``append`` the broker's, ``create`` the producer's.
    """

    topic: str
    partition: int
    offset: int
    found: int | None
    upto: int
    stamp: Ms | None = None
    kind: str = ""


class PositionsFrame(Observation, frozen=True):
    """One tick of a cluster's numbers. ``at`` is when positions were frozen; ends were asked after, at ``ends_at``.

    ``commits`` and ``logs`` hold what moved since the frame before, or everything when ``keyframe``.
    ``complete`` (only with ``keyframe``) says that a position not named exists no more.
    ``ended`` lists tombstones as (group, topic, partition). ``swept_at`` is the last full sweep.
    ``stale`` names groups whose position may be older than the tick, with why. ``records`` is what was looked at
    where groups stand behind a log's end, because nothing else tells what they have not read.
    """

    ends_at: Ms
    epoch: int  # fencing token of the follower that sent it: a lower one than seen is refused
    method: str  # "swept" or "followed"
    keyframe: bool
    complete: bool
    swept_at: Ms
    commits: dict[str, dict[str, list[Commit]]]  # group -> topic -> commits
    ended: list[tuple[str, str, int]]
    logs: dict[str, list[LogRange]]  # topic -> ranges
    stale: dict[str, str] = {}
    records: list[RecordAt] = []


class Producer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    producer_id: int
    last_at: Ms
    named: bool = False  # a transactional id is known for it


class ProducersSeen(Observation, frozen=True):
    """DescribeProducers by topic; an empty list: asked, and nobody with idempotence writes there."""

    topics: dict[str, list[Producer]]


class EdgeSeen(msgspec.Struct, frozen=True):
    """One claim about an edge. ``source`` and ``target`` are node ids, direction is the data's.

    ``group`` is the consumer group a reading span named; ``client_id`` likewise.
    """

    relation: str  # writes reads calls derives replicates dead_letters
    source: str
    target: str
    first_seen: Ms
    last_seen: Ms
    count: int = 1
    strength: str = "observed"  # observed inferred permitted declared
    detail: str = ""
    group: str = ""
    client_id: str = ""
    host: str = ""
    rate: float | None = None  # records (or calls) a second, where the source says so
    lag: int | None = None  # records, where the source says so


class EdgesSeen(Observation, frozen=True):
    """Claims from one source of evidence (``otlp``, ``groups``, ``connect`` …). ``cluster`` may be ""."""

    source: str
    edges: list[EdgeSeen]


class NodeSeen(msgspec.Struct, frozen=True):
    """What a source tells of a node: one of its own (a connector, a query, a system) or one that others list.

    ``attrs`` are JSON values that change rarely, under names that no other source uses for that kind of node;
    ``figures`` are numbers that move. ``team`` is its owner's name, where the source knows it. A topic or a group
    that the cluster does not list is not made by it.
    """

    id: str
    name: str
    attrs: dict[str, Any] = {}
    figures: dict[str, float | None] = {}
    team: str = ""


class Reading(Observation, frozen=True):
    """One reading of a source that lists all it knows each time: a Connect worker, a registry, a document.

    ``scope`` tells several of one kind in a cluster apart. Where ``complete``, what an earlier reading of the same
    source and scope named and this one does not has ended. Counts of edges are as told, they do not add up.
    ``interval`` (seconds): after three of them without a new reading it is stale.
    """

    source: str
    scope: str
    nodes: list[NodeSeen]
    edges: list[EdgeSeen]
    complete: bool
    interval: float


class JoinSaid(Observation, frozen=True):
    """What a person said of a name (``kind`` group, transactional_id, client_id or service).

    ``cluster`` is "" but for a group and a transactional id, whose name is what its writer is called (``etl-*``).

    ``verdict`` is ``same``: it is that service; ``different``: it is not; "": what was said before is taken back.
    """

    kind: str
    name: str
    service: str
    verdict: str
    by: str


class CollectorRan(Observation, frozen=True):
    """How one collection went. ``error`` is None or a sentence; ``needs`` names rights that were refused.

    ``unreachable``: the source did not answer at all, so that any later success of another disproves the error.
    """

    collector: str
    source: str
    duration: float  # seconds
    requests: int
    error: str | None = None
    permanent: bool = False
    needs: list[str] = []
    note: str = ""
    interval: float = 0.0  # seconds between runs, for staleness
    unreachable: bool = False


AnyObservation: TypeAlias = (
    ClusterSeen
    | TopicsListed
    | ConfigsSeen
    | SizesSeen
    | GroupsListed
    | GroupsDescribed
    | PositionsFrame
    | ProducersSeen
    | EdgesSeen
    | Reading
    | JoinSaid
    | CollectorRan
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyObservation)

STREAM = "playhead:observations"
FIELD = b"o"


def encode(observation: AnyObservation) -> bytes:
    """MessagePack, for the stream of observations. Surrogates (a name's bytes that are no UTF-8) become text."""
    try:
        return _encoder.encode(observation)
    except UnicodeEncodeError:
        return _encoder.encode(_speakable(msgspec.to_builtins(observation)))


def decode(data: bytes) -> AnyObservation:
    """The observation in these bytes, without a NUL in any text. Raises msgspec.ValidationError or DecodeError."""
    found: AnyObservation = _decoder.decode(data)
    if b"\\u0000" in msgspec.json.encode(found):  # quicker than to look at each text of thousands
        found = msgspec.convert(_speakable(msgspec.to_builtins(found)), AnyObservation)
    return found


def _speakable(value: Any) -> Any:
    """The one place where what a cluster calls its things becomes names that tables and encoders take."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {_speakable(k): _speakable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_speakable(v) for v in value]
    return value
