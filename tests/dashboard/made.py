"""Frames made by hand."""

from __future__ import annotations

from typing import Any

from lineage.frames import ClusterState, CollectorState, EdgeState, EvidenceState, Frame, LagItem, NodeState
from lineage.identity import node_id

T0 = 1_750_000_200_000
MARKUP = '<script>alert("x")</script>&\'"'
SPITEFUL_GROUP = f"g/{MARKUP}%\x01é"
SPITEFUL_CLIENT = f"c-{MARKUP}"


def node(kind: str, name: str, cluster: str = "c", team: str | None = None, **attrs: Any) -> NodeState:
    path = (name,) if kind in {"service", "team"} else (cluster, name)
    slug = "" if kind in {"service", "team"} else cluster
    return NodeState(node_id(kind, *path), kind, name, slug, team, None, T0, T0, False, attrs)


def topic(name: str, cluster: str = "c", team: str | None = None, **attrs: Any) -> NodeState:
    given = {"partitions": 3, "rate": 2.0, "size": None, "records": 10, "configs": {"retention.ms": "60000"}}
    return node("topic", name, cluster, team, **{**given, "log_sampled_at": T0, **attrs})


def edge(source: NodeState, target: NodeState, relation: str, key: str = "", **more: Any) -> EdgeState:
    evidence = (EvidenceState("otlp", "observed", T0, T0, "from spans", 3),)
    given = {"rate": 1.0, "lag": None, "verdict": None, "stale": False, "sentence": "spans say so"}
    return EdgeState(
        source=source.id,
        target=target.id,
        key=key,
        relation=relation,
        strength=more.pop("strength", "observed"),
        evidence=evidence,
        **{**given, **more},
    )


def lag(group: str, topic_name: str, verdict: str = "ok", **more: Any) -> LagItem:
    given: dict[str, Any] = {
        "cluster": "c",
        "service": None,
        "team": None,
        "lag": 5,
        "time_lag": 1.0,
        "time_lag_error": 0.5,
        "reason": "why",
        "rules_version": 1,
        "since": T0,
        "unread": 5,
        "rate_in": 1.0,
        "rate_out": 1.0,
        "catch_up": None,
        "loss_in": None,
        "members": 1,
        "sampled_at": T0,
    }
    return LagItem(group=group, topic=topic_name, verdict=verdict, **{**given, **more})


def cluster(name: str = "c", **more: Any) -> ClusterState:
    given: dict[str, Any] = {
        "cluster_id": "id",
        "brokers": 1,
        "brokers_expected": 1,
        "topics": 1,
        "partitions": 3,
        "groups": 1,
        "status": "ok",
        "sampled_at": T0,
        "error": None,
        "offline": 0,
        "under_replicated": 0,
        "below_min_isr": 0,
    }
    return ClusterState(name=name, **{**given, **more})


def collector(name: str, **more: Any) -> CollectorState:
    given: dict[str, Any] = {
        "cluster": "c",
        "source": "kafka",
        "last_success": T0,
        "last_run": T0,
        "duration": 0.1,
        "requests": 2,
        "error": None,
        "needs": (),
        "note": "",
        "interval": 10.0,
        "stale": False,
    }
    return CollectorState(name=name, **{**given, **more})


def frame(nodes: list[NodeState], edges: list[EdgeState] | None = None, tick: int = 1, **more: Any) -> Frame:
    given: dict[str, Any] = {
        "lag": (),
        "clusters": (cluster(),),
        "collectors": (collector("positions"),),
        "positions": {n.id: (i * 10.0, 0.0) for i, n in enumerate(nodes)},
    }
    return Frame(
        at=T0 + tick * 1000,
        live=True,
        resolution="full",
        tick=tick,
        nodes={n.id: n for n in nodes},
        edges=tuple(edges or ()),
        **{**given, **more},
    )
