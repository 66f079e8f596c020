"""A collector's first use is safe from threads."""

from __future__ import annotations

import subprocess
import sys

HAS_IT = "import sys, collectors.kafka.client; sys.exit('kafka.protocol.api_message' not in sys.modules)"


def test_who_has_a_client_has_the_library_whole() -> None:
    """Two threads that import parts of it at once break each other off (seen as _DeadlockError in a worker)."""
    assert subprocess.run([sys.executable, "-c", HAS_IT], check=False).returncode == 0
