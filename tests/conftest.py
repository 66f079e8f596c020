"""What needs Apache Kafka or other people's packages is left out where they are missing, the soak unless asked for."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.lineage.world import without_catalog

# A machine under load must not fail a property.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


NEEDED = {"kafka": "KAFKA_LIBS", "others": "OTHERS_PYTHON"}


@pytest.fixture(autouse=True)
def catalog(request: pytest.FixtureRequest) -> None:
    """Who has a database begins without a lake's catalog in it."""
    if {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("django_db_setup")
        without_catalog()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects (and counts) what needs something that the environment does not name, and what soaks."""
    unwanted = {marker for marker, where in NEEDED.items() if not os.environ.get(where)}
    if "soak" not in config.option.markexpr:
        unwanted.add("soak")
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in unwanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
