"""Counters of records sent, as metrics of Kafka's clients are called by who exports them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lineage.documents import Value

LABEL, METRIC = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII), re.compile(r"[A-Za-z_:][\w:]{0,199}", re.ASCII)


@dataclass(frozen=True)
class MetricNames:
    """A counter of records sent, with the label ``topic``. ``by``: who is told by labels of its service or client."""

    metric: str
    by: str = "service"


PRODUCERS = (
    MetricNames("kafka_producer_topic_record_send_total"),  # Micrometer, so Spring Boot
    MetricNames("kafka_producer_topic_metrics_record_send_total"),  # JMX exporters
    MetricNames("kafka_producer_record_send_total"),  # OpenTelemetry
    MetricNames("clients_org_apache_kafka_producer_topic_record_send_total", "client"),  # KIP-714, by the broker
    MetricNames("org_apache_kafka_producer_topic_record_send_total", "client"),
)


def metric_names(value: Value) -> MetricNames:
    """The counter that this part of playhead.yaml names. Raises ConfigError."""
    given = value.fields(("metric", "by"), required=("metric",))
    metric = given["metric"].text("the name of a counter")
    if not METRIC.fullmatch(metric):
        raise given["metric"].error("the name of a counter: letters, digits, _ and :")
    return MetricNames(metric, given["by"].choice(("service", "client")) if "by" in given else "service")
