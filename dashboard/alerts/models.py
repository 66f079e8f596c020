"""Rules, alerts, silences, channels and the outbox. Times are ms UTC, like the tape's; an alert is never deleted.

An alert shows at a moment what it showed then: its stages carry the moments at which they were known.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

DONE = "alerts"  # the Progress that says how far they were evaluated


def new_id() -> str:
    """An id that nobody can guess and that sorts nowhere."""
    return uuid.uuid4().hex


class Rule(models.Model):
    """When to tell whom what. ``lineage.conditions`` reads ``definition``; each change makes a new ``version``."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id)
    name = models.CharField(max_length=120, unique=True)
    definition = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    built_in = models.CharField(max_length=64, default="")  # its key in the set that is on from the start
    version = models.IntegerField(default=1)
    created_by = models.CharField(max_length=150, default="")
    changed_at = models.BigIntegerField()

    objects: ClassVar[models.Manager[Rule]]

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """One time that a rule held for a subject: pending, then firing, then resolved; or pending and gone again.

    ``since``, ``last``, ``fired`` and ``resolved`` are minutes of the tape: in which it began, last held, had held long
    enough, and was clear for long enough. The ``_at`` of them are when that was known: a view at a moment shows these.
    """

    id = models.CharField(max_length=32, primary_key=True, default=new_id)
    rule = models.ForeignKey[Rule | None](Rule, null=True, on_delete=models.SET_NULL)
    rule_name = models.CharField(max_length=120)
    rule_version = models.IntegerField(default=1)
    definition = models.JSONField(default=dict)  # of the rule as it was when the alert began
    severity = models.CharField(max_length=16)
    subject = models.TextField()
    cluster = models.CharField(max_length=255, default="")
    team = models.CharField(max_length=255, null=True)
    labels = models.JSONField(default=dict)
    since = models.BigIntegerField(default=0)
    last = models.BigIntegerField(default=0)
    fired = models.BigIntegerField(null=True)
    resolved = models.BigIntegerField(null=True)
    pending_at = models.BigIntegerField()
    fired_at = models.BigIntegerField(null=True, db_index=True)
    resolved_at = models.BigIntegerField(null=True)  # also of one that never fired
    resolved_why = models.TextField(default="")
    summary = models.TextField(default="")
    reason = models.TextField(default="")
    verdict = models.CharField(max_length=32, default="")
    value = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    cause = models.ForeignKey["Alert | None"]("self", null=True, on_delete=models.SET_NULL, related_name="explains")
    cause_subject = models.TextField(default="")
    cause_reason = models.TextField(default="")
    acknowledged_at = models.BigIntegerField(null=True)
    acknowledged_by = models.CharField(max_length=150, default="")
    acts = models.JSONField(default=list)  # who acknowledged or took that back, and when; see alerts.course
    course = models.JSONField(default=list)  # the value and verdict that were shown, and from when on
    escalated_at = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager[Alert]]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"], condition=Q(resolved_at__isnull=True), name="one_open_alert"
            )
        ]
        indexes = [models.Index(fields=["resolved_at", "fired_at"], name="alert_open")]

    def __str__(self) -> str:
        return f"{self.rule_name} on {self.subject}"


class Silence(models.Model):
    """Who is not told of what, until when and why. ``matcher``: globs by rule, cluster, team, service, topic, group."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id)
    kind = models.CharField(max_length=16, default="silence")  # or maintenance
    matcher = models.JSONField(default=dict)
    reason = models.TextField()
    starts_at = models.BigIntegerField()
    ends_at = models.BigIntegerField()
    repeats = models.CharField(max_length=8, default="")  # "", day or week: a maintenance window that comes again
    created_by = models.CharField(max_length=150, default="")
    created_at = models.BigIntegerField()
    ended_at = models.BigIntegerField(null=True)  # taken back before its end

    objects: ClassVar[models.Manager[Silence]]

    def __str__(self) -> str:
        return self.reason


class Channel(models.Model):
    """A way out. ``settings`` may be shown; ``secret`` is encrypted and is never shown again."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id)
    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=32)
    settings = models.JSONField(default=dict)
    secret = models.TextField(default="")
    team = models.CharField(max_length=255, default="")  # whose alerts it gets; "" gets those that no team's got
    escalation = models.BooleanField(default=False)  # gets what nobody acknowledged
    enabled = models.BooleanField(default=True)
    why_disabled = models.TextField(default="")
    created_by = models.CharField(max_length=150, default="")
    changed_at = models.BigIntegerField()

    objects: ClassVar[models.Manager[Channel]]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One thing to be told to one channel; its id goes with every try."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    alert = models.ForeignKey[Alert | None](Alert, null=True, on_delete=models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=16)  # firing, resolved, escalated, summary or test
    body = models.JSONField(default=dict)
    created_at = models.BigIntegerField(db_index=True)
    state = models.CharField(max_length=16, default="waiting")  # waiting, sending, delivered, failed
    next_at = models.BigIntegerField(
        null=True, db_index=True
    )  # when it is tried next; of one that is being sent when another may
    tries = models.IntegerField(default=0)
    finished_at = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager[Delivery]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "channel", "status"], name="told_once")]

    def __str__(self) -> str:
        return f"{self.status} to {self.channel_id}"


class Attempt(models.Model):
    """One try of a delivery, and what came of it."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.BigIntegerField()
    took = models.FloatField()  # seconds
    code = models.IntegerField(null=True)  # HTTP status, None where there was no answer
    excerpt = models.TextField(default="")  # of the answer, or what went wrong

    objects: ClassVar[models.Manager[Attempt]]

    def __str__(self) -> str:
        return f"{self.code} {self.excerpt[:40]}"
