"""Mail over the connection that the client checked: SMTP with TLS, bounded as HTTP is."""

from __future__ import annotations

import smtplib
import socket
import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as CRLF
from typing import Any, Protocol

from dashboard.alerts.channels.client import Answer, Client, Failed, said

REPLY_BYTES = 64 * 1024  # of all that a server says


class Lines(Protocol):
    def readline(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Letter:
    """A mail and the server that takes it. ``security``: tls from the first byte, starttls, or none."""

    host: str
    port: int
    security: str
    message: EmailMessage
    sender: str
    to: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)


def post(client: Client, letter: Letter) -> Answer:
    """One try, and whatever came of it; the code is SMTP's, 250 where it was taken."""
    begun = time.monotonic()
    code: int | None
    try:
        with client.connected(letter.host, letter.port, letter.security == "tls") as sock:
            code, words = _handed_over(client, sock, letter)
    except Failed as e:
        code, words = None, str(e)
    return Answer(code, said(words), time.monotonic() - begun)


def _handed_over(client: Client, sock: socket.socket, letter: Letter) -> tuple[int | None, str]:
    try:
        server = _Server(sock, letter.host, letter.port)
        if letter.security == "starttls":
            server.starttls(context=client.tls())
        if letter.username:
            server.login(letter.username, letter.password)
        refused = server.sendmail(letter.sender, letter.to, letter.message.as_bytes(policy=CRLF))
        return 250, f"taken, but not for {', '.join(refused)}" if refused else "taken"
    except smtplib.SMTPServerDisconnected as e:
        # The client says why: closed, or the time was up, which smtplib makes a disconnection of as well.
        raise (e.__context__ if isinstance(e.__context__, OSError) else EOFError()) from e
    except smtplib.SMTPResponseException as e:
        return e.smtp_code if e.smtp_code >= 400 else None, said(e.smtp_error)  # no exception is a success
    except smtplib.SMTPRecipientsRefused as e:
        code, words = next(iter(e.recipients.values()))
        return code, said(words)
    except smtplib.SMTPException as e:
        return None, said(str(e))


class _Server(smtplib.SMTP):
    """smtplib's, over a socket that is connected already. Greets with the address: a look-up could take for ever."""

    def __init__(self, sock: socket.socket, host: str, port: int) -> None:
        self._given, self._read = sock, 0
        own = sock.getsockname()[0].partition("%")[0]
        super().__init__(host, port, local_hostname=f"[IPv6:{own}]" if ":" in own else f"[{own}]")

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._given

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _Counted(self.sock.makefile("rb"))  # type: ignore[union-attr]  # connected
        return super().getreply()


class _Counted:
    """Lines of a server that may not say more than so much."""

    def __init__(self, file: Any) -> None:
        self._file: Lines = file
        self._left = REPLY_BYTES

    def readline(self, size: int = -1) -> bytes:
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise Failed("the mail server says more than 64 KiB")
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def close(self) -> None:
        self._file.close()
