"""Real brokers for tests: the embedded one, and Apache Kafka itself from the jars that KAFKA_LIBS names."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from importlib.resources import files
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from dashboard.processes.child import die_with

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
offsets.retention.check.interval.ms=1000
"""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def libs() -> Path:
    """Where Apache Kafka's jars are."""
    return Path(os.environ["KAFKA_LIBS"]).resolve()


def java(*args: str, **options: object) -> list[str]:
    """A command line on Kafka's class path."""
    return ["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{libs()}/*", *args]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process group of its own, ended afterwards, and with us if we are killed."""
    parent = os.getpid()
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with(parent),
        )
    try:
        yield child
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if child.poll() is None:
                os.killpg(child.pid, sign)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    continue


def wait_until_it_answers(bootstrap: str, seconds: float = 150.0, **properties: str) -> None:
    """Returns when metadata comes. Raises KafkaException after so many seconds."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **properties})
    until = time.monotonic() + seconds
    while True:
        try:
            admin.list_topics(timeout=2)
            return
        except KafkaException:
            if time.monotonic() > until:
                raise


@contextmanager
def embedded(work: Path, port: int | None = None) -> Iterator[str]:
    """The demo's broker; yields its address."""
    port = port or free_port()
    binary = Path(str(files("noida_db").joinpath("noida-db")))
    binary.chmod(0o755)
    command = [str(binary), "start", "--data-dir", str(work), "--only", "kafka", "--kafka-port", str(port)]
    with running(command, work / "broker.log"):
        wait_until_it_answers(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"


GUARDED = """
listeners=SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=SASL_PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  username="admin" password="admin-secret" user_admin="admin-secret" user_playhead="playhead-secret";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
"""

# Allowed operations are logged at DEBUG, denied ones at INFO.
AUTHORIZER_LOG = "-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=debug"


def sasl(user: str) -> dict[str, str]:
    """The properties of a user of the guarded broker."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": f"{user}-secret",
    }


@contextmanager
def guarded(work: Path) -> Iterator[str]:
    """Apache Kafka with an authorizer that logs: ``admin`` may all, ``playhead`` what it is granted."""
    with apache(work, GUARDED, properties=sasl("admin"), flags=[AUTHORIZER_LOG]) as address:
        yield address


@contextmanager
def apache(
    work: Path,
    extra: str = "",
    port: int | None = None,
    properties: dict[str, str] | None = None,
    users: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> Iterator[str]:
    """One node of Apache Kafka; yields its address. ``extra`` is appended to server.properties.

    ``users`` are SCRAM's, as the storage tool takes them; ``flags`` are Java's.
    """
    port = port or free_port()
    config = work / "server.properties"
    if not config.exists():
        config.write_text((PROPERTIES + extra).format(port=port, controller=free_port(), data=work / "data"))
        storage = java("kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", str(config))
        added = [part for user in users for part in ("--add-scram", user)]
        subprocess.run([*storage, *added], check=True, capture_output=True)
    with running(java(*flags, "kafka.Kafka", str(config)), work / "broker.log"):
        wait_until_it_answers(f"127.0.0.1:{port}", **(properties or {}))
        yield f"127.0.0.1:{port}"


MEMBER = """\
process.roles={roles}
node.id={node}
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port}{own_controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.num.partitions=6
offsets.topic.replication.factor=3
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
auto.leader.rebalance.enable=false
replica.lag.time.max.ms=6000
"""


class Three:
    """Three brokers, the first of them also the controller; each may be killed and started again."""

    def __init__(self, work: Path) -> None:
        self._work, self._controller = work, free_port()
        self.ports = {node: free_port() for node in (1, 2, 3)}
        self.address = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        self._running: dict[int, AbstractContextManager[subprocess.Popen[bytes]]] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def format(self, node: int) -> None:
        work = self._work / str(node)
        config = work / "server.properties"
        work.mkdir()
        config.write_text(self._properties(node, work))
        storage = java("kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", str(config))
        subprocess.run(storage, check=True, capture_output=True)

    def start(self, node: int) -> None:
        work = self._work / str(node)
        config = work / "server.properties"
        self._running[node] = running(java("-Xmx256m", "kafka.Kafka", str(config)), work / "broker.log")
        self._children[node] = self._running[node].__enter__()

    def _properties(self, node: int, work: Path) -> str:
        own = f",CONTROLLER://127.0.0.1:{self._controller}" if node == 1 else ""
        roles = "broker,controller" if node == 1 else "broker"
        what = {"roles": roles, "own_controller": own, "controller": self._controller, "data": work / "data"}
        return MEMBER.format(node=node, port=self.ports[node], **what)

    def kill(self, node: int) -> None:
        """SIGKILL, as when the machine is gone."""
        self._children[node].kill()
        self._children[node].wait(30)

    def stop(self) -> None:
        for context in self._running.values():
            context.__exit__(None, None, None)


@contextmanager
def three(work: Path) -> Iterator[Three]:
    """A cluster of three brokers that all answer."""
    cluster = Three(work)
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(cluster.format, cluster.ports))
        for node in cluster.ports:  # not in the pool: a child dies with the thread that started it
            cluster.start(node)
        for port in cluster.ports.values():
            wait_until_it_answers(f"127.0.0.1:{port}", 120)
        yield cluster
    finally:
        cluster.stop()
