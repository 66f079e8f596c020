"""Two declarations of the shop, written apart, agree: what the services say of themselves, and what can be proven."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from demo import incidents, topics, truth
from demo.service import Spec
from demo.services import NAMES, module

SPECS: list[Spec] = [module(name).SPEC for name in NAMES]
DEMO = Path(truth.__file__).parent
LATER = 200.0


def seen(spec: Spec) -> bool:
    return spec.vocabulary is not None


def test_each_module_is_the_service_it_is_named_for() -> None:
    assert [s.name for s in SPECS] == list(NAMES)
    files = {p.stem.replace("_", "-") for p in (DEMO / "services").glob("*.py") if not p.stem.startswith("__")}
    assert files == set(NAMES)


def test_services_are_those_that_send_spans() -> None:
    assert {s.name for s in SPECS if seen(s)} == truth.SERVICES
    assert {s.name for s in SPECS if not seen(s)} == truth.WITHOUT_SPANS
    assert len(truth.SERVICES) >= 10


def test_writes_are_those_that_services_with_spans_declare() -> None:
    assert truth.at(LATER).writes == {(s.name, t) for s in SPECS if seen(s) for t in s.writes}


def test_topics_of_writers_without_identity_are_those_that_nobody_else_writes() -> None:
    silent = {t for s in SPECS if not seen(s) for t in s.writes}
    assert silent - {t for _, t in truth.at(LATER).writes} == truth.UNKNOWN_WRITERS


def test_reads_are_joined_only_where_spans_name_the_group() -> None:
    names_groups = {"current", "1.24"}
    expected: set[tuple[str | None, str, str | None]] = set()
    for spec in SPECS:
        for topic in spec.reads:
            if spec.vocabulary in names_groups:
                expected.add((spec.name, topic, spec.group))
                continue
            expected.add((None, topic, spec.group))
            if seen(spec):
                expected.add((spec.name, topic, None))
    assert truth.at(0).reads == expected


def test_the_renamed_group_is_provable_only_after_its_deployment() -> None:
    before, after = truth.at(incidents.RENAME_AT - 1), truth.at(incidents.RENAME_AT)
    assert after.groups - before.groups == {"email-v2"}
    assert after.groups_without_service == {"reco-cg", "audit-archive"}


def test_every_topic_is_made_and_every_made_topic_is_used() -> None:
    made = {t.name for t in topics.TOPICS}
    assert made == truth.at(LATER).topics == {t for s in SPECS for t in (*s.reads, *s.writes)}


def test_a_client_id_differs_from_its_service_and_all_three_vocabularies_are_spoken() -> None:
    assert any(s.client_id and s.name not in s.client_id for s in SPECS if s.reads and seen(s))
    assert {s.vocabulary for s in SPECS} == {"current", "1.24", "1.11", None}


@pytest.mark.parametrize("path", sorted(DEMO.rglob("*.py")), ids=lambda p: p.stem)
def test_the_shop_uses_nothing_of_its_watcher_and_only_tests_read_the_truth(path: Path) -> None:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{a.name}" for a in node.names)}
        elif isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
    assert not {n for n in names if n.split(".")[0] in {"lineage", "collectors", "dashboard", "django"}}
    assert "demo.truth" not in names


def test_what_is_declared_is_right_but_for_the_two_things_that_are_meant() -> None:
    declared = yaml.safe_load((DEMO / "playhead.yaml").read_text(encoding="utf-8"))["declared"]
    does = ("reads", "writes", "calls")
    said = {(d["service"], verb, thing) for d in declared for verb in does for thing in d.get(verb, ())}
    proven = truth.at(LATER)
    true = {(s, "reads", t) for s, t, _ in proven.reads} | {(s, "writes", t) for s, t in proven.writes}
    true |= {(a, "calls", b) for a, b in proven.calls}
    of_those = {(s, verb, thing) for s, verb, thing in true if s in {d["service"] for d in declared}}
    assert said - true == truth.DECLARED_NEVER_SEEN
    assert of_those - said == truth.SEEN_NOT_DECLARED
