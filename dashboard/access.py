"""Who may see and do what. Nothing else decides: API, pages, WebSocket, metrics and the OTLP door all ask here."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.utils import timezone

from dashboard.models import ApiToken, AuditEntry

log = logging.getLogger(__name__)

SCOPES = ("read", "ingest", "operate", "admin")
IMPLIED: Mapping[str, frozenset[str]] = {
    "read": frozenset({"read"}),
    "ingest": frozenset({"ingest"}),
    "operate": frozenset({"read", "operate"}),
    "admin": frozenset(SCOPES),
}
# What may be done, and the scope that it needs. "login" is for whoever is somebody.
ACTIONS: Mapping[str, str] = {
    "view": "read",
    "records": "read",
    "metrics": "read",
    "ingest": "ingest",
    "join": "operate",
    "alerts": "operate",  # rules, silences, acknowledging
    "channels": "admin",  # a channel holds secrets, and Playhead connects to it
    "tokens": "admin",
    "audit": "admin",
    "check_address": "admin",
}
ANONYMOUS_VIEWER_MAY = frozenset({"view", "metrics"})
PREFIX = "ph_"
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Caller:
    """Who asks. ``kind``: anonymous, user, token, or bad (a token that nobody gave)."""

    kind: str
    name: str
    scopes: frozenset[str] = frozenset()


ANONYMOUS = Caller("anonymous", "anonymous")
BAD_TOKEN = Caller("bad", "unknown token")


def may(caller: Caller, action: str) -> bool:
    """Whether the caller may do it. KeyError for an action that does not exist."""
    if ACTIONS[action] in caller.scopes:
        return True
    viewer = settings.PLAYHEAD_ANONYMOUS == "viewer"
    return viewer and caller.kind == "anonymous" and action in ANONYMOUS_VIEWER_MAY


def may_ingest(caller: Caller, address: str | None) -> bool:
    """Spans: by token, or from loopback without one where PLAYHEAD_OTLP is open."""
    return may(caller, "ingest") or (settings.PLAYHEAD_OTLP == "open" and is_loopback(address))


def is_loopback(address: str | None) -> bool:
    """Whether the peer is this machine; unknown is not."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def caller_of(request: HttpRequest) -> Caller:
    """Who sent this request: a bearer token counts before a session."""
    header = request.headers.get("Authorization", "")
    if header:
        return by_header(header)
    return by_user(getattr(request, "user", None))


def by_header(header: str) -> Caller:
    """The holder of ``Bearer TOKEN``; any other header is a bad one, never silently anonymous."""
    scheme, _, word = header.partition(" ")
    if scheme.lower() != "bearer" or not word.strip():
        return BAD_TOKEN
    found = ApiToken.objects.filter(digest=digest(word.strip())).first()
    if found is None:
        return BAD_TOKEN
    _used(found)
    return Caller("token", found.name, IMPLIED.get(found.scope, frozenset()))


def by_user(user: Any) -> Caller:
    """A logged-in user: superusers are admins, staff operates, the rest reads."""
    if user is None or not user.is_authenticated or not user.is_active:
        return ANONYMOUS
    scope = "admin" if user.is_superuser else "operate" if user.is_staff else "read"
    return Caller("user", user.get_username(), IMPLIED[scope])


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(name: str, scope: str, by: str = "") -> str:
    """Makes a token and answers it, this once. Raises ValueError for a scope or a name that cannot be."""
    if scope not in SCOPES:
        raise ValueError(f"{scope!r} is no scope; there are {', '.join(SCOPES)}")
    if not name.strip() or len(name) > 120 or not name.isprintable():
        raise ValueError("a token's name has 1 to 120 characters, none of them a control")
    token = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(name=name, digest=digest(token), start=token[:8], scope=scope, created_by=by)
    audit(by or "command line", "token made", name, scope=scope)
    return token


def audit(who: str, action: str, subject: str = "", **detail: Any) -> None:
    """Remembers what was done."""
    AuditEntry.objects.create(who=who[:150], action=action, subject=subject[:500], detail=detail)


def looked(who: str, topic: str, payloads: str, times: Sequence[int | None]) -> None:
    """Remembers that payloads were looked at: one entry for each minute, with what was seen in it."""
    known = [t for t in times if t is not None]
    seen = {"records": len(times), "from": min(known, default=None), "to": max(known, default=None)}
    same = {"who": who[:150], "action": "payloads read", "subject": topic[:500]}
    with transaction.atomic():
        recent = AuditEntry.objects.select_for_update().filter(**same, at__gt=timezone.now() - USED_EVERY).first()
        if recent is None or recent.detail.get("payloads") != payloads:
            audit(who, same["action"], topic, payloads=payloads, **seen)
            return
        recent.detail = {"payloads": payloads, **_joined(recent.detail, seen)}
        recent.save(update_fields=["detail"])


def _joined(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    known = {end: [x[end] for x in (a, b) if x[end] is not None] for end in ("from", "to")}
    span = {"from": min(known["from"], default=None), "to": max(known["to"], default=None)}
    return {"records": a["records"] + b["records"], **span}


def _used(token: ApiToken) -> None:
    """Notes the use, rarely, and never at the price of the request: the database may be busy."""
    now = timezone.now()
    if token.last_used_at and now - token.last_used_at < USED_EVERY:
        return
    try:
        with transaction.atomic():
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    except DatabaseError as e:
        log.warning("the last use of token %s was not noted: %s", token.start, e)


def ensure_admin(password: str | None) -> str | None:
    """Makes the user ``admin`` where there is no user yet. Answers the password to print once, None if none is new."""
    users = get_user_model().objects
    if users.exists():
        return None
    made = password or secrets.token_urlsafe(12)
    users.create_superuser("admin", password=made)
    audit("command line", "user made", "admin")
    return None if password else made
