"""Channels and what went out by them. Secrets are written here and never read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from dashboard import access
from dashboard.alerts.channels.kinds import Kind
from dashboard.alerts.channels.registry import KINDS
from dashboard.alerts.keeping import doubt, keep, shown, trial_of, try_out
from dashboard.alerts.models import Attempt, Channel, Delivery
from dashboard.alerts.standing import standing
from dashboard.api import alert_schemas as schemas
from dashboard.api.alerts import caller_name, changed, told
from dashboard.api.guard import Guard
from dashboard.api.read import ERRORS, ok
from dashboard.api.rules import definition
from dashboard.problems import Problem
from dashboard.reading import now_ms
from dashboard.times import rfc

router = Router(tags=["alerts"], auth=Guard("view"))
DAY = 86_400_000
MOST_TRIES = 50  # attempts that are shown of one delivery, the newest
MOST_COUNTED = 5_000


@router.get("/alerts/channels", response={200: schemas.Channels, **ERRORS})
def channels(request: HttpRequest) -> HttpResponse:
    """Every channel and how it does, and the kinds that there are with their settings."""
    now = now_ms()
    items = [_row(c, now) for c in Channel.objects.order_by("name")]
    return ok({"items": items, "kinds": [_kind(k) for k in KINDS.values()]})


@router.post("/alerts/channels", auth=Guard("channels"), response={201: schemas.ChannelOut, **ERRORS})
def make(request: HttpRequest, body: schemas.ChannelIn) -> HttpResponse:
    """A new channel. ``made_secret`` holds a signing secret that was made for it, this once."""
    return told(_kept(Channel(), body, caller_name(request)), 201)


@router.put("/alerts/channels/{id}", auth=Guard("channels"), response={200: schemas.ChannelOut, **ERRORS})
def change(request: HttpRequest, id: str, body: schemas.ChannelIn) -> HttpResponse:
    """Changes it; settings and secrets that are left out stay as they are."""
    return ok(_kept(_channel(id), body, caller_name(request)))


@router.delete("/alerts/channels/{id}", auth=Guard("channels"), response={204: None, **ERRORS})
def drop(request: HttpRequest, id: str) -> HttpResponse:
    """Deletes it with its secrets and the deliveries by it."""
    channel = _channel(id)
    access.audit(caller_name(request), "channel deleted", channel.name, kind=channel.kind)
    channel.delete()
    return HttpResponse(status=204)


@router.post("/alerts/channels/{id}/test", auth=Guard("channels"), response={200: schemas.TestOut, **ERRORS})
def test(request: HttpRequest, id: str) -> HttpResponse:
    """Sends a test at once; the answer is the attempt, which may have failed, and whether anything was sent."""
    return _tried(_channel(id), request)


@router.post("/alerts/rules/trial", auth=Guard("alerts"), response={200: schemas.TestOut, **ERRORS})
def trial(request: HttpRequest, body: schemas.TrialIn) -> HttpResponse:
    """Sends a test that stands for an alert of this rule, saved or not, to one channel at once."""
    named = _named(body.channel)
    if not named:
        raise Problem(422, f"channel: there is no channel {body.channel[:60]!r}; see Channels")
    about = trial_of(body.name.strip() or "without a name", definition(body.definition))
    return _tried(_channel(named[0]), request, about)


def _tried(channel: Channel, request: HttpRequest, about: dict[str, Any] | None = None) -> HttpResponse:
    now = now_ms()
    tried = try_out(channel, caller_name(request), now, about=about)
    return ok({**_attempt(tried), "sent": tried.code is not None or not doubt(channel, now)})


@router.get("/alerts/deliveries", response={200: schemas.Deliveries, **ERRORS})
def deliveries(
    request: HttpRequest,
    channel: str = "",
    alert: str = "",
    state: str = "",
    limit: int = Query(100, ge=1, le=1_000),
    cursor: str = "",
) -> HttpResponse:
    """What was or is to be sent, the newest first, each with its attempts. ``channel`` is an id or a name."""
    found = Delivery.objects.select_related("channel", "alert").order_by("-created_at", "-id")
    wanted = {"alert_id": alert, "state": state}
    found = found.filter(**{k: v for k, v in wanted.items() if v})
    if channel:
        found = found.filter(channel__in=_named(channel))
    offset = int(cursor) if cursor.isdecimal() and len(cursor) < 9 else 0
    tries = Prefetch("attempts", Attempt.objects.order_by("id"))
    page = list(found.prefetch_related(tries)[offset : offset + limit + 1])
    more = str(offset + limit) if len(page) > limit else None
    return ok({"items": [_delivery(d) for d in page[:limit]], "next": more})


def _named(word: str) -> list[str]:
    return list(Channel.objects.filter(pk=word).values_list("pk", flat=True)) or list(
        Channel.objects.filter(name=word).values_list("pk", flat=True)
    )


def _channel(id: str) -> Channel:
    found = Channel.objects.filter(pk=id).first()
    if found is None:
        raise Problem(404, f"there is no channel {id[:40]}")
    return found


def _kept(channel: Channel, body: schemas.ChannelIn, by: str) -> dict[str, Any]:
    now = now_ms()
    if Channel.objects.filter(name=body.name.strip()).exclude(pk=channel.pk).exists():
        raise Problem(422, f"name: there is a channel {body.name.strip()!r} already; choose another name")
    for field in ("kind", "team", "escalation", "enabled"):
        setattr(channel, field, getattr(body, field))
    channel.name = body.name.strip()
    try:
        made = keep(channel, body.settings, by, now)
    except ValueError as e:
        raise changed(e) from e
    row = _row(channel, now)
    return {**row, "problem": row["problem"] or doubt(channel, now), **({"made_secret": made} if made else {})}


def _row(channel: Channel, now: int) -> dict[str, Any]:
    how = standing(channel, now)
    times = {name: rfc(how[name]) for name in ("succeeded_at", "failing_since")}
    return {**shown(channel), **how, **times, **_figures(channel, now)}


def _figures(channel: Channel, now: int) -> dict[str, Any]:
    """Of a day: how many were delivered, how many at the first try, how fast most answers came."""
    recent = Delivery.objects.filter(channel=channel, created_at__gt=now - DAY)[:MOST_COUNTED]
    tries: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(delivery__in=[d.id for d in recent]).order_by("id"):
        tries[attempt.delivery_id].append(attempt)
    delivered = [d for d in recent if d.state == "delivered"]
    first = sum(1 for d in delivered if len(tries[d.id]) == 1)
    took = sorted(a.took for d in delivered for a in tries[d.id][-1:])
    p95 = took[min(len(took) - 1, int(len(took) * 0.95))] if took else None
    return {"delivered": len(delivered), "deliveries": len(recent), "first_try": first, "p95": p95}


def _kind(kind: Kind) -> dict[str, Any]:
    """What a form asks for; ``made``: left out, one is made."""
    own = ("name", "about", "secret", "default", "choices")
    fields = []
    for f in kind.fields:
        made = (kind.name, f.name) == ("webhook", "secret")
        about = {"long": f.name == "template", "made": made, "required": f.required and not made}
        fields.append({n: getattr(f, n) for n in own} | about)
    return {"name": kind.name, "label": kind.label, "fields": fields}


def _delivery(d: Delivery) -> dict[str, Any]:
    own = ("id", "channel_id", "status", "state", "tries")
    times = {name: rfc(getattr(d, name)) for name in ("created_at", "next_at", "finished_at")}
    what = d.alert.summary if d.alert else str(((d.body or {}).get("alert") or {}).get("summary", ""))
    named = {"channel": d.channel.name, "alert": d.alert_id, "what": what}
    return {**{n: getattr(d, n) for n in own}, **named, **times, "attempts": _attempts(d.attempts.all())}


def _attempts(attempts: Iterable[Attempt]) -> list[dict[str, Any]]:
    return [_attempt(a) for a in list(attempts)[-MOST_TRIES:]]


def _attempt(a: Attempt) -> dict[str, Any]:
    return {"at": rfc(a.at), "took": a.took, "code": a.code, "excerpt": a.excerpt}
