"""Tokens of the API, and what was done by whom; the tables of alerts are in their own room."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from dashboard.alerts.models import Alert, Attempt, Channel, Delivery, Rule, Silence

__all__ = ["Alert", "ApiToken", "Attempt", "AuditEntry", "Channel", "Delivery", "Rule", "Silence"]


class ApiToken(models.Model):
    """A token is shown once; only its SHA-256 is kept (it is 256 random bits: no salt or stretching is needed)."""

    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True)
    start = models.CharField(max_length=12)  # its first characters, to tell tokens apart
    scope = models.CharField(max_length=16)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=150, default="")
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"


class AuditEntry(models.Model):
    """Who did what to what, when. Never holds a secret."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    who = models.CharField(max_length=150)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=500, default="")
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.who} {self.action} {self.subject}"
