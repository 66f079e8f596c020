"""The Collectors page says how much room the tape takes."""

from __future__ import annotations

from django.test import Client

from dashboard.reading import frame_at, view_of
from lineage.recorder import Tape
from tests.dashboard.made import T0


def test_the_collectors_say_how_much_room_the_tape_takes(client: Client, tape: Tape, viewer: None) -> None:
    found = view_of("collectors", frame_at(None, T0 + 1000), {}).meta["storage"]
    assert found["used"] > 0
    assert found["free"] > 0
    assert found["stopped"] is None
    assert client.get("/collectors").status_code == 200
