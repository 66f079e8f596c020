"""The only way out for alerts: HTTP and mail to addresses that were checked, bounded in time and bytes.

A name is resolved here, every address of it is checked, and the connection is made to such an address: there is no
second look-up that could answer otherwise. TLS and the Host header bear the name. Redirects are not followed
(docs/decisions/0004). The environment's proxies are not asked: they would look the name up by themselves.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from dashboard.alerts.channels.addresses import Network, refusal

Resolver = Callable[[str, int], Sequence[str]]
SECONDS = 20.0  # for all of it: name, connection, request, answer
READ_BYTES = 4_096  # of an answer; the rest is left unread
EXCERPT = 500  # characters
AGENT = "Playhead/1 (alerts)"


class Failed(Exception):
    """Nothing answered; the sentence says why. It names the host, never the path: that may be a secret."""


class Refused(Failed):
    """The address may not be sent to; no connection was made."""


@dataclass(frozen=True)
class Request:
    """What is sent. ``url`` may be a secret and is no part of its repr."""

    url: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: str = "POST"


class Answer(NamedTuple):
    """What came of a try: the status (None without an answer), the first of what was said, seconds, Retry-After."""

    code: int | None
    excerpt: str
    took: float
    retry_after: str = ""

    @property
    def accepted(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a name as this machine knows them. Raises OSError."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def said(text: str | bytes, most: int = EXCERPT) -> str:
    """The first of what was answered, on one line and printable."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(c if c.isprintable() else " " for c in " ".join(words.split()))[:most]


def split(url: str) -> SplitResult:
    """The parts of an address to send to. Raises ValueError with a sentence that does not repeat it."""
    if " " in url:
        raise ValueError("an address holds no blank; write it as %20")
    if not url.isascii() or not url.isprintable() or len(url) > 2_000:
        raise ValueError("an address is at most 2000 plain ASCII characters; write others as %XX, a host as xn--…")
    try:
        parts = urlsplit(url)
    except ValueError as e:
        raise ValueError("an address of IPv6 stands whole between [ and ]") from e
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with https:// or http:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address holds no name and password; give them beside it")
    if parts.port == 0:
        raise ValueError("an address has a port from 1 to 65535")
    return parts


def place(url: str) -> tuple[str, int]:
    """Host and port of an address. Raises ValueError as ``split`` does."""
    parts = split(url)
    return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)


