from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from lineage import history
from lineage.recorder import Tape
from tests.lineage.world import config


@pytest.fixture
def data_dir(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """An empty data directory that history reads, too."""
    settings.DATA_DIR, settings.LAKE_URL = tmp_path, ""
    history.forget()
    yield tmp_path
    history.forget()


@pytest.fixture
def tape(data_dir: Path, db: None) -> Iterator[Tape]:
    recorded = Tape(config(), data_dir)
    yield recorded
    recorded.close()
