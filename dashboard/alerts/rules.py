"""The rules that are on from the start. Made once; what a person changed, switched off or deleted stays so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from dashboard.alerts.models import Rule
from lineage.models import Progress
from lineage.observations import Ms

DONE = "built-in rules"
SET = 1  # raised when a later version adds rules
MIN, HOUR = 60, 3600


def _verdict(verdict: str, wait: float, keep: float, severity: str) -> dict[str, Any]:
    return {"metric": "verdict", "op": "is", "value": [verdict], "for": wait, "keep": keep, "severity": severity}


def _there(metric: str, wait: float, severity: str, keep: float = 2 * MIN) -> dict[str, Any]:
    return {"metric": metric, "op": "above", "value": 0, "for": wait, "keep": keep, "severity": severity}


BUILT_IN: Mapping[str, tuple[str, bool, Mapping[str, Any]]] = {  # key: name, whether it is on, definition
    "stopped": ("A group has stopped", True, _verdict("stopped", 2 * MIN, MIN, "warning")),
    "stalled": ("A group commits nothing", True, _verdict("stalled", 2 * MIN, 2 * MIN, "warning")),
    "falling_behind": ("A group falls behind", True, _verdict("falling_behind", 3 * MIN, 2 * MIN, "warning")),
    "will_lose_data": ("Data will be lost", True, _verdict("will_lose_data", 2 * MIN, 5 * MIN, "critical")),
    "rewound": ("A group was set back", True, _verdict("rewound", 0, 5 * MIN, "info")),
    "half": (
        "Half of what is usual is written",
        True,
        {
            "metric": "rate_vs_week",
            "op": "below",
            "value": 0.5,
            "for": 15 * MIN,
            "keep": 5 * MIN,
            "severity": "warning",
        },
    ),
    "connector": ("A connector has failed", True, _there("failed", MIN, "warning")),
    "down": ("A cluster does not answer", True, _there("down", 2 * MIN, "critical")),
    "brokers": ("A broker is missing", True, _there("brokers_missing", MIN, "critical")),
    "offline": ("Partitions are offline", True, _there("offline", MIN, "critical")),
    "isr": ("Partitions are below min ISR", True, _there("below_min_isr", 2 * MIN, "warning")),
    "replicas": ("Partitions are under-replicated", True, _there("under_replicated", 10 * MIN, "warning")),
    "collector": ("A collector is overdue", True, _there("stale", 5 * MIN, "warning")),
    "reader": (
        "Somebody new reads a topic",
        True,
        {"metric": "new_reader", "op": "is", "value": [], "keep": 15 * MIN, "severity": "info"},
    ),
    "vanished": (
        "A service is gone",
        True,
        {"metric": "vanished", "op": "is", "value": ["service"], "keep": 15 * MIN, "severity": "info"},
    ),
    # True of many a healthy cluster: there for who wants to be told.
    "unknown_writer": ("Somebody unknown writes a topic", False, _there("unknown_writer", 10 * MIN, "info")),
    "writers": (
        "A topic has two writers",
        False,
        {"metric": "writers", "op": "above", "value": 1, "for": 10 * MIN, "keep": 5 * MIN, "severity": "info"},
    ),
}


def ensure(now: Ms) -> None:
    """Makes those that this database has never had."""
    if Progress.objects.filter(name=DONE, at__gte=SET).exists():
        return
    with transaction.atomic():
        had = {r.built_in for r in Rule.objects.exclude(built_in="")}
        for key, (name, on, definition) in BUILT_IN.items():
            if key not in had and not Rule.objects.filter(name=name).exists():
                Rule.objects.create(
                    name=name, enabled=on, definition=dict(definition), built_in=key, created_by="Playhead",
                    changed_at=now,
                )  # fmt: skip
        Progress.objects.update_or_create(name=DONE, defaults={"at": SET})
