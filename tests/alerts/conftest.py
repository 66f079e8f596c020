from __future__ import annotations

from tests.lineage.conftest import data_dir, tape

__all__ = ["data_dir", "tape"]
