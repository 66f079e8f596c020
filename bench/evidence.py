"""Edges found by each source of evidence alone, and by all: a table of a running Playhead's graph.

``python -m bench.evidence [http://127.0.0.1:8000] [--token T]``; without an address it runs the demo for half a
minute. An edge is found by a source where a piece of its evidence is that source's. ``alone``: nobody else has it.

``python -m bench.evidence --everything`` starts two clusters of Apache Kafka (KAFKA_LIBS) with Connect, MirrorMaker 2,
a Streams application, groups of every type and writers of every kind, of which is written down what truly happens.
Then ``found`` is how much of that the source finds with nothing but the listings of topics and groups beside it,
``only`` what nobody else finds, ``untrue`` how many edges it draws as seen that did not happen.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from bench.screen import demo
from lineage.structure import Structure
from tests.contracts.ecosystem import Ecosystem, Fact, ecosystem
from tests.contracts.watching import Watch, drawn, found, provable, untrue

DEMO_SECONDS = 30.0
EVERYTHING_SECONDS = 300.0
STRENGTHS = "observed,inferred,declared,permitted"
RELATIONS = ("writes", "reads", "calls", "derives", "replicates", "dead_letters")


def edges(url: str, token: str) -> list[dict[str, Any]]:
    """The graph's edges, of every strength."""
    head = {"Authorization": f"Bearer {token}"} if token else {}
    answer = httpx.get(f"{url}/api/v1/graph", params={"strength": STRENGTHS}, headers=head, timeout=30)
    answer.raise_for_status()
    return list(answer.json()["edges"])


def table(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Rows: source, edges, alone, then edges by relation; the last is of all sources together."""
    sources = sorted({e["source"] for edge in found for e in edge["evidence"]})
    rows = [_row(s, [e for e in found if any(p["source"] == s for p in e["evidence"])]) for s in sources]
    return [("source", "edges", "alone", *RELATIONS), *rows, _row("all", found)]


def _row(name: str, found: list[dict[str, Any]]) -> tuple[str, ...]:
    alone = sum(len(e["evidence"]) == 1 for e in found)
    by = Counter(e["relation"] for e in found)
    return (name, str(len(found)), str(alone), *(str(by[r]) for r in RELATIONS))


def everything() -> list[tuple[str, ...]]:
    """Rows of what each source finds of the truth, and all of them; the last is the truth itself."""
    with tempfile.TemporaryDirectory() as work, ecosystem(Path(work)) as of, Watch(of) as watch:
        watch.until_all_is_found(EVERYTHING_SECONDS)
    graphs = {name: drawn(of.config, watch.of(name)) for name in watch.names}
    facts = {name: found(of.truth, graph) for name, graph in graphs.items()}
    rows = [
        _truths(name, facts[name], facts[name].difference(*(f for n, f in facts.items() if n != name)), graph, of)
        for name, graph in graphs.items()
        if facts[name]
    ]
    whole = drawn(of.config, watch.everything())
    head = ("source", "found", "only", "untrue", *RELATIONS)
    true = provable(of.truth)
    last = ("truth", str(len(true)), "", "", *_by_relation(true))
    return [head, *rows, _truths("all", found(of.truth, whole) & true, set(), whole, of), last]


def _truths(name: str, facts: set[Fact], only: set[Fact], graph: Structure, of: Ecosystem) -> tuple[str, ...]:
    return (name, str(len(facts)), str(len(only)), str(len(untrue(of.truth, graph))), *_by_relation(facts))


def _by_relation(facts: set[Fact]) -> list[str]:
    by = Counter(fact.relation for fact in facts)
    return [str(by[r]) for r in RELATIONS]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="")
    parser.add_argument("--token", default="")
    parser.add_argument("--everything", action="store_true")
    given = parser.parse_args()
    if given.everything:
        show(everything())
        return
    if given.url:
        show(table(edges(given.url.rstrip("/"), given.token)))
        return
    with tempfile.TemporaryDirectory() as data, demo(Path(data)) as (url, _):
        time.sleep(DEMO_SECONDS)
        show(table(edges(url, "")))


def show(rows: list[tuple[str, ...]]) -> None:
    """Prints them in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(
                cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
        )


if __name__ == "__main__":
    main()
