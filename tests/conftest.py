"""What needs Apache Kafka is left out where it is missing, and the soak unless it is asked for."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.lineage.world import without_catalog

# A machine under load must not fail a property.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def catalog(request: pytest.FixtureRequest) -> None:
    """Who has a database begins without a lake's catalog in it."""
    if {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("django_db_setup")
        without_catalog()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects (and counts) what needs Apache Kafka's jars when KAFKA_LIBS does not name them, and what soaks."""
    unwanted = {"kafka"} if not os.environ.get("KAFKA_LIBS") else set()
    if "soak" not in config.option.markexpr:
        unwanted.add("soak")
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in unwanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
