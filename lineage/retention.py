"""What is kept how long: full resolution, then one tick a minute, then nothing; structure and changes longest.

Every step is small (a block of ten minutes), may be repeated, and leaves the tape readable if it dies half way.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, Max, Model, QuerySet

from lineage import models
from lineage.config import Retention
from lineage.lake import BLOCK_MS, Lake, block_of
from lineage.models import Progress, Tick
from lineage.observations import Ms

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
LIVE_MS = 2 * BLOCK_MS  # what a recorder reads back when it starts is never thinned


def step(lake: Lake, kept: Retention, now: Ms) -> bool:
    """One piece of the work that is due at ``now``; whether there was any."""
    return (
        thin(lake, block_of(min(now - int(kept.full * 1000), now - LIVE_MS)))
        or drop(lake, _hour(now - int(max(kept.minute, kept.full) * 1000)))
        or forget(_hour(now - int(max(kept.changes, kept.minute, kept.full) * 1000)))
    )


def _hour(at: Ms) -> Ms:
    return at - at % HOUR_MS


def _done(name: str) -> Ms:
    return Progress.objects.filter(name=name).values_list("at", flat=True).first() or 0


def _is_done(name: str, at: Ms) -> None:
    Progress.objects.update_or_create(name=name, defaults={"at": at})


def thin(lake: Lake, before: Ms) -> bool:
    """Leaves of the oldest block before ``before`` that is still whole the last tick of each minute.

    A tick that stays shows what it showed: of each key the newest row up to it is kept.
    """
    found = Tick.objects.filter(at__gte=_done("thinned"), at__lt=before).order_by("at").first()
    if found is None:
        return False
    start = block_of(found.at)
    ticks = Tick.objects.filter(at__gte=start, at__lt=start + BLOCK_MS)
    with transaction.atomic():
        last = ticks.annotate(minute=F("at") / MINUTE_MS).values("minute").annotate(n=Max("number"))
        keep = list(last.values_list("n", flat=True))
        ticks.exclude(number__in=keep).delete()
        ticks.update(resolution="minute")
    lake.thin(start, start + BLOCK_MS, MINUTE_MS)
    _is_done("thinned", start + BLOCK_MS)
    return True


def drop(lake: Lake, before: Ms) -> bool:
    """Ends the numbers of everything before ``before``."""
    if _done("dropped") >= before or not Tick.objects.filter(at__lt=before).exists():
        return False
    Tick.objects.filter(at__lt=before).delete()
    lake.drop(before)
    _is_done("dropped", before)
    return True


def forget(before: Ms) -> bool:
    """Ends structure that was superseded, and changes that were recorded, before ``before``."""
    if _done("forgotten") >= before:
        return False
    versions: tuple[type[Model], ...] = (
        models.NodeVersion,
        models.EdgeVersion,
        models.ClusterVersion,
        models.CollectorVersion,
        models.Placement,
    )
    with transaction.atomic():
        for table in versions:
            rows: QuerySet[Model] = table._default_manager.filter(superseded_at__lt=before)
            rows.delete()
        models.Change.objects.filter(recorded_at__lt=before).delete()
        _is_done("forgotten", before)
    return True
