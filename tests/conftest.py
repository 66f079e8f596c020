"""What needs Apache Kafka is left out where it is missing."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects (and counts) what needs Apache Kafka's jars when KAFKA_LIBS does not name them."""
    if os.environ.get("KAFKA_LIBS"):
        return
    kept = [item for item in items if not item.get_closest_marker("kafka")]
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("kafka")])
    items[:] = kept
