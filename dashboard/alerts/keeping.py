"""Channels as people make and change them: settings checked, secrets sealed, nothing secret shown or audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from dashboard.access import audit
from dashboard.alerts.body import VERSION, links
from dashboard.alerts.channels.client import Client
from dashboard.alerts.channels.kinds import Field, Kind, Told
from dashboard.alerts.channels.registry import KINDS
from dashboard.alerts.channels.webhook import new_secret
from dashboard.alerts.claiming import PER_MINUTE, lease
from dashboard.alerts.deliver import record
from dashboard.alerts.models import Attempt, Channel, Delivery
from dashboard.alerts.outbox import put
from dashboard.alerts.sealing import CannotOpen, seal, unseal
from dashboard.alerts.sending import guarded, refused, scrubbed, send
from dashboard.times import rfc
from lineage.conditions import Definition, sentence

MOST_PER_MINUTE = 600
DOUBTS = 3.0  # seconds for a name to be looked up while somebody waits for a form


def keep(channel: Channel, given: Mapping[str, Any], by: str, now: int) -> str:
    """Saves the channel with the settings and secrets ``given``; what is left out stays as it was.

    ``channel`` has its name, kind, team, escalation and enabled set. Answers the signing secret where one was made
    just now: it is shown this once. Raises ValueError with a sentence that names the setting.
    """
    kind = kind_of(channel.kind)
    new = channel._state.adding
    _check_own(channel)
    values = {**_known(channel, given, kind), **_given(given, kind)}
    made = new_secret() if kind.name == "webhook" and not values.get("secret") else ""
    values |= {"secret": made} if made else {}
    _check(kind, values)
    hidden = {f.name for f in kind.fields if f.secret}
    channel.settings = {k: v for k, v in values.items() if k not in hidden} | _rate(channel, given) | _to(values)
    channel.secret = seal({k: v for k, v in values.items() if k in hidden and v}, channel.id)
    channel.changed_at = now
    channel.why_disabled = "" if channel.enabled else channel.why_disabled
    if new:
        channel.created_by = by[:150]
    with transaction.atomic():
        channel.save()
        changed = sorted(set(given) & {f.name for f in kind.fields})
        audit(by, "channel made" if new else "channel changed", channel.name, kind=channel.kind, given=changed)
    return made


def shown(channel: Channel) -> dict[str, Any]:
    """What may be shown of it: its settings, and of its secrets the names of those that are set."""
    try:
        kept, problem = sorted(unseal(channel.secret, channel.id)), ""
    except CannotOpen as e:
        kept, problem = [], str(e)
    own = ("id", "name", "kind", "team", "escalation", "enabled", "why_disabled", "created_by")
    about = {name: getattr(channel, name) for name in own}
    return {**about, "settings": dict(channel.settings), "secrets": kept, "problem": problem}


def doubt(channel: Channel, now: int, client: Client | None = None) -> str:
    """Why a test would not leave this machine, as far as the address tells; "" where it would."""
    client = replace(client or guarded(), seconds=DOUBTS)
    return refused(channel, test_body("firing", "", now), now, client)


def try_out(
    channel: Channel, by: str, now: int, client: Client | None = None, about: Mapping[str, Any] | None = None
) -> Attempt:
    """Sends a test, now and once, to a channel that may be out of use; what came of it. ``about``: as ``trial_of``.

    Where the other side keeps alerts open until they are resolved, the test is resolved after it.
    """
    audit(by, "channel tested", channel.name, kind=channel.kind, rule=(about or {}).get("rule", ""))
    firing = _test(channel, "firing", "", now, client, about)
    if kind_of(channel.kind).remembers and firing.code is not None and 200 <= firing.code < 300:
        return _test(channel, "resolved", firing.delivery_id, now, client, about)
    return firing


def trial_of(name: str, asked: Definition) -> dict[str, Any]:
    """What a test says that stands for an alert of this rule."""
    said = f"A trial of the rule {name}: nothing is wrong"
    own = {"rule": name, "severity": asked.severity, "threshold": asked.threshold}
    return {**own, "summary": said, "reason": f"It asks: {sentence(asked).rstrip('.')}."}


def _test(
    channel: Channel, status: str, of: str, now: int, client: Client | None, about: Mapping[str, Any] | None
) -> Attempt:
    with transaction.atomic():
        delivery = put(channel, "test", {}, now)
        delivery.body = test_body(status, of or delivery.id, now)
        delivery.body["alert"] |= about or {}
        claimed = lease(delivery, channel, now)
    record(claimed, send(channel, delivery.body, delivery.id, now, client or guarded()), now)
    return Delivery.objects.get(pk=delivery.pk).attempts.latest("id")


def test_body(status: str, id: str, now: int) -> dict[str, Any]:
    """What a test says."""
    alert = {
        **{"id": f"test-{id}", "rule": "Test", "severity": "info", "subject": "playhead", "verdict": "", "team": None},
        **{"summary": "This is a test from Playhead; nothing is wrong", "value": None, "threshold": None},
        **{"reason": "Somebody pressed the test button of this channel.", "labels": {"test": "true"}},
        **{"started_at": rfc(now), "ended_at": rfc(now) if status == "resolved" else None},
    }
    told = {"version": VERSION, "status": status, "test": True, "alert": alert}
    return {**told, "cause": None, "group": [], "links": links(None, now)}


def kind_of(name: str) -> Kind:
    """The kind of this name. Raises ValueError that names those there are."""
    if name not in KINDS:
        raise ValueError(f"kind: {name[:60]!r} is no kind of channel; there are {', '.join(KINDS)}")
    return KINDS[name]


def _check_own(channel: Channel) -> None:
    for what, value, least, most in (("name", channel.name, 1, 120), ("team", channel.team, 0, 255)):
        if not least <= len(value.strip()) <= most or not value.isprintable():
            raise ValueError(f"{what}: expected {least} to {most} printable characters")


def _known(channel: Channel, given: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    """What is set already. A secret that cannot be opened may only be replaced."""
    if channel._state.adding or Channel.objects.filter(pk=channel.pk).exclude(kind=channel.kind).exists():
        return {}
    try:
        secrets = unseal(channel.secret, channel.id)
    except CannotOpen:
        if not {f.name for f in kind.fields if f.secret and f.required} <= set(given):
            raise
        secrets = {}
    return {f.name: str(known) for f in kind.fields if (known := {**channel.settings, **secrets}.get(f.name))}


def _given(given: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    names = [f.name for f in kind.fields]
    unknown = [name for name in given if name not in (*names, "per_minute")]
    if unknown:
        raise ValueError(f"{unknown[0][:60]!r} is no setting of {kind.label}; there are {', '.join(names)}, per_minute")
    return {f.name: _text(f, given[f.name]) for f in kind.fields if f.name in given}


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str | int) or len(str(value)) > field.most:
        raise ValueError(f"{field.name}: expected text of at most {field.most} characters")
    text = str(value) if field.name == "template" else str(value).strip()
    if field.name != "template" and not text.isprintable():
        raise ValueError(f"{field.name}: expected one line without control characters")
    return text


def _check(kind: Kind, values: dict[str, str]) -> None:
    """Fills in defaults; each setting by itself, then all together: they must make a message."""
    for field in kind.fields:
        value = values[field.name] = values.get(field.name) or field.default
        if not value and field.required:
            raise ValueError(f"{field.name}: needed for {kind.label} ({field.about})")
        if value and field.choices and value not in field.choices:
            raise ValueError(f"{field.name}: expected one of {', '.join(field.choices)}")
        if value and field.check:
            try:
                field.check(value)
            except ValueError as e:
                raise ValueError(f"{field.name}: {_without(kind, values, str(e))}") from None
    kind.make(Told(test_body("firing", "0", 0), "0", 0, values))


def _without(kind: Kind, values: Mapping[str, str], sentence: str) -> str:
    return scrubbed(sentence, [values[f.name] for f in kind.fields if f.secret and values.get(f.name)])


def _rate(channel: Channel, given: Mapping[str, Any]) -> dict[str, int]:
    rate = given.get("per_minute", channel.settings.get("per_minute", PER_MINUTE))
    if not isinstance(rate, int) or isinstance(rate, bool) or not 1 <= rate <= MOST_PER_MINUTE:
        raise ValueError(f"per_minute: expected a whole number from 1 to {MOST_PER_MINUTE}")
    return {"per_minute": rate}


def _to(values: Mapping[str, str]) -> dict[str, str]:
    """The host of an address that is secret, so that channels can be told apart."""
    return {"to": urlsplit(values["url"]).hostname or ""} if values.get("url") else {}
