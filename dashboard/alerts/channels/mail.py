"""Mail: plain text, one for each alert; what follows is threaded under what began it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from dashboard.alerts.channels.kinds import Field, Kind, Told
from dashboard.alerts.channels.post import Letter
from dashboard.alerts.channels.words import heading, paragraphs

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
PORTS = {"tls": 465, "starttls": 587, "none": 25}
MOST_ADDRESSES = 50


def addresses(text: str) -> tuple[str, ...]:
    """The addresses, commas between them. Raises ValueError with a sentence."""
    found = tuple(part.strip() for part in text.split(","))
    if not 0 < len(found) <= MOST_ADDRESSES or not all(_ADDRESS.fullmatch(a) for a in found):
        raise ValueError("expected one to 50 mail addresses with commas between, as oncall@example.com")
    return found


def one_address(text: str) -> str:
    """Raises ValueError where it is not one."""
    if len(found := addresses(text)) != 1:
        raise ValueError("expected one mail address, as playhead@example.com")
    return found[0]


def host(text: str) -> None:
    """Raises ValueError where the text names no host."""
    if not _HOST.fullmatch(text):
        raise ValueError("expected the name of a mail server, as smtp.example.com, with its port beside it")


def port(text: str) -> None:
    """Raises ValueError where the text is no port."""
    if not re.fullmatch(r"\d{1,5}", text) or not 0 < int(text) < 65_536:
        raise ValueError("expected a port from 1 to 65535")


def make(told: Told) -> Letter:
    """The letter, from settings that were checked."""
    given = told.settings
    if given["security"] == "none" and given.get("password"):
        raise ValueError("a password is not sent over a connection that is not encrypted; choose starttls or tls")
    sender, to = one_address(given["from"]), addresses(given["to"])
    return Letter(
        given["host"],
        int(given.get("port") or PORTS[given["security"]]),
        given["security"],
        _message(told, sender, to),
        sender,
        to,
        given.get("username", ""),
        given.get("password", ""),
    )


def _message(told: Told, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """No header takes a line's end: words are cleaned of them, and the library refuses what is left."""
    message = EmailMessage()
    thread = f"<alert-{told.body['alert']['id']}@playhead>"
    message["Subject"] = heading(told.body, 180)
    message["From"], message["To"] = sender, ", ".join(to)
    message["Date"] = format_datetime(datetime.fromtimestamp(told.at / 1000, UTC))
    message["Message-ID"] = f"<{told.id}@playhead>"
    message["References"] = message["In-Reply-To"] = thread
    message["Auto-Submitted"] = "auto-generated"
    message["X-Playhead-Status"] = told.body["status"]
    links = [f"{name.capitalize()}: {to}" for name, to in told.body["links"].items() if name != "home" and to]
    message.set_content("\n".join([*paragraphs(told.body), "", *links]) + "\n")
    return message


KIND = Kind(
    "mail",
    "Mail",
    (
        Field("host", "mail server", check=host),
        Field("port", "its port; 465 for tls, 587 for starttls, 25 for none", required=False, check=port),
        Field("security", "how the connection is encrypted", default="starttls", choices=tuple(PORTS)),
        Field("from", "sender's address", check=one_address),
        Field("to", "addresses, commas between", check=addresses),
        Field("username", "name at the server", required=False),
        Field("password", "password at the server", secret=True, required=False),
    ),
    make,
)
