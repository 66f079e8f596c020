"""One try of one delivery: the body as its channel says it, by the guarded client. Nothing is written down here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from dashboard.alerts.channels.client import EXCERPT, Answer, Client, Request, place
from dashboard.alerts.channels.kinds import Told, as_json
from dashboard.alerts.channels.post import post
from dashboard.alerts.channels.registry import KINDS
from dashboard.alerts.models import Channel
from dashboard.alerts.sealing import CannotOpen, unseal
from dashboard.processes.demo import CONFIG_FILE, RULES_FILE
from dashboard.times import rfc

log = logging.getLogger(__name__)
HIDDEN = "•••"
SHORTEST = 6  # a shorter secret is no secret, and would be found in any word


def guarded() -> Client:
    """The client with what playhead.yaml allows."""
    config = settings.PLAYHEAD
    made = str(Path(settings.DATA_DIR) / CONFIG_FILE)
    return Client(
        tuple(config.alerts.allow), file=RULES_FILE if config.file == made else config.file or "playhead.yaml"
    )


def send(channel: Channel, body: Mapping[str, Any], id: str, at: int, client: Client) -> Answer:
    """What came of it; what cannot even be sent is an answer without a code. Never raises."""
    try:
        secrets = unseal(channel.secret, channel.id)
    except CannotOpen as e:
        return Answer(None, str(e), 0.0)
    try:
        made = KINDS[channel.kind].make(Told(body, id, at, {**channel.settings, **secrets}))
    except ValueError as e:
        return Answer(None, scrubbed(str(e), secrets.values()), 0.0)
    except Exception as e:
        # Its text is not logged: it may hold what is secret.
        log.error("a delivery to channel %s could not be put together: %s", channel.id, type(e).__name__)
        return Answer(
            None, f"what is to be sent could not be put together ({type(e).__name__}); save the channel anew", 0.0
        )
    answer = client.send(made) if isinstance(made, Request) else post(client, made)
    return answer._replace(excerpt=scrubbed(answer.excerpt, secrets.values()))


def refused(channel: Channel, body: Mapping[str, Any], at: int, client: Client) -> str:
    """Why nothing can be sent to where this channel leads; "" where something can be, or where that is not known."""
    try:
        secrets = unseal(channel.secret, channel.id)
        made = KINDS[channel.kind].make(Told(body, "doubt", at, {**channel.settings, **secrets}))
        host, port = place(made.url) if isinstance(made, Request) else (made.host, made.port)
    except (CannotOpen, ValueError):
        return ""  # sending says it
    return scrubbed(client.refused(host, port), secrets.values())


def heartbeat(url: str, at: int, client: Client | None = None) -> Answer:
    """Tells whoever watches over Playhead that it is alive. Not tried again: a late one says nothing."""
    return (client or guarded()).send(as_json(url, {"version": 1, "status": "alive", "at": rfc(at)}))


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets that a receiver may have repeated, parts of a secret address among them."""
    parts = {part for secret in secrets for part in _parts(secret) if len(part) >= SHORTEST} - {"http://", "https://"}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, HIDDEN)
    return text[:EXCERPT]


def _parts(secret: str) -> set[str]:
    """The secret as it may be repeated; of an address its path, the last of it, and its query as well."""
    if not secret.startswith(("https://", "http://")):
        return {secret, quote(secret, safe="")}
    try:
        address = urlsplit(secret)
    except ValueError:
        return {secret}
    values = {value for pair in address.query.split("&") for value in pair.split("=")[1:]}
    return {secret, address.path.strip("/"), address.path.rpartition("/")[2], address.query, *values}
