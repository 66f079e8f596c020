from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.times import parse_at, parse_step, stamp

NOW = 1_750_000_000_000


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_written_is_the_time_read(ms: int) -> None:
    assert parse_at(stamp(ms), NOW) == ms


def test_live_ago_and_offsets() -> None:
    assert parse_at("live", NOW) is None
    assert parse_at("-15m", NOW) == NOW - 900_000
    assert parse_at("2025-01-01T02:00:00+02:00", NOW) == parse_at("2025-01-01T00:00:00Z", NOW)
    assert parse_at("2025-01-01T02:00:00 02:00", NOW) == parse_at("2025-01-01T00:00:00Z", NOW)  # a + lost in a URL


@pytest.mark.parametrize(
    "word", ["now", "2025-01-01T00:00:00", "2025", "-5x", "-", "99999-01-01T00:00:00Z", "-999999999d"]
)
def test_what_is_no_time_is_said(word: str) -> None:
    with pytest.raises(ValueError):
        parse_at(word, NOW)


def test_steps() -> None:
    assert [parse_step(w) for w in ("10s", "1m", "15", "500ms")] == [10_000, 60_000, 15_000, 500]
    with pytest.raises(ValueError):
        parse_step("0s")
