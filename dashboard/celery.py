"""The Celery application: everything that ends. Tasks live in collectors.tasks (found by name) and dashboard.alerts."""

from __future__ import annotations

import importlib
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app = Celery("playhead")
app.config_from_object("django.conf:settings", namespace="CELERY")


@beat_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _schedule(sender: Any = None, **_: Any) -> None:
    """The schedule follows the configuration; by name, because the dashboard imports no collector."""
    from django.conf import settings

    scheduler = sender.scheduler if sender is not None else None
    from dashboard.alerts import alive, deliver, tasks

    wanted = {
        **importlib.import_module("collectors.tasks").beat_schedule(settings.PLAYHEAD),
        **deliver.BEAT,
        **tasks.BEAT,
        **alive.beat(settings.PLAYHEAD.alerts),
    }
    app.conf.beat_schedule = wanted
    if scheduler is not None:
        scheduler.merge_inplace(wanted)
