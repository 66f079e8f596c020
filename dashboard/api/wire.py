"""The only way from a graph to JSON, and the encoder of everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboard.times import rfc, stamp
from dashboard.views.common import Index, edge_key, index_of
from dashboard.views.drawn import Drawn
from lineage.frames import EdgeState, EvidenceState, Frame, NodeState


def dumps(value: Any) -> bytes:
    """JSON; bytes that were no UTF-8 in a name become replacement characters (ids keep them, encoded)."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(value))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {_clean(k): _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(v) for v in value]
    return value


def moment(frame: Frame) -> dict[str, Any]:
    """What every answer carries."""
    return {"at": stamp(frame.at), "live": frame.live, "resolution": frame.resolution}


def graph(frame: Frame, drawn: Drawn) -> dict[str, Any]:
    """networkx's node-link form, edges under "edges"; ``networkx.node_link_graph(body, edges="edges")`` reads it."""
    index = index_of(frame)
    times = {c.name: rfc(c.sampled_at) for c in frame.clusters}
    nodes = [node(n, times) for n in sorted(drawn.nodes, key=lambda n: n.id)]
    edges = [edge(frame, index, e, times) for e in sorted(drawn.edges, key=edge_key)]
    head = {"directed": True, "multigraph": True, "graph": moment(frame)}
    return {**moment(frame), **head, "nodes": nodes, "edges": edges}


def node(n: NodeState, times: Mapping[str, str | None]) -> dict[str, Any]:
    """A node with its attributes; ``sampled_at`` is when its numbers were taken, else its cluster's time."""
    own = dict(n.attrs)
    if "last_write" in own:
        own["last_write"] = rfc(own["last_write"])
    if hanging := own.get("hanging"):
        own["hanging"] = [{**h, "since": rfc(h["since"])} for h in hanging]
    sampled = rfc(own.pop("log_sampled_at", None)) or times.get(n.cluster)
    return {
        **own,
        "id": n.id,
        "kind": n.kind,
        "name": n.name,
        "cluster": n.cluster,
        "team": n.team,
        "stale": n.stale,
        "owner_source": n.owner_source,
        "first_seen": stamp(n.first_seen),
        "last_seen": stamp(n.last_seen),
        "sampled_at": sampled,
    }


def edge(frame: Frame, index: Index, e: EdgeState, times: Mapping[str, str | None]) -> dict[str, Any]:
    """An edge; its key is the group of a joined read, else the relation, so that parallel edges stay apart."""
    item = index.lag_of_edge(e)
    return {
        "source": e.source,
        "target": e.target,
        "relation": e.relation,
        "strength": e.strength,
        "rate": e.rate,
        "lag": e.lag,
        "verdict": e.verdict,
        "stale": e.stale,
        "sentence": e.sentence,
        "key": e.key or e.relation,
        "time_lag": item.time_lag if item else None,
        "evidence": [evidence(x) for x in e.evidence],
        "drift": e.drift,
        "contradictions": list(e.contradictions),
        "sampled_at": stamp(item.sampled_at) if item else times.get(_cluster(frame, e)),
    }


def _cluster(frame: Frame, e: EdgeState) -> str:
    ends = (frame.nodes.get(e.source), frame.nodes.get(e.target))
    return next((n.cluster for n in ends if n and n.cluster), "")


def evidence(e: EvidenceState) -> dict[str, Any]:
    """One reason to believe an edge."""
    return {
        "source": e.source,
        "strength": e.strength,
        "first_seen": stamp(e.first_seen),
        "last_seen": stamp(e.last_seen),
        "detail": e.detail,
        "count": e.count,
        "recent": e.recent,
    }


def folded(frame: Frame, nodes: Mapping[str, Any], edges: Mapping[str, Any]) -> dict[str, Any]:
    """The folded map in the same form: boxes as nodes, their edges merged."""
    head = {"directed": True, "multigraph": True, "graph": moment(frame)}
    sampled = {c.name: rfc(c.sampled_at) for c in frame.clusters}
    newest = max((s for s in sampled.values() if s), default=None)
    boxes = [{**n, "sampled_at": sampled.get(n["cluster"], newest)} for _, n in sorted(nodes.items())]
    links = [{**e, "key": e["key"] or e["relation"], "sampled_at": newest} for _, e in sorted(edges.items())]
    return {**moment(frame), **head, "nodes": boxes, "edges": links}
