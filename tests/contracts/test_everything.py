"""All sources at once on Apache Kafka: what happens is found, what does not happen is not drawn as seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
from pytest_django import Settings

from lineage import history
from lineage.config import Config
from lineage.evidence import NOUNS
from lineage.identity import edge_id
from lineage.observations import CollectorRan
from lineage.recorder import Tape, clock
from lineage.structure import Structure, is_drawn
from tests.contracts.ecosystem import AGGREGATE, Fact, ecosystem
from tests.contracts.watching import Watch, drawn, found, provable, unknown, untrue

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]
SECONDS = 150.0


@dataclass
class Seen:
    """What all sources of an ecosystem told, and the graph of it; it runs no more."""

    config: Config
    truth: tuple[Fact, ...]
    watch: Watch
    graph: Structure

    def found_by(self, *sources: str) -> tuple[set[Fact], set[str]]:
        """The facts that these sources alone find, and what they draw that is not so."""
        graph = drawn(self.config, self.watch.of(*sources))
        return found(self.truth, graph), untrue(self.truth, graph)


@pytest.fixture(scope="session")  # pytest-django puts tests with a database first, those of other files between
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    with ecosystem(tmp_path_factory.mktemp("all")) as of, Watch(of) as watch:
        graph = watch.until_all_is_found(SECONDS)
    return Seen(of.config, of.truth, watch, graph)


@pytest.fixture
def tape(seen: Seen, tmp_path: Path, settings: Settings, db: None) -> Iterator[Tape]:
    """What the recorder writes of all that was told."""
    settings.DATA_DIR, settings.LAKE_URL = tmp_path, ""
    history.forget()
    recorded = Tape(seen.config, tmp_path)
    for observation in seen.watch.everything():
        recorded.take(observation)
    recorded.cut(clock())
    yield recorded
    recorded.close()
    history.forget()


def test_every_read_write_copy_and_dead_letter_is_found_and_nothing_else_is_drawn_as_seen(seen: Seen) -> None:
    assert provable(seen.truth) - found(seen.truth, seen.graph) == set()
    assert untrue(seen.truth, seen.graph) == set()
    runs = {(o.cluster, o.collector): o.error for o in seen.watch.everything() if isinstance(o, CollectorRan)}
    assert {run: error for run, error in runs.items() if error} == {}  # a broker that just started may refuse at first


def test_who_is_unknown_stays_unknown_and_nobody_else_is(seen: Seen) -> None:
    nobodys = {topic for fact in seen.truth if fact.unknown for topic in fact.targets}
    assert unknown(seen.graph) == nobodys


def test_what_is_only_declared_is_not_drawn_as_seen(seen: Seen) -> None:
    dreams = {e.id: e.strength for e in seen.graph.edges.values() if "service:dreamer" in (e.source, e.target)}
    assert dreams == {
        "reads|topic:here/mystery|service:dreamer|": "declared",
        "writes|service:dreamer|topic:here/payments|": "declared",
    }


def test_what_a_connect_cluster_keeps_for_itself_is_folded_into_it(seen: Seen) -> None:
    inner = {k: n.attrs["application"] for k, n in seen.graph.nodes.items() if n.attrs.get("application")}
    workers, words = "group:here/connect-cluster", "group:here/words"
    assert inner == {
        "topic:here/connect-configs": workers,
        "topic:here/connect-offsets": workers,
        "topic:here/connect-status": workers,
        f"topic:here/{AGGREGATE}-changelog": words,
        f"topic:here/{AGGREGATE}-repartition": words,
        "topic:there/mm2-offset-syncs.A.internal": "connector:here/main/mirror",
    }
    assert not [e.id for e in seen.graph.edges.values() if workers in (e.source, e.target)]
    assert not is_drawn("group", seen.graph.nodes[workers].attrs)


def test_each_source_more_finds_no_fewer_edges_and_none_draws_what_did_not_happen(seen: Seen) -> None:
    """Every set of sources that tell of edges, held against every set with one source more."""
    by_each = {name: seen.found_by(name)[0] for name in seen.watch.names}
    telling = sorted(name for name, facts in by_each.items() if facts)
    by = {chosen: seen.found_by(*chosen) for n in range(len(telling) + 1) for chosen in combinations(telling, n)}
    assert not {chosen: wrong for chosen, (_, wrong) in by.items() if wrong}
    for chosen, (facts, _) in by.items():
        for more in (name for name in telling if name not in chosen):
            lost = facts - by[tuple(sorted((*chosen, more)))][0]
            assert not lost, f"{more} beside {chosen} hides {', '.join(map(str, lost))}"
    assert by[()] == (set(), set())
    assert provable(seen.truth) <= by[tuple(telling)][0]


@pytest.mark.usefixtures("tape")
def test_each_edge_has_the_sentence_that_says_why_it_is_believed(seen: Seen) -> None:
    frame = history.frame_at(None)
    said = {(e.relation, e.source, e.target, e.key): e for e in frame.edges}
    assert {edge_id(*key) for key in said} == set(seen.graph.edges)
    for edge in said.values():
        undeclared = edge.target == "topic:here/payments" and edge.source.startswith("writer:")
        assert ("not declared" in edge.sentence) == undeclared, edge  # another one is declared to write there
        assert edge.sentence.startswith(f"{edge.strength}: "), edge
        assert {piece.source for piece in edge.evidence} <= NOUNS.keys()
    print(*sorted(f"{edge_id(*key)}\n    {e.sentence}" for key, e in said.items()), sep="\n")
