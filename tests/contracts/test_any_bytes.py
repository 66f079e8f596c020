"""A broker that passes on whatever bytes a group is called by: the real one, behind a wire that changes the name."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, create_connection, socket

from collectors.base import Budget, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.groups import Groups
from collectors.kafka.positions import sweep
from lineage.config import ClusterConfig
from lineage.identity import node_id
from lineage.observations import GroupsListed, decode, encode
from tests.contracts.shop import Shop, name

BYTES = b"bad-\xff\xfe\xfd"


def pump(source: socket, target: socket, changes: tuple[tuple[bytes, bytes], ...]) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 20):
            for old, new in changes:
                data = data.replace(old, new)
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(SHUT_RDWR)


@contextmanager
def behind_a_wire(broker: str, sent: bytes, shown: bytes) -> Iterator[str]:
    """The broker's address behind a proxy; its port is changed too, so that clients come back this way."""
    host, port = broker.split(":")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            here = struct.pack(">i", self.server.server_address[1])
            changes = ((sent, shown), (struct.pack(">i", int(port)), here))
            with create_connection((host, int(port))) as beyond:
                out = threading.Thread(target=pump, args=(self.request, beyond, ((shown, sent),)), daemon=True)
                out.start()
                pump(beyond, self.request, changes)
                out.join(5)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_name_that_is_no_utf8_hides_no_group_and_has_its_offsets(broker: str) -> None:
    shop = Shop(broker)
    topic, plain = shop.topic(1), name("plain")
    shop.produce(topic, [5])
    plain_bytes = name("b")[: len(BYTES)].encode()
    for group in (plain, plain_bytes.decode()):
        shop.commit(group, topic, {0: 3})
    with behind_a_wire(broker, plain_bytes, BYTES) as address:
        client = KafkaClient("k", address, {})
        listed = next(
            o for o in run(Groups(ClusterConfig("k", address), client), Budget()) if isinstance(o, GroupsListed)
        )
        raw = BYTES.decode("utf-8", "surrogateescape")
        assert {plain, raw} <= {g.id for g in listed.groups}
        found: dict[str, list[int]] = {}
        done = sweep(client, [plain, raw], lambda g, ps: found.update({g: [p.offset for p in ps]}), Budget())
        client.close()
    assert (found, done.failed) == ({plain: [3], raw: [3]}, {})
    stored = decode(encode(listed))
    assert isinstance(stored, GroupsListed)
    assert "bad-\\xFF\\xFE\\xFD" in {g.id for g in stored.groups}
    assert node_id("group", "k", "bad-\\xFF\\xFE\\xFD") == "group:k/bad-%FF%FE%FD"
