"""TLS, SASL PLAIN, SCRAM and OAUTHBEARER by both client libraries, live; and what is said when they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic

from collectors.base import Budget, run
from collectors.kafka.check import Step, check_address
from collectors.kafka.client import KafkaClient
from collectors.kafka.follower import Follower
from collectors.kafka.groups import Groups
from collectors.kafka.producers import Producers
from collectors.kafka.topology import Topology
from lineage.config import ClusterConfig
from lineage.observations import CollectorRan, GroupsListed, PositionsFrame, ProducersSeen, TopicsListed
from tests.contracts import secure
from tests.contracts.shop import Shop

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secure.Secure]:
    """A broker with one topic, one idempotent writer and one group."""
    with secure.broker(tmp_path_factory.mktemp("secure")) as it:
        shop = Shop(it.address("SSL"), it.tls)
        shop.admin.create_topics([NewTopic("orders", 2, 1)])["orders"].result(60)
        shop.produce("orders", [2, 3], **{"enable.idempotence": True})
        shop.commit("readers", "orders", {0: 1, 1: 3})
        yield it


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with secure.token_endpoint() as url:
        yield url


WAYS: dict[str, tuple[str, Callable[[secure.Secure, str], dict[str, str]]]] = {
    "TLS": ("SSL", lambda broker, _: broker.tls),
    "mutual TLS": ("MUTUAL", lambda broker, _: broker.mutual),
    "PLAIN over TLS": ("PLAIN", lambda broker, _: broker.plain),
    "SCRAM-SHA-256": ("SCRAM", lambda broker, _: broker.scram(256)),
    "SCRAM-SHA-512": ("SCRAM", lambda broker, _: broker.scram(512)),
    "OAUTHBEARER": ("BEARER", lambda broker, endpoint: broker.bearer(endpoint)),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_collectors_work_over(way: str, broker: secure.Secure, endpoint: str) -> None:
    listener, properties = WAYS[way]
    config = ClusterConfig("k", broker.address(listener), properties(broker, endpoint))
    client = KafkaClient("k", config.bootstrap_servers, config.properties)
    follower = Follower(config, client)
    collectors = [*(kind(config, client) for kind in (Topology, Groups, Producers)), follower]
    seen = [o for collector in collectors for o in run(collector, Budget(seconds=60))]
    follower.positions.close()
    client.close()
    assert [o.error for o in seen if isinstance(o, CollectorRan)] == [None] * 4
    (topics,), (groups,), (producers,), (frame,) = (
        [o for o in seen if isinstance(o, kind)] for kind in (TopicsListed, GroupsListed, ProducersSeen, PositionsFrame)
    )
    assert "orders" in {t.name for t in topics.topics}
    assert ("readers", "Empty") in {(g.id, g.state) for g in groups.groups}
    assert len(producers.topics["orders"]) == 1
    assert sorted((c.partition, c.offset) for c in frame.commits["readers"]["orders"]) == [(0, 1), (1, 3)]
    assert frame.method == "followed"


@pytest.mark.parametrize("way", WAYS)
def test_check_finds_nothing_missing_over(way: str, broker: secure.Secure, endpoint: str) -> None:
    listener, properties = WAYS[way]
    assert [s for s in check_address(broker.address(listener), properties(broker, endpoint)) if s.ok is False] == []


def refused(broker: secure.Secure, listener: str, properties: dict[str, str]) -> Step:
    step = check_address(broker.address(listener), properties)[-1]
    assert (step.name, step.ok) == ("connection", False)
    return step


@pytest.mark.parametrize("way", ["PLAIN over TLS", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_password_is_a_sentence_over(way: str, broker: secure.Secure, endpoint: str) -> None:
    listener, properties = WAYS[way]
    step = refused(broker, listener, {**properties(broker, endpoint), "sasl.password": "no"})
    assert step.detail == f"{broker.address(listener)} refused the user name or password of User:playhead"
    assert "sasl.password" in step.remedy


def test_a_refused_token_is_a_sentence(broker: secure.Secure, endpoint: str) -> None:
    step = refused(broker, "BEARER", {**broker.bearer(endpoint), "sasl.oauthbearer.client.secret": "no"})
    assert step.detail.startswith("no token for User:playhead: ")
    assert "client.secret" in step.remedy


def test_an_untrusted_certificate_is_a_sentence(broker: secure.Secure) -> None:
    step = refused(broker, "SSL", {**broker.tls, "ssl.ca.location": str(broker.work / "theirs.pem")})
    assert step.detail == f"the certificate of {broker.address('SSL')} is not trusted"
    assert "ssl.ca.location" in step.remedy


def test_a_certificate_for_another_host_is_a_sentence(broker: secure.Secure) -> None:
    step = refused(broker, "WRONGHOST", broker.tls)
    assert step.detail == f"the certificate of {broker.address('WRONGHOST')} is for another host"
    unchecked = {**broker.tls, "ssl.endpoint.identification.algorithm": "none"}
    assert [s for s in check_address(broker.address("WRONGHOST"), unchecked) if s.ok is False] == []


def test_a_missing_client_certificate_is_a_sentence(broker: secure.Secure) -> None:
    step = refused(broker, "MUTUAL", broker.tls)
    assert step.detail == f"{broker.address('MUTUAL')} wants a client's certificate that it trusts"
    assert "ssl.certificate.location" in step.remedy


def test_plaintext_to_a_tls_listener_is_a_sentence(broker: secure.Secure) -> None:
    step = refused(broker, "SSL", {})
    assert "closed the connection at once" in step.detail
    assert "security.protocol" in step.remedy


def test_a_wrong_host_is_a_sentence(broker: secure.Secure) -> None:
    port = Path(broker.address("SSL").replace(":", "/")).name
    (step,) = check_address(f"no-such-host.invalid:{port}", broker.tls)
    assert step.detail == "the host no-such-host.invalid has no address: its name does not resolve"
