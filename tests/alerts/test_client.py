"""The one way out: addresses checked where they are connected to, bounded in time and bytes."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dashboard.alerts.channels.client import Client, Request, split
from tests.alerts.receiving import LOOPBACK, Receiver, Reply, Seen, client, receiving

NAME = "hooks.example.test"


def to_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_what_is_sent_arrives_with_the_name_in_host() -> None:
    with receiving() as there:
        there.always(202, b"thanks\r\n\x1b[31m a  lot")
        sent = Request(f"http://{NAME}:{there.port}/a/b?c=d", b"{}", {"Content-Type": "application/json"})
        answer = client(resolve=to_loopback).send(sent)
    assert (answer.code, answer.excerpt, answer.accepted) == (202, "thanks [31m a lot", True)
    assert answer.took < 2
    (seen,) = there.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/a/b?c=d", b"{}")
    assert seen.headers["host"] == f"{NAME}:{there.port}"


class Trap:
    """A listener on loopback that counts who connects."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.socket.setblocking(False)

    def caught(self) -> bool:
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:7f00:1]"]
)
def test_loopback_is_refused_however_it_is_written_and_nothing_connects(host: str) -> None:
    trap = Trap()
    answer = Client(seconds=2).send(Request(f"http://{host}:{trap.port}/"))
    assert answer.code is None
    assert "nothing was sent" in answer.excerpt or "not known" in answer.excerpt
    assert not trap.caught()


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    found = client(allow=(), resolve=lambda h, p: ["8.8.8.8", "10.0.0.1"]).send(Request("https://two.test/"))
    assert "10.0.0.1, a private or reserved address" in found.excerpt
    assert 'alerts: {allow: ["10.0.0.1/32"]}' in found.excerpt


