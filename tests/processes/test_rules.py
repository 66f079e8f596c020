"""When children start again and in which order they end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.processes.output import LONGEST_LINE, Lines, printable
from dashboard.processes.rules import KILL_AFTER, STOP_ORDER, Backoff, is_hurry, must_kill, stages_to_end


def test_a_child_that_fails_again_and_again_waits_longer_up_to_half_a_minute() -> None:
    state, delays = Backoff(), []
    for _ in range(9):
        state = state.after(lived=0.1)
        delays.append(state.delay)
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_child_that_lived_long_starts_again_at_once() -> None:
    assert Backoff(failures=20).after(lived=3600).delay == 0.5


def test_stages_end_one_after_another() -> None:
    assert stages_to_end(0, STOP_ORDER) == {"demo"}
    assert stages_to_end(0.1, ["web", "recorder", "servers"]) == {"web"}
    assert stages_to_end(0.2, ["servers"]) == {"servers"}


def test_a_stage_that_does_not_end_holds_up_the_next_only_for_a_while() -> None:
    assert stages_to_end(3, ["web", "workers", "recorder"]) == {"web", "workers"}
    assert stages_to_end(7.5, STOP_ORDER) == set(STOP_ORDER)


@given(st.floats(0, 10), st.sets(st.sampled_from(list(STOP_ORDER))))
def test_somebody_alive_is_always_being_ended_and_servers_outlive_their_users(elapsed: float, alive: set[str]) -> None:
    due = stages_to_end(elapsed, alive)
    assert bool(due & alive) == bool(alive)
    if elapsed < STOP_ORDER["servers"] and alive - {"servers"}:
        assert "servers" not in due


def test_the_rest_is_killed_within_the_ten_seconds_promised() -> None:
    assert KILL_AFTER <= 8
    assert not must_kill(7.9, hurry=False)
    assert must_kill(8.0, hurry=False)
    assert must_kill(0.0, hurry=True)


def test_one_ctrl_c_that_arrives_twice_is_one() -> None:
    assert not is_hurry(0.05)
    assert is_hurry(1.5)


@given(st.lists(st.binary(max_size=50)))
def test_lines_come_out_as_they_went_in_however_they_are_cut(chunks: list[bytes]) -> None:
    lines, whole = Lines(), b"".join(chunks)
    out = [line for chunk in chunks for line in lines.feed(chunk)] + lines.end()
    expected = [part.rstrip(b"\r").decode("utf-8", "replace") for part in whole.split(b"\n")]
    assert out == (expected[:-1] if whole.endswith(b"\n") or not whole else expected)


def test_an_endless_line_is_cut_and_the_next_one_is_whole() -> None:
    lines = Lines()
    shown = lines.feed(b"x" * (LONGEST_LINE + 1)) + lines.feed(b"y" * 5 * LONGEST_LINE) + lines.feed(b"\nnext\n")
    assert [len(line) for line in shown] == [LONGEST_LINE + 2, 4]
    assert shown[1] == "next"


def test_names_from_a_cluster_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b]0;evil\x07b") == "a\\x1b]0;evil\\x07b"
