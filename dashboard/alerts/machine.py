"""From the minutes in which a rule's condition held to alerts: pending, firing, resolved. Pure.

The same function goes on from what is open and looks at the newest minute, or starts from nothing and looks at a year:
what an evaluation tells minute by minute is what a back-test tells of the whole range.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from lineage.conditions import Definition
from lineage.minutes import MINUTE_MS
from lineage.observations import Ms
from lineage.runs import Run


class Incident(NamedTuple):
    """One time that a rule held for a subject. Times are ends of minutes; ``since`` is the begin of the first one.

    ``last`` is the last minute in which it held. Without ``fired`` it is pending, or was over before it could fire.
    """

    subject: str
    since: Ms
    last: Ms
    fired: Ms | None = None
    resolved: Ms | None = None
    value: float | None = None
    what: str = ""


def advance(held: Incident | None, runs: Sequence[Run], minutes: Sequence[Ms], asked: Definition) -> list[Incident]:
    """What becomes of ``held`` (the open one of this subject) and what begins in ``minutes``, the recorded ones.

    ``runs`` of the same subject lie in ``minutes``; both are in order. The last of the answer may still be open.
    """
    out: list[Incident] = []
    for run in runs:
        if held and (over := _ended(held, minutes, run.start, asked)):
            out.append(over)
            held = None
        held = _held(held or Incident(run.subject, run.start - MINUTE_MS, run.start), run, minutes, asked)
    if held:
        out.append(_ended(held, minutes, None, asked) or held)
    return out


def _ended(held: Incident, minutes: Sequence[Ms], until: Ms | None, asked: Definition) -> Incident | None:
    """As it was resolved in a clear minute before ``until``: at once while pending, after ``keep`` when it fired."""
    earliest = held.last + 1 if held.fired is None else max(held.last + 1, held.last + round(asked.keep * 1000))
    n = bisect_left(minutes, earliest)
    if n == len(minutes) or (until is not None and minutes[n] >= until):
        return None
    return held._replace(resolved=minutes[n])


def _held(held: Incident, run: Run, minutes: Sequence[Ms], asked: Definition) -> Incident:
    """As it is at the end of the run."""
    fired = held.fired
    if fired is None:
        n = bisect_left(minutes, max(run.start, held.since + round(asked.wait * 1000)))
        fired = minutes[n] if n < bisect_right(minutes, run.end) else None
    return Incident(held.subject, held.since, run.end, fired, None, _worse(held.value, run.value, asked.op), run.what)


def _worse(a: float | None, b: float | None, op: str) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b) if op == "below" else max(a, b)