def test_a_name_that_turns_to_link_local_at_the_second_look_is_refused_before_any_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: within one send there is one look; the next send looks, and is refused."""
    looks: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        looks.append(host)
        return ["127.0.0.1"] if len(looks) == 1 else ["169.254.169.254"]

    connected: list[object] = []
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda a, *r, **k: (connected.append(a), real(a, *r, **k))[1])
    with receiving() as there:
        guarded = client(resolve=rebinding)
        request = Request(f"http://{NAME}:{there.port}/")
        assert guarded.send(request).code == 200
        assert looks == [NAME]  # the address that was checked is the one that was connected to
        second = guarded.send(request)
    assert second.code is None
    assert "169.254.169.254, the address of a cloud's metadata: nothing was sent" in second.excerpt
    assert connected == [("127.0.0.1", there.port)]
    assert len(there.seen) == 1


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:{port}/inside", "/other"])
def test_a_redirect_is_not_followed_and_says_where_it_leads(to: str) -> None:
    with receiving() as there:
        there.always(307, b"", Location=to.format(port=there.port))
        answer = client().send(Request(f"{there.url}/hook", b"{}"))
        assert len(there.seen) == 1
    assert answer.code == 307
    assert not answer.accepted
    assert answer.excerpt.startswith("redirects to ")
    assert "/latest" not in answer.excerpt


def slowly(seen: Seen, sock: socket.socket) -> Reply | None:
    for _ in range(200):
        sock.sendall(b"H")
        time.sleep(0.02)
    return None


def in_drops(seen: Seen, sock: socket.socket) -> Reply | None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    return slowly(seen, sock)


def test_a_receiver_that_drips_is_cut_at_the_deadline() -> None:
    with receiving() as there:
        there.answer = slowly
        begun = time.monotonic()
        answer = client(seconds=0.3).send(Request(there.url))
        assert time.monotonic() - begun < 1.5
    assert (answer.code, answer.excerpt) == (None, "127.0.0.1: no answer in time")


def test_an_answer_whose_body_drips_is_an_answer() -> None:
    with receiving() as there:
        there.answer = in_drops
        begun = time.monotonic()
        answer = client(seconds=0.3).send(Request(there.url))
        assert time.monotonic() - begun < 1.5
    assert answer.accepted


def test_a_receiver_that_never_answers_is_left_in_time() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    answer = client(seconds=0.2).send(Request(f"http://127.0.0.1:{silent.getsockname()[1]}/"))
    assert answer.excerpt == "127.0.0.1: no answer in time"


def test_a_name_server_that_never_answers_is_left_in_time() -> None:
    ever = threading.Event()
    answer = client(seconds=0.2, resolve=lambda h, p: [str(ever.wait(5))]).send(Request("http://slow.test/"))
    ever.set()
    assert answer.excerpt == "slow.test: the name was not resolved in time"


def test_an_unknown_name_and_a_closed_port_are_sentences() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert "no.test: the name is not known" in client(resolve=unknown).send(Request("http://no.test/")).excerpt
    assert "no connection to 127.0.0.1 port 9" in client().send(Request("http://127.0.0.1:9/")).excerpt


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1", b"HTTP/1.1 20"])
def test_a_receiver_that_closes_midway_has_not_answered(part: bytes) -> None:
    with receiving() as there:
        there.answer = lambda seen, sock: sock.sendall(part)
        answer = client().send(Request(there.url))
    assert answer.code is None
    assert answer.excerpt.startswith("127.0.0.1: ")


def test_a_body_that_breaks_off_is_said() -> None:
    with receiving() as there:
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nhalf"
        there.answer = lambda seen, sock: sock.sendall(chunked)
        answer = client().send(Request(there.url))
    assert answer.accepted
    assert "the answer broke off" in answer.excerpt


def test_a_huge_answer_is_left_unread() -> None:
    sent: list[int] = []

    def flood(seen: Seen, sock: socket.socket) -> Reply | None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(2_000):
            sock.sendall(b"x" * 65_536)
            sent.append(65_536)
        return None

    with receiving() as there:
        there.answer = flood
        answer = client().send(Request(there.url))
    assert answer.accepted
    assert len(answer.excerpt) == 500
    assert sum(sent) < 50_000_000


def test_headers_cannot_be_split() -> None:
    with receiving() as there:
        answer = client().send(Request(there.url, headers={"X-Name": "a\r\nX-Other: b"}))
    assert answer.code is None
    assert there.seen == []


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    trap = Trap()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    with receiving() as there:
        assert client().send(Request(there.url)).code == 200
    assert not trap.caught()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://a.test/",
            "//a.test/",
            "https://",
            "https://u:p@a.test/",
            "https://a.test:0/",
            "https://a.test:99999/",
        ),
        *("https://a.test/ b", "https://ä.test/", "https://a.test/\r\nX: y", "javascript:alert(1)"),
        "https://a.test/" + 2000 * "x",
    ],
)
def test_what_is_no_address_is_a_sentence(url: str) -> None:
    with pytest.raises(ValueError):
        split(url)
    assert client().send(Request(url)).code is None


# TLS


def issued(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A receiver's context with a certificate for ``name``, and a client's that trusts who issued it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


def over_tls(there: Receiver, **given: object) -> tuple[int | None, str]:
    answer = client(resolve=to_loopback, **given).send(Request(f"https://{NAME}:{there.port}/", b"{}"))
    return answer.code, answer.excerpt


def test_tls_bears_the_name_and_verifies_it(tmp_path: Path) -> None:
    server, trusting = issued(tmp_path, NAME)
    asked: list[str | None] = []
    server.sni_callback = lambda sock, name, context: asked.append(name)
    with receiving(server) as there:
        assert over_tls(there, tls=lambda: trusting) == (200, "ok")
    assert asked == [NAME]
    assert there.seen[0].headers["host"] == f"{NAME}:{there.port}"


def test_a_certificate_for_another_name_is_not_accepted(tmp_path: Path) -> None:
    server, trusting = issued(tmp_path, "other.example.test")
    with receiving(server) as there:
        code, excerpt = over_tls(there, tls=lambda: trusting)
    assert code is None
    assert "certificate was not accepted" in excerpt
    assert there.seen == []


def test_a_certificate_that_nobody_trusts_is_not_accepted(tmp_path: Path) -> None:
    server, _ = issued(tmp_path, NAME)
    with receiving(server) as there:
        code, excerpt = over_tls(there)
    assert code is None
    assert "certificate was not accepted" in excerpt
    assert there.seen == []


def test_a_receiver_that_hangs_in_the_handshake_is_left_in_time() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    begun = time.monotonic()
    answer = Client(LOOPBACK, to_loopback, 0.3).send(Request(f"https://{NAME}:{silent.getsockname()[1]}/"))
    assert answer.excerpt == f"{NAME}: no answer in time"
    assert time.monotonic() - begun < 1.5
