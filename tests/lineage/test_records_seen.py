"""What was looked at in the log itself: offsets without records, and when the oldest unread one was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage.frames import LagItem
from lineage.history import frame_at
from lineage.lag import Passed, written
from lineage.observations import RecordAt
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.world import T0

YEAR = 31_536_000_000


def item() -> LagItem:
    return frame_at(None).lag[0]


def looked(offset: int, found: int | None, upto: int, stamp: int | None = None, kind: str = "") -> list[RecordAt]:
    return [RecordAt("orders", 0, offset, found, upto, stamp, kind)]


def begin(tape: Tape, end: int, committed: int) -> None:
    for o in (w.topics(T0, "orders"), w.groups(T0, "audit"), w.members(T0, "audit", "one")):
        tape.take(o)
    tape.take(w.frame(T0, {"orders": end}, {"audit": {"orders": committed}}))
    tape.cut(T0 + 100)


def test_offsets_without_records_are_nothing_to_read_and_stay_so(tape: Tape, data_dir: Path) -> None:
    begin(tape, 110, 100)
    assert (item().lag, item().unread) == (10, 10)
    tape.take(w.frame(T0 + 2000, {"orders": 110}, records=looked(100, None, 110)))
    tape.cut(T0 + 2100)
    assert (item().lag, item().unread, item().verdict) == (10, 0, "ok")
    tape.close()
    again = Tape(w.config(), data_dir)
    again.take(w.frame(T0 + 4000, {"orders": 113}))
    again.cut(T0 + 4100)
    again.close()
    assert (item().lag, item().unread) == (13, 3)


def test_a_single_record_that_is_not_read_is_one_after_a_restart_too(tape: Tape, data_dir: Path) -> None:
    begin(tape, 101, 100)
    tape.take(w.frame(T0 + 2000, {"orders": 101}, records=looked(100, 100, 101)))
    tape.take(w.frame(T0 + 600_000, {"orders": 101}))
    tape.cut(T0 + 600_100)
    assert item().verdict == "stalled"
    tape.close()
    again = Tape(w.config(), data_dir)
    again.take(w.frame(T0 + 605_000, {"orders": 101}))
    again.cut(T0 + 605_100)
    again.close()
    assert item().verdict == "stalled"


def test_a_record_older_than_the_tape_tells_since_when_by_its_own_time(tape: Tape) -> None:
    begin(tape, 110, 100)
    assert item().time_lag is None
    tape.take(w.frame(T0 + 2000, {"orders": 110}, records=looked(100, 104, 110, T0 - 60_000, "append")))
    tape.cut(T0 + 2100)
    assert (item().time_lag, item().time_lag_error, item().unread) == (62.0, 0.0, 6)


def test_a_topic_made_anew_knows_nothing_of_the_old_ones_gaps(tape: Tape) -> None:
    begin(tape, 110, 100)
    tape.take(w.frame(T0 + 1000, {"orders": 110}, records=looked(100, None, 110)))
    tape.take(w.frame(T0 + 2000, {"orders": 5}, {"audit": {"orders": 2}}))
    tape.take(w.frame(T0 + 3000, {"orders": 110}, {"audit": {"orders": 100}}))
    tape.cut(T0 + 3100)
    assert item().unread == 10


@pytest.mark.parametrize(
    ("stamp", "kind", "found"),
    [
        (T0 - 5000, "append", Passed(T0 - 5000, 0.0)),
        (T0 - 5000, "create", Passed(T0 - 5000, 1.0)),
        (0, "create", None),  # 1970
        (T0 + YEAR, "create", None),
        (-1, "", None),
        (None, "append", None),
    ],
)
def test_which_timestamps_are_trusted(stamp: int | None, kind: str, found: Passed | None) -> None:
    assert written(stamp, kind, T0) == found


def test_a_position_that_is_new_is_judged_with_what_was_looked_at_in_the_same_frame(tape: Tape) -> None:
    begin(tape, 110, 110)
    tape.take(w.frame(T0 + 2000, {"orders": 114}, {"audit": {"orders": 113}}, records=looked(113, None, 114)))
    tape.cut(T0 + 2100)
    assert (item().lag, item().unread, item().time_lag) == (1, 0, 0.0)
    found = looked(113, 115, 116, T0 + 3500, "append")
    tape.take(w.frame(T0 + 4000, {"orders": 116}, records=found))
    tape.cut(T0 + 4100)
    assert (item().unread, item().time_lag, item().time_lag_error) == (1, 0.5, 0.0)


@pytest.mark.parametrize(("kind", "stated"), [("append", (0.5, 0.0)), ("create", (0.95, 1.0))])
def test_a_producers_time_does_not_overrule_what_was_seen(tape: Tape, kind: str, stated: tuple[float, float]) -> None:
    begin(tape, 110, 110)
    found = looked(110, 110, 111, T0 + 1500, kind)
    tape.take(w.frame(T0 + 2000, {"orders": 111}, records=found))
    tape.cut(T0 + 2100)
    assert (item().time_lag, item().time_lag_error) == stated
