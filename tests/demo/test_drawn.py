"""What Playhead draws of the shop is what the shop's evidence can prove: nothing more, and nothing less."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo import incidents, truth
from demo.truth import Claims
from lineage.identity import split_id
from tests.contracts import brokers
from tests.contracts.tree import Tree, running

STEADY = 10.0  # seconds after which all is provable that is before the group is renamed
STANDS = 4.0  # seconds for which the picture must stay what it is
LATEST = incidents.RENAME_AT - STEADY


def drawn(body: dict[str, Any]) -> Claims:
    """The graph's answer in the words of the declaration."""
    nodes = {n["id"]: (n["kind"], split_id(n["id"])[1][-1]) for n in body["nodes"]}
    edges = [(e["relation"], nodes[e["source"]], nodes[e["target"]], e["key"]) for e in body["edges"]]
    of = {kind: frozenset(name for k, name in nodes.values() if k == kind) for kind in ("service", "topic", "group")}
    reads: set[tuple[str | None, str, str | None]] = set()
    for relation, (_, topic), (kind, reader), key in edges:
        if relation == "reads":
            reads.add((None, topic, reader) if kind == "group" else (reader, topic, None if key == relation else key))
    written = {(kind, name, topic) for relation, (kind, name), (_, topic), _ in edges if relation == "writes"}
    return Claims(
        services=of["service"],
        topics=of["topic"],
        groups=frozenset(group for _, _, group in reads if group),
        groups_without_service=of["group"],
        reads=frozenset(reads),
        writes=frozenset((name, topic) for kind, name, topic in written if kind == "service"),
        calls=frozenset((a, b) for relation, (_, a), (_, b), _ in edges if relation == "calls"),
        unknown_writers=frozenset(topic for kind, _, topic in written if kind == "writer"),
    )


def differs(found: Claims, wanted: Claims) -> dict[str, tuple[list[Any], list[Any]]]:
    """What is claimed and not provable, and what is provable and not claimed, by kind; empty: all is equal."""
    pairs = {f.name: (getattr(found, f.name), getattr(wanted, f.name)) for f in fields(Claims)}
    return {k: (sorted(a - b, key=str), sorted(b - a, key=str)) for k, (a, b) in pairs.items() if a != b}


def compare(tree: Tree) -> None:
    wanted = truth.at(STEADY)

    def left() -> Any:
        answer = httpx.get(f"{tree.url}/api/v1/graph", timeout=10)
        return differs(drawn(answer.json()), wanted) if answer.status_code == 200 else answer.text

    tree.started()
    began = time.monotonic()
    tree.until(left, 60)
    seconds = time.monotonic() - began
    while time.monotonic() < began + seconds + STANDS:
        assert left() == {}
        time.sleep(0.5)
    assert time.monotonic() - began < LATEST
    print(f"the drawn graph equals the declaration {seconds:.1f} s after the start")


@pytest.mark.slow
def test_the_drawn_graph_equals_the_declaration_on_the_embedded_broker(tmp_path: Path) -> None:
    with running(tmp_path, "--demo") as tree:
        compare(tree)


@pytest.mark.slow
@pytest.mark.kafka
def test_the_drawn_graph_equals_the_declaration_on_apache_kafka(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with (
        brokers.apache(tmp_path / "broker") as address,
        running(tmp_path, "--demo", KAFKA_BOOTSTRAP_SERVERS=address) as tree,
    ):
        compare(tree)
