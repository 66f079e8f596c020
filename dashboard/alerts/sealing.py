"""Secrets of channels at rest: AES-256-GCM under a key made of PLAYHEAD_SECRET_KEY by HKDF.

What is sealed for one channel opens for no other: its id is part of what is authenticated.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION = "v1."
NONCE = 12  # bytes


class CannotOpen(ValueError):
    """The secret was sealed under another key, or for another channel, or is broken; the sentence says what to do."""


def seal(values: Mapping[str, str], channel_id: str) -> str:
    """The secrets of this channel, encrypted; "" where there are none."""
    if not values:
        return ""
    nonce = os.urandom(NONCE)
    sealed = _cipher().encrypt(nonce, json.dumps(dict(values)).encode(), channel_id.encode())
    return VERSION + base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, channel_id: str) -> dict[str, str]:
    """What was sealed. Raises CannotOpen."""
    if not sealed:
        return {}
    try:
        raw = base64.urlsafe_b64decode(sealed.removeprefix(VERSION).encode())
        opened: dict[str, str] = json.loads(_cipher().decrypt(raw[:NONCE], raw[NONCE:], channel_id.encode()))
    except (InvalidTag, ValueError):
        raise CannotOpen(
            "the channel's secret cannot be opened: PLAYHEAD_SECRET_KEY is not the one that it was sealed under; "
            "set that key again, or enter the channel's secret anew"
        ) from None
    return opened


def _cipher() -> AESGCM:
    """Made each time: it takes microseconds, and a changed key counts at once."""
    derived = HKDF(SHA256(), length=32, salt=None, info=b"playhead: secrets of channels, v1")
    return AESGCM(derived.derive(settings.SECRET_KEY.encode()))
