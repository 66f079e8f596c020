"""Every enabled rule over the minutes that are new; what fires or is resolved is stored and told in one transaction.

How far the rules were evaluated stands in the same transaction: however many workers do this at the same time, and
wherever one dies, each minute counts once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from dashboard.alerts import outbox
from dashboard.alerts.course import further
from dashboard.alerts.machine import Incident, advance
from dashboard.alerts.models import DONE, Alert, Rule
from dashboard.alerts.spoken import Speaker
from lineage import history
from lineage.conditions import Definition, parse
from lineage.minutes import minute_of
from lineage.models import Progress
from lineage.observations import Ms
from lineage.runs import Run

log = logging.getLogger(__name__)
MOST_MS = 86_400_000  # what is longer ago is not told any more
# What an evaluation changes: the rest is people's, who may be at it in this very moment.
OWN = ("last", "value", "verdict", "course", "fired", "fired_at", "resolved", "resolved_at", "summary", "reason")


@dataclass(frozen=True)
class Told:
    """What an evaluation did: minutes, and alerts that fired and were resolved in them."""

    minutes: int = 0
    fired: int = 0
    resolved: int = 0


@dataclass(frozen=True)
class _Found:
    """A rule and when its condition held, by subject."""

    rule: Rule
    asked: Definition
    runs: Mapping[str, Sequence[Run]]


def evaluate() -> Told:
    """Evaluates all rules up to the newest whole minute. Raises lineage.history.Away where the lake is."""
    newest = history.newest_tick()
    if newest is None:
        return Told()
    # What was recorded before rules were looked at for the first time is history, and not told.
    done, _ = Progress.objects.get_or_create(name=DONE, defaults={"at": minute_of(newest.at)})
    if minute_of(newest.at) <= done.at:
        return Told()
    with history.minutes(max(done.at, newest.at - MOST_MS), newest.at, copied=True) as minutes:
        if not minutes.recorded:
            return Told()
        found = [_Found(rule, asked, _by_subject(minutes.runs(asked))) for rule, asked in _enabled()]
        recorded = minutes.recorded
    with transaction.atomic():
        held = Progress.objects.select_for_update().get(name=DONE)
        if held.at != done.at:
            return Told()  # another worker was quicker
        told = _Evaluation(recorded, newest.at + 1).of(found)
        Progress.objects.filter(name=DONE).update(at=recorded[-1])
    return told


def _enabled() -> Iterable[tuple[Rule, Definition]]:
    for rule in Rule.objects.filter(enabled=True).order_by("name"):
        try:
            yield rule, parse(rule.definition)
        except ValueError as error:
            log.error("the rule %s is passed over: %s", rule.name, error)


def _by_subject(runs: Iterable[Run]) -> Mapping[str, list[Run]]:
    found: Mapping[str, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.subject].append(run)
    return found


class _Evaluation:
    """One evaluation: ``minutes`` are those that are new, ``at`` the moment from which on its outcome is shown."""

    def __init__(self, minutes: Sequence[Ms], at: Ms) -> None:
        self.minutes, self.at = minutes, at
        self.fired: list[Alert] = []
        self.resolved: list[Alert] = []
        self.speaker = Speaker()

    def of(self, found: Sequence[_Found]) -> Told:
        """Stores what becomes of every rule's alerts, and tells it."""
        held: dict[tuple[str, str], Alert] = {}
        rules = {f.rule.id: f.rule for f in found}
        for alert in Alert.objects.filter(resolved_at__isnull=True).select_related("rule"):
            rule = rules.get(alert.rule_id or "")
            if rule is None or alert.rule_version != rule.version:
                self._stop(alert, _why(alert.rule, rule))
            else:
                held[rule.id, alert.subject] = alert
        for one in found:
            subjects = one.runs.keys() | {s for r, s in held if r == one.rule.id}
            for subject in sorted(subjects):
                self._advance(one, subject, held.get((one.rule.id, subject)))
        self.speaker.explain(self.fired)
        around = outbox.around_at(self.at) if self.fired or self.resolved else None
        for alert, status in [*((a, "firing") for a in self.fired), *((a, "resolved") for a in self.resolved)]:
            outbox.enqueue(alert, status, self.at, around)
        return Told(len(self.minutes), len(self.fired), len(self.resolved))

    def _stop(self, alert: Alert, why: str) -> None:
        alert.resolved, alert.resolved_at, alert.resolved_why = self.minutes[-1], self.at, why
        alert.save(update_fields=["resolved", "resolved_at", "resolved_why"])
        if alert.fired_at is not None:
            self.resolved.append(alert)

    def _advance(self, found: _Found, subject: str, held: Alert | None) -> None:
        before = _incident(held) if held else None
        for incident in advance(before, found.runs.get(subject, ()), self.minutes, found.asked):
            if held is None and incident.fired is None and incident.resolved is not None:
                continue  # over before it could fire, and nobody saw it pending
            self._store(found, incident, held)
            held = None

    def _store(self, found: _Found, incident: Incident, held: Alert | None) -> None:
        alert = held or self._begun(found, incident)
        fires = incident.fired is not None and alert.fired is None
        alert.last, alert.value, alert.verdict = incident.last, incident.value, incident.what
        alert.fired, alert.resolved = incident.fired, incident.resolved
        over = incident.resolved is not None
        clear = incident.last if not over and incident.last < self.minutes[-1] else None
        alert.course = further(alert.course, self.at, alert.value, alert.verdict, over, clear)
        if fires:
            alert.fired_at = self.at
            self.speaker.speak(alert, found.asked)
            self.fired.append(alert)
        if over:
            alert.resolved_at = self.at
            if alert.fired_at is not None:
                self.resolved.append(alert)
        alert.save(update_fields=None if held is None else OWN)

    def _begun(self, found: _Found, incident: Incident) -> Alert:
        return Alert(
            rule=found.rule, rule_name=found.rule.name, rule_version=found.rule.version,
            definition=found.rule.definition, severity=found.asked.severity, subject=incident.subject,
            threshold=found.asked.threshold, since=incident.since, pending_at=self.at,
            **self.speaker.labelled(incident.subject),
        )  # fmt: skip


def _incident(alert: Alert) -> Incident:
    return Incident(alert.subject, alert.since, alert.last, alert.fired, None, alert.value, alert.verdict)


def _why(rule: Rule | None, enabled: Rule | None) -> str:
    if rule is None:
        return "the rule was deleted"
    return "the rule was changed" if enabled is not None else "the rule was switched off"
