"""What is killed comes back by itself; what cannot be reached is named; nothing is lost, doubled or said to be gone.

One tree for all of it, in order: each fault meets a Playhead that has survived those before.
"""

from __future__ import annotations

import pytest

from tests.faults.conftest import Start
from tests.faults.rig import Rig, assert_sound, moment, now_ms

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
EVERY = 5
OWN = ("web", "worker", "beat", "recorder", "follower east")


@pytest.fixture(scope="module")
def rig(start: Start) -> Rig:
    return start(EVERY, "east", dead=("dead",))


def test_a_dead_cluster_is_named_and_holds_up_neither_the_other_nor_readiness(rig: Rig) -> None:
    took = rig.until(lambda: rig.get("/readyz")[0] == 200, "ready")
    body = rig.get("/readyz")[1]
    assert [c["cluster"] for c in body["unreachable"]] == ["dead"]
    assert "127.0.0.1:1 refused the connection" in body["unreachable"][0]["why"]
    rig.until(lambda: rig.is_live("east"), "the living one complete")
    dead = rig.cluster("dead")
    assert (dead["status"], dead["sampled_at"]) == ("down", None)
    assert "refused the connection" in dead["error"]
    assert "Service Unavailable" not in rig.text()
    print(f"ready after {took:.1f} s")


def test_pages_answer_and_nothing_is_lost_while_redis_is_killed(rig: Rig) -> None:
    began, victims = now_ms(), rig.kill("redis")
    assert rig.get("/api/v1/lag?cluster=east")[1]["items"]
    assert rig.get("/lag")[0] == 200
    back = rig.back(victims)
    tick = rig.ticks()[-1][0]
    rig.until(lambda: rig.ticks()[-1][0] > tick + 2 and rig.is_live("east"), "recording again")
    _sampled_past(rig, "east", now_ms())
    assert rig.gap("east", began - EVERY * 1000) <= rig.one_missing
    print(f"Redis back after {back:.1f} s, longest gap {rig.gap('east', began - EVERY * 1000):.1f} s")


def test_all_of_playheads_own_processes_are_killed_at_once_and_go_on(rig: Rig) -> None:
    at = rig.ticks()[-1][1]
    path = f"/api/v1/graph?at={moment(at)}"
    before, began = rig.get(path), now_ms()
    assert before[0] == 200
    took = rig.back(rig.kill(*OWN))
    rig.until(lambda: rig.get("/healthz")[0] == 200, "web again")
    assert rig.get(path) == before
    _sampled_past(rig, "east", now_ms())
    assert rig.gap("east", began - EVERY * 1000) <= rig.one_missing
    assert rig.vanished() == []
    print(f"processes back after {took:.1f} s, longest gap {rig.gap('east', began - EVERY * 1000):.1f} s")


def test_what_was_recorded_is_whole(rig: Rig) -> None:
    rig.process.terminate()
    rig.process.wait(15)
    assert_sound(rig)
    assert "StreamingHttpResponse" not in rig.text()


def _sampled_past(rig: Rig, cluster: str, at: int) -> None:
    rig.until(lambda: rig.samples(cluster)[-1] > at, f"a sample of {cluster}")
