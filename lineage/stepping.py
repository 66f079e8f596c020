"""The neighbours of a moment: the ticks and the changes before and after it."""

from __future__ import annotations

from django.db.models import QuerySet

from lineage.models import Change, Tick
from lineage.observations import Ms


def tick_after(t: Ms) -> Ms | None:
    """The first tick after ``t``, None at the end of the tape."""
    return Tick.objects.filter(at__gt=t).order_by("at").values_list("at", flat=True).first()


def tick_before(t: Ms) -> Ms | None:
    """The last tick before ``t``, None at the begin of the tape."""
    return Tick.objects.filter(at__lt=t).order_by("-at").values_list("at", flat=True).first()


def change_after(t: Ms, cluster: str = "", subject: str = "", kind: str = "") -> Ms | None:
    """The first tick after ``t`` that shows a change; where only minutes are left, the minute that holds it."""
    later = _changes(cluster, subject, kind).filter(recorded_at__gt=t).order_by("recorded_at")
    return _shown(later.values_list("recorded_at", flat=True).first())


def change_before(t: Ms, cluster: str = "", subject: str = "", kind: str = "") -> Ms | None:
    """The last tick before ``t`` that shows a change."""
    last = tick_before(t)
    if last is None:
        return None
    sooner = _changes(cluster, subject, kind).filter(recorded_at__lte=last).order_by("-recorded_at")
    return _shown(sooner.values_list("recorded_at", flat=True).first())


def _changes(cluster: str, subject: str, kind: str) -> QuerySet[Change]:
    given = {"cluster": cluster, "subject": subject, "kind": kind}
    return Change.objects.filter(**{k: v for k, v in given.items() if v})


def _shown(recorded: Ms | None) -> Ms | None:
    return None if recorded is None else tick_after(recorded - 1)
