"""Programs with other people's instrumentation and frameworks: the drawn graph is what they do, and no more.

They run in an environment of their own, which OTHERS_PYTHON names: their pins and ours exclude each other.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from lineage.config import parse
from lineage.streams import FRAMEWORKS
from lineage.structure import Structure
from tests.contracts import brokers
from tests.contracts.ecosystem import PAUSE, Ecosystem, Fact, collector, fact, topics, turning
from tests.contracts.watching import Watch, found, provable, unknown, untrue
from tests.others import programs

pytestmark = [pytest.mark.others, pytest.mark.slow, pytest.mark.timeout(300)]
SECONDS = 150.0
TOPICS = [f"{kind}-{what}" for kind in ("confluent", "python", "aio", "quix", "faust") for what in ("orders", "bills")]
SILENT = {"aio-silent"}  # without instrumentation
YAML = """
clusters:
  - {{name: here, bootstrap_servers: "{here}", records: {{bytes_per_second: 40000000, requests_per_second: 1000}}}}
"""


def topic(name: str) -> set[str]:
    return {f"topic:here/{name}"}


def reader(service: str, group: str) -> set[str]:
    """A service and its group: one where the spans name the group, two where they do not."""
    return {f"service:{service}", f"group:here/{group}"}


def shop(kind: str, billing: set[str]) -> Iterator[Fact]:
    """What each pair of programs does."""
    yield fact("reads", topic(f"{kind}-orders"), billing)
    yield fact("writes", billing, topic(f"{kind}-bills"))


TRUTH = (
    *(fact("writes", {f"service:{kind}-shop"}, topic(f"{kind}-orders")) for kind in ("confluent", "python", "aio")),
    *shop("confluent", reader("confluent-billing", "confluent-billing-cg")),
    *shop("python", reader("python-billing", "python-billing-cg")),
    *shop("aio", {"service:aio-billing"}),
    fact("reads", topic("aio-orders"), {"service:aio-audit"}),
    fact("reads", topic("aio-bills"), {"service:aio-audit"}),
    fact("reads", topic("aio-orders"), {"group:here/aio-silent-cg"}),
    *(fact("writes", {f"writer:here/{kind}-orders"}, topic(f"{kind}-orders")) for kind in ("quix", "faust")),
    *shop("quix", reader("quix", "quix-billing")),
    fact("writes", {"service:quix"}, topic("changelog__quix-billing--quix-orders--default")),
    fact("reads", topic("changelog__quix-billing--quix-orders--default"), {"group:here/quix-billing"}),
    fact("derives", topic("quix-orders"), topic("quix-bills"), provable=False),  # it passes headers on
    *shop("faust", reader("faust", "faust-billing")),
    fact("writes", {"service:faust"}, topic("faust-billing-seen-changelog")),
    fact("reads", topic("faust-billing-seen-changelog"), reader("faust", "faust-billing")),
    fact("reads", topic("faust-billing-__assignor-__leader"), reader("faust", "faust-billing")),
)


@contextmanager
def others(work: Path, here: str) -> Iterator[Ecosystem]:
    """Every program in a process of its own, and somebody who writes what the frameworks read."""
    python = Path(os.environ["OTHERS_PYTHON"]).absolute()  # not resolved: that would leave the environment
    of = Ecosystem(parse(YAML.format(here=here), "playhead.yaml", {}), TRUTH)
    topics(here, *TOPICS)
    with ExitStack() as stack:
        address = stack.enter_context(collector(of.spans))
        for name in programs.PROGRAMS:
            command = [str(python), programs.__file__, name, here]
            if name not in SILENT:
                command = [
                    "env",
                    *settings_of(name, address),
                    str(python.parent / "opentelemetry-instrument"),
                    *command,
                ]
            (work / name).mkdir()
            stack.enter_context(brokers.running(["env", "-C", str(work / name), *command], work / f"{name}.log"))
        stack.enter_context(turning(plainly(here)))
        yield of


def settings_of(name: str, address: str) -> list[str]:
    """As its own documentation has them; spans leave soon."""
    given = {"SERVICE_NAME": name, "EXPORTER_OTLP_TRACES_ENDPOINT": address, "TRACES_EXPORTER": "otlp"}
    given |= {"EXPORTER_OTLP_PROTOCOL": "http/protobuf", "METRICS_EXPORTER": "none", "LOGS_EXPORTER": "none"}
    return [f"OTEL_{key}={value}" for key, value in {**given, "BSP_SCHEDULE_DELAY": "300"}.items()]


def plainly(here: str) -> Iterator[None]:
    producer, pause = Producer({"bootstrap.servers": here, "log_level": 0}), threading.Event()
    while True:
        for name in ("quix-orders", "faust-orders"):
            producer.produce(name, b"{}", key=b"k")
        producer.flush(20)
        yield
        pause.wait(PAUSE)


@pytest.fixture(scope="module", params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def graph(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Structure:
    """What is drawn of them on a broker of each make."""
    start = brokers.embedded if request.param == "embedded" else brokers.apache
    work = tmp_path_factory.mktemp("others")
    with start(work) as here, others(work, here) as of, Watch(of) as watch:
        return watch.until_all_is_found(SECONDS)


def test_all_that_they_do_is_found_and_nothing_else_is_drawn(graph: Structure) -> None:
    assert provable(TRUTH) - found(TRUTH, graph) == set()
    assert untrue(TRUTH, graph) == set()
    assert unknown(graph) == topic("quix-orders") | topic("faust-orders")


def test_a_service_and_its_group_are_one_where_the_spans_name_the_group(graph: Structure) -> None:
    owners = {n.name: n.attrs["service"] for n in graph.nodes.values() if n.kind == "group"}
    assert owners == {
        "aio-billing-cg": "service:aio-billing",
        "aio-audit-cg": "service:aio-audit",
        "aio-silent-cg": None,  # though it bears the client id that the library gives both of these
        "confluent-billing-cg": None,
        "python-billing-cg": None,
        "quix-billing": None,
        "faust-billing": None,
    }


def test_topics_that_frameworks_keep_for_themselves_are_folded_into_their_group(graph: Structure) -> None:
    inner = {n.name: n.attrs["application"] for n in graph.nodes.values() if n.attrs.get("application")}
    assert inner == {
        "changelog__quix-billing--quix-orders--default": "group:here/quix-billing",
        "faust-billing-seen-changelog": "group:here/faust-billing",
        "faust-billing-__assignor-__leader": "group:here/faust-billing",
    }
    faust = graph.nodes["group:here/faust-billing"].attrs["streams"]
    assert (faust["framework"], faust["stores"]) == (FRAMEWORKS["faust"], ["seen"])


def test_our_own_python_is_not_the_one_they_run_on() -> None:
    assert Path(os.environ["OTHERS_PYTHON"]).absolute().parent != Path(sys.executable).parent
