"""Names that clients bear when nobody gave them one identify nobody."""

from __future__ import annotations

import pytest

from lineage.ownership import is_default, service_by_span

NAMELESS = [
    "", "rdkafka", "sarama", "kgo", "kafkajs", "aiokafka", "aiokafka-0.14.0", "aiokafka-producer-1", "faust-0.15.3",
    "kafka-python-3.0.12", "kafka-python-producer-1", "producer-1", "consumer-billing-cg-1", "adminclient-4",
    "console-consumer", "console-share-consumer",
]  # fmt: skip


@pytest.mark.parametrize("client_id", NAMELESS)
def test_a_group_is_not_joined_to_whoever_else_bears_the_name_that_a_library_gives(client_id: str) -> None:
    assert service_by_span("silent-cg", [client_id], {("client_id", client_id): {"service:traced"}}) is None


@pytest.mark.parametrize("client_id", ["billing", "faust-billing", "aiokafka-billing", "rdkafka-billing", "producer"])
def test_a_name_that_somebody_gave_joins(client_id: str) -> None:
    assert not is_default(client_id)
    assert service_by_span("billing-cg", [client_id], {("client_id", client_id): {"service:b"}}) == "service:b"
