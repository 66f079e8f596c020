"""What an alert says and what it comes from, out of the newest frame: labels, headline, reason, cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from dashboard.alerts.models import Alert
from lineage import history
from lineage.alert_words import words
from lineage.causes import SEVERITIES, explain_each, worded
from lineage.conditions import Definition, parse
from lineage.frames import Frame, LagItem
from lineage.identity import split_id
from lineage.models import Change
from lineage.observations import Ms
from lineage.troubles import Key, Telling, Trouble, lag_subject

HOUR_MS, BEFORE_MS = 3_600_000, 600_000
MOST_CHANGES = 200
RETENTION = ("retention.ms", "retention.bytes", "cleanup.policy")
SAID = ("new_reader", "new_writer", "vanished")  # an alert's verdict is who it was


class Speaker:
    """Speaks of alerts as of one frame, read when it is first needed."""

    @cached_property
    def frame(self) -> Frame:
        """The newest."""
        return history.frame_at(None)

    @cached_property
    def _items(self) -> Mapping[str, LagItem]:
        return {lag_subject(i): i for i in self.frame.lag}

    def labelled(self, subject: str) -> dict[str, Any]:
        """Cluster, team and labels of a subject, as an Alert keeps them."""
        labels = {k: v for k, v in self._known(subject).items() if v}
        team = labels.pop("team", None)
        return {"cluster": labels.get("cluster", ""), "team": team, "labels": labels}

    def _known(self, subject: str) -> Mapping[str, str | None]:
        kind, _, path = subject.partition(":")
        if kind == "lag" and (item := self._items.get(subject)):
            return {k: getattr(item, k) for k in ("cluster", "group", "topic", "service", "team")}
        if kind == "lag":
            _, (cluster, group, topic) = split_id(f"group:{path}")
            return {"cluster": cluster, "group": group, "topic": topic}
        if kind in ("cluster", "collector"):
            cluster, _, name = path.partition("/")
            return {"cluster": cluster, "collector": name}
        node = self.frame.nodes.get(subject)
        _, parts = split_id(subject)
        cluster_of = parts[0] if len(parts) > 1 else ""
        return {"cluster": cluster_of, kind: parts[-1], "team": node.team if node else None}

    def speak(self, alert: Alert, asked: Definition) -> None:
        """Gives it its headline and its reason."""
        alert.summary, alert.reason = words(self._trouble(alert, asked), self._items.get(alert.subject))

    def explain(self, fired: Sequence[Alert]) -> None:
        """Looks for the cause of each among all that fires now, and stores it."""
        if not fired:
            return
        known: dict[Key, Alert] = {}
        troubles: dict[str, Trouble] = {}
        for alert in Alert.objects.filter(resolved_at__isnull=True, fired_at__isnull=False).order_by("fired_at", "id"):
            troubles[alert.id] = trouble = self._trouble(alert, parse(alert.definition))
            known.setdefault(trouble.key, alert)
        found = explain_each(self.frame, [*troubles.values(), *self._retention()])
        told = {k: a for k, a in known.items() if a.fired_at != fired[0].fired_at}
        for alert in fired:
            key = troubles[alert.id].key
            cause = found.get(key)
            if cause is not None:
                # A fact of the frame, or an event, is named as the cause; but no alert was sent for it.
                by = known.get((cause.subject, cause.what))
                _put_under(alert, by, cause.subject, cause.reason)
            elif first := next((a for k, a in told.items() if worded(k, key) and _covers(a, alert)), None):
                _put_under(alert, first, first.subject, first.summary)

    def _trouble(self, alert: Alert, asked: Definition) -> Trouble:
        what = alert.verdict if asked.metric == "verdict" else asked.metric
        who = {"reader": alert.verdict, "who": alert.verdict} if asked.metric in SAID else {}
        return self._telling(alert.since).trouble(
            alert.subject, what, alert.since, op=asked.op, value=alert.value, threshold=asked.threshold,
            severity=alert.severity, **who,
        )  # fmt: skip

    def _telling(self, since: Ms) -> Telling:
        """Of now, and of a while before the trouble began; one for all that began in the same ten minutes."""
        then = since - since % BEFORE_MS - BEFORE_MS
        if then not in self._tellings:
            self._tellings[then] = Telling(self.frame, _frame_at(then))
        return self._tellings[then]

    @cached_property
    def _tellings(self) -> dict[Ms, Telling]:
        return {}

    def _retention(self) -> list[Trouble]:
        """Topics whose retention was changed within the hour."""
        changes = Change.objects.filter(kind="config", recorded_at__gt=self.frame.at - HOUR_MS)
        return [t for c in changes.order_by("-id")[:MOST_CHANGES] for t in _shortened(c)]


def _covers(first: Alert, alert: Alert) -> bool:
    """Whether who was told of ``first`` needs no message about ``alert``: it is as grave and went the same way."""
    same_way = (first.definition.get("channels") or []) == (alert.definition.get("channels") or [])
    return same_way and not first.cause_id and SEVERITIES.index(first.severity) >= SEVERITIES.index(alert.severity)


def _put_under(alert: Alert, by: Alert | None, subject: str, reason: str) -> None:
    """Names its cause; where that stands under another one itself, under that."""
    by = by.cause or by if by else None
    alert.cause = by if by and by.id != alert.id else None
    alert.cause_subject, alert.cause_reason = subject, reason
    alert.save(update_fields=["cause", "cause_subject", "cause_reason"])


def _frame_at(then: Ms) -> Frame | None:
    try:
        return history.frame_at(then)
    except history.TapeBegins:
        return None


def _shortened(change: Change) -> list[Trouble]:
    """The change as an event, where it is one of retention."""
    sides = [((side or {}).get("attrs") or {}).get("configs") or {} for side in (change.before, change.after)]
    for key in RETENTION:
        before, after = (side.get(key) for side in sides)
        if before != after:
            return [
                Trouble(change.subject, "retention_changed", change.recorded_at, {"before": before, "after": after})
            ]
    return []
