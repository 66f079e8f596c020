"""A Kafka Connect worker of Apache's own, for tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contracts.brokers import free_port, java, libs, running

PROPERTIES = """\
bootstrap.servers={bootstrap}
group.id=connect-cluster
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
offset.flush.interval.ms=500
status.storage.topic=connect-status
status.storage.replication.factor=1
status.storage.partitions=1
listeners=http://127.0.0.1:{port}
plugin.path={plugins}
plugin.discovery=service_load
"""


@dataclass
class Worker:
    """A running worker; ``child`` is its process."""

    url: str
    child: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Its answer, asked again while it is busy with a rebalance (409)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        for _ in range(60):
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 409:
                    raise
                time.sleep(0.5)
        raise TimeoutError(f"{path} was refused with 409 for half a minute")

    def put(self, name: str, **config: str) -> None:
        """Makes a connector; ``a__b`` stands for ``a.b``."""
        self.ask("PUT", f"/connectors/{name}/config", {k.replace("__", "."): v for k, v in config.items()})


@contextmanager
def connect(work: Path, bootstrap: str) -> Iterator[Worker]:
    """One worker in distributed mode, answering."""
    plugins, port = work / "plugins", free_port()
    (plugins / "file").mkdir(parents=True)
    for jar in libs().glob("connect-file*.jar"):
        shutil.copy(jar, plugins / "file")
    config = work / "connect.properties"
    config.write_text(PROPERTIES.format(bootstrap=bootstrap, port=port, plugins=plugins))
    command = java("org.apache.kafka.connect.cli.ConnectDistributed", str(config))
    with running(command, work / "connect.log") as child:
        worker = Worker(f"http://127.0.0.1:{port}", child)
        until(lambda: worker.ask("GET", "/connectors") == [], 150)
        yield worker


def until(holds: Callable[[], Any], seconds: float = 90.0) -> Any:
    """What ``holds`` says once that is true. Raises AssertionError with the last of it."""
    end, said = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if said := holds():
                return said
        except OSError as error:
            said = error
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds:g} s; at last: {said!r}")
