"""The one ASGI application: HTTP by Django, WebSockets by Channels."""

from __future__ import annotations

import gc
import os
import resource

from django.core.asgi import get_asgi_application

MOST_FILES = 65_536
COLLECT = (50_000, 10, 10)  # objects, and collections of the younger, before each generation is looked through

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
http = get_asgi_application()  # before anything that needs the apps

from dashboard.gate import Gate  # noqa: E402
from dashboard.routing import application_for  # noqa: E402


def room_for_viewers() -> None:
    """Each viewer takes a file descriptor, and many a shell allows 1,024: as many as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room_for_frames() -> None:
    """A frame of a large cluster is ten thousand objects without a cycle: Python's collector would look through them
    dozens of times while one is made, a tenth of all work."""
    gc.freeze()
    gc.set_threshold(*COLLECT)


room_for_viewers()
room_for_frames()
application = application_for(Gate(http))
