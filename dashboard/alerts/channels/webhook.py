"""Webhooks as CONTRACT has them, signed as Standard Webhooks has it (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import replace

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Field, Kind, Told, as_json, url

PREFIX = "whsec_"
LEAST, MOST = 24, 64  # bytes of a secret, by that standard


def new_secret() -> str:
    """A secret to sign with."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key(secret: str) -> bytes:
    """The bytes to sign with. Raises ValueError with a sentence."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not LEAST <= len(found) <= MOST:
        raise ValueError(
            f"a signing secret is whsec_ and {LEAST} to {MOST} bytes in base64; leave it out to have one made"
        )
    return found


def signature(secret: str, id: str, seconds: int, body: bytes) -> str:
    """The header ``webhook-signature``."""
    signed = b".".join((id.encode(), str(seconds).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()


def make(told: Told) -> Request:
    """The body, signed at the moment of this try; the id is the same on every one."""
    request = as_json(told.settings["url"], told.body)
    seconds = told.at // 1000
    signed = {
        "webhook-id": told.id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature(told.settings["secret"], told.id, seconds, request.body),
    }
    return replace(request, headers={**request.headers, **signed})


KIND = Kind(
    "webhook",
    "Webhook",
    (url(), Field("secret", "signing secret, whsec_…", secret=True, check=key)),
    make,
)
