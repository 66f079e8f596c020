"""Real brokers for tests: the embedded one, and Apache Kafka itself from the jars that KAFKA_LIBS names."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


def wait_until_it_answers(bootstrap: str, seconds: float = 60.0, **properties: str) -> None:
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
