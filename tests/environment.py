"""Loaded before Django's settings: tests keep to a data directory of their own, and run side by side."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("PLAYHEAD_DATA_DIR", tempfile.mkdtemp(prefix="playhead-tests-"))
if "PLAYHEAD_CONFIG" not in os.environ:
    _config = Path(os.environ["PLAYHEAD_DATA_DIR"]) / "playhead.yaml"
    _config.write_text("clusters: []\n")
    os.environ["PLAYHEAD_CONFIG"] = str(_config)
# Playwright's synchronous API keeps an event loop in the thread of the tests.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