@dataclass(frozen=True)
class Client:
    """Sends. Safe for threads; nothing is kept between two sends, so every try looks and checks anew."""

    allow: tuple[Network, ...] = ()
    resolve: Resolver = system_resolver
    seconds: float = SECONDS
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    file: str = "playhead.yaml"  # where a network is allowed

    def send(self, request: Request) -> Answer:
        """One request, and whatever came of it: never raises for what the other side does."""
        begun = time.monotonic()
        try:
            parts, (host, port) = split(request.url), place(request.url)
            with self.connected(host, port, parts.scheme == "https") as sock:
                code, excerpt, later = _exchange(sock, parts, port, request)
        except (Failed, ValueError) as e:
            return Answer(None, said(str(e)), time.monotonic() - begun)
        return Answer(code, excerpt, time.monotonic() - begun, later)

    def refused(self, host: str, port: int) -> str:
        """Why nothing may be sent there; "" where it may be, or where the name leads nowhere just now."""
        try:
            self._checked(host, port, time.monotonic() + self.seconds)
        except Refused as e:
            return str(e)
        except Failed:
            pass
        return ""

    @contextmanager
    def connected(self, host: str, port: int, secure: bool) -> Iterator[socket.socket]:
        """A connection that is cut when the time is up. Raises Failed, also for what goes wrong within."""
        ends = time.monotonic() + self.seconds
        plain = self._connect(host, port, ends)
        late = threading.Event()
        with _cut_at(plain, ends, late), plain:
            try:
                plain.settimeout(_left(ends))
                with self.wrapped(plain, host) if secure else plain as sock:
                    yield sock
            except (OSError, http.client.HTTPException, EOFError) as e:
                raise Failed(f"{host}: {'no answer in time' if late.is_set() else why(e)}") from e

    def wrapped(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        """TLS with the name asked for and the certificate verified for it. Raises OSError."""
        return self.tls().wrap_socket(plain, server_hostname=host)

    def _connect(self, host: str, port: int, ends: float) -> socket.socket:
        addresses = self._checked(host, port, ends)
        problem = ""
        for tried, address in enumerate(addresses):
            try:
                # A numeric address: nothing is looked up any more. Each gets a share of the time.
                return socket.create_connection((address, port), _left(ends) / (len(addresses) - tried))
            except OSError as e:
                problem = why(e)
        raise Failed(f"{host}: no connection to {', '.join(addresses)} port {port} ({problem})")

    def _checked(self, host: str, port: int, ends: float) -> list[str]:
        """The addresses of the host, each of which may be sent to. Raises Failed where one may not."""
        found = [host] if _is_address(host) else _looked_up(self.resolve, host, port, _left(ends))
        for address in found:
            if kind := refusal(address, self.allow):
                leads = f"is {kind}" if address == host else f"leads to {address}, {kind}"
                raise Refused(
                    f"{host} {leads}: nothing was sent; "
                    f'if it is meant, add it to {self.file}, as alerts: {{allow: ["{_network(address)}"]}}, '
                    "and start Playhead again"
                )
        return found[:4]


def why(error: Exception) -> str:
    """What went wrong, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError | EOFError):
        return "the connection was closed before the answer"
    return said(getattr(error, "strerror", None) or str(error) or type(error).__name__, 160)


def _exchange(sock: socket.socket, parts: SplitResult, port: int, request: Request) -> tuple[int, str, str]:
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), port)
    connection.sock = sock  # so that it makes none by itself
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity", "Connection": "close", **request.headers}
    connection.request(request.method, path, request.body, headers)
    answer = connection.getresponse()
    excerpt = _first(answer)
    if 300 <= answer.status < 400:
        to = urlsplit(answer.headers.get("Location") or "").hostname or "another path"
        excerpt = f"redirects to {said(to, 100)}, which is not followed; give the channel the address itself. {excerpt}"
    return answer.status, said(excerpt), said(answer.headers.get("Retry-After") or "", 64)


def _first(answer: http.client.HTTPResponse) -> str:
    """The first of the body. The status has been given: an answer that breaks off is an answer."""
    try:
        return said(answer.read(READ_BYTES))
    except (OSError, http.client.HTTPException) as e:
        return f"(the answer broke off: {why(e)})"


@contextmanager
def _cut_at(sock: socket.socket, ends: float, late: threading.Event) -> Iterator[None]:
    """Ends the connection at that moment whoever drips what: time-outs of a socket count for each read alone."""
    twin = sock.dup()  # lives on where TLS takes the socket over

    def cut() -> None:
        late.set()
        with suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_left(ends), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        twin.close()


def _left(ends: float) -> float:
    return max(0.001, ends - time.monotonic())


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _network(address: str) -> str:
    plain = address.partition("%")[0]
    return f"{plain}/{ip_address(plain).max_prefixlen}"


def _looked_up(resolve: Resolver, host: str, port: int, seconds: float) -> list[str]:
    """The name's addresses, in time: the system's look-up knows no deadline, so a thread is left to its own."""
    box: SimpleQueue[Any] = SimpleQueue()

    def look() -> None:
        try:
            box.put(list(resolve(host, port)))
        except (OSError, UnicodeError) as e:
            box.put(e)

    threading.Thread(target=look, daemon=True).start()
    try:
        found = box.get(timeout=seconds)
    except Empty:
        raise Failed(f"{host}: the name was not resolved in time") from None
    if isinstance(found, Exception) or not found:
        raise Failed(f"{host}: the name is not known ({why(found) if found else 'no address'})")
    if not all(_is_address(str(address)) for address in found):
        raise Failed(f"{host}: the name leads to what is no address")
    return [str(address) for address in found]
