"""Mail to a real server that others wrote, and to servers that misbehave; none is connected to unchecked."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from dashboard.alerts.channels import mail
from dashboard.alerts.channels.client import Answer
from dashboard.alerts.channels.post import Letter, post
from tests.alerts.receiving import client
from tests.alerts.test_client import issued, to_loopback
from tests.alerts.told import NASTY, told

HOST = "smtp.example.test"
GIVEN = {"host": HOST, "security": "starttls", "from": "playhead@a.test", "to": "one@a.test, two@a.test"}


class Box:
    """What the server took."""

    def __init__(self, refuse: str = "") -> None:
        self.taken: list[Envelope] = []
        self.refuse = refuse

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return "250 taken"


def known(server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"u", b"zebra-4242")
    return AuthResult(success=good, handled=False)


class Starttls(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, **self.SMTP_kwargs)


@contextmanager
def mailing(box: Box, tls: ssl.SSLContext, **given: Any) -> Iterator[int]:
    """A server with STARTTLS and passwords; its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    options = {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": known, **given}
    server = Starttls(box, "127.0.0.1", port, **options)
    server.start()
    try:
        yield port
    finally:
        server.stop()


def posted(port: int, trusting: ssl.SSLContext, name: str = "orders", **more: str) -> Answer:
    given = {**GIVEN, "port": str(port), "username": "u", "password": "zebra-4242", **more}
    letter = mail.make(told(name=name, **given))
    assert isinstance(letter, Letter)
    return post(client(resolve=to_loopback, tls=lambda: trusting), letter)


def test_a_mail_arrives_over_starttls_with_nothing_smuggled_in(tmp_path: Path) -> None:
    server, trusting = issued(tmp_path, HOST)
    box = Box()
    with mailing(box, server) as port:
        answer = posted(port, trusting, NASTY)
    assert answer.accepted, answer
    (taken,) = box.taken
    assert taken.rcpt_tos == ["one@a.test", "two@a.test"]
    assert isinstance(taken.content, bytes)
    read = message_from_bytes(taken.content, policy=policy.default)
    assert read["Bcc"] is None
    assert read["To"] == "one@a.test, two@a.test"
    assert str(read["Subject"]).startswith("Firing (critical): billing stopped reading <!channel> @everyone")
    assert b"\n" not in taken.content.replace(b"\r\n", b"")


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_mail_arrives_over_tls(tmp_path: Path) -> None:
    server, trusting = issued(tmp_path, HOST)
    box = Box()
    # The box asks for TLS from the first byte on, which aiosmtpd does not know of: it warns.
    options = {"ssl_context": server, "tls_context": None, "require_starttls": False, "auth_require_tls": False}
    with mailing(box, server, **options) as port:
        assert posted(port, trusting, security="tls").accepted
    assert len(box.taken) == 1


@pytest.mark.parametrize("wrong", ["certificate", "password", "recipient"])
def test_what_a_server_refuses_is_said(tmp_path: Path, wrong: str) -> None:
    server, trusting = issued(tmp_path, "other.test" if wrong == "certificate" else HOST)
    box = Box("550 no such box" if wrong == "recipient" else "")
    with mailing(box, server) as port:
        answer = posted(port, trusting, password="no" if wrong == "password" else "zebra-4242")
    said = {
        "certificate": "certificate was not accepted",
        "password": "credentials invalid",
        "recipient": "no such box",
    }
    assert not answer.accepted
    assert said[wrong] in answer.excerpt
    assert box.taken == []


@contextmanager
def speaking(what: bytes, pause: float, times: int = 1_000_000) -> Iterator[int]:
    """A server that says this over and over."""
    listener = socket.create_server(("127.0.0.1", 0))

    def speak() -> None:
        try:
            there, _ = listener.accept()
            with there:
                for _ in range(times):
                    there.sendall(what)
                    time.sleep(pause)
        except OSError:
            pass

    threading.Thread(target=speak, daemon=True).start()
    with listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("what", "pause", "says"),
    [
        (b"2", 0.02, "no answer in time"),
        (b"220-hello\r\n" * 100, 0.0, "more than 64 KiB"),
        (b"", 9, "no answer in time"),
    ],
)
def test_a_server_that_drips_floods_or_is_silent_is_left(what: bytes, pause: float, says: str) -> None:
    with speaking(what, pause) as port:
        begun = time.monotonic()
        letter = replace(mail.make(told(**GIVEN)), port=port)
        answer = post(client(resolve=to_loopback, seconds=0.4), letter)
        assert time.monotonic() - begun < 8  # and not the nine seconds of the server
    assert not answer.accepted
    assert says in answer.excerpt


def test_a_server_that_hangs_up_is_said() -> None:
    with speaking(b"220 hello\r\n", 0, 1) as port:
        answer = post(client(resolve=to_loopback), replace(mail.make(told(**GIVEN)), port=port))
    assert not answer.accepted
    assert "closed before the answer" in answer.excerpt


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    box = Box()
    server, trusting = issued(tmp_path, HOST)
    with mailing(box, server, tls_context=None, require_starttls=False, auth_require_tls=False) as port:
        answer = posted(port, trusting)
    assert "STARTTLS" in answer.excerpt
    assert box.taken == []


def test_a_mail_server_on_an_address_that_is_not_allowed_is_not_connected_to() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    letter = replace(mail.make(told(**GIVEN)), port=listener.getsockname()[1])
    answer = post(client(allow=(), resolve=to_loopback), letter)
    assert "127.0.0.1, a loopback address: nothing was sent" in answer.excerpt
    with pytest.raises(BlockingIOError):
        listener.accept()
