"""When a rule would have fired on what was recorded, before it is saved: as an evaluation would have told it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from dashboard.alerts.machine import Incident, advance
from lineage import history
from lineage.conditions import Definition
from lineage.minutes import MINUTE_MS
from lineage.observations import Ms
from lineage.runs import Run

DAY_MS = 86_400_000
PIECES, MOST_MS = 10, 3 * DAY_MS  # between two words on how far it is: each costs queries, and a long one memory
MOST_INCIDENTS = 5_000
GAP_MS = 3 * MINUTE_MS  # minutes further apart than this are a gap


@dataclass
class Backtest:
    """``incidents`` that fired, in order; ``curve``: the worst value in each step, None where it is not known.

    ``gaps``: where nothing was recorded. ``left_out`` counts incidents beyond the most that are kept. ``holds``: how
    often it would have fired if it had to hold for so many seconds.
    """

    start: Ms
    end: Ms
    done: float = 0.0
    incidents: list[Incident] = field(default_factory=list)
    curve: list[tuple[Ms, float | None]] = field(default_factory=list)
    gaps: list[tuple[Ms, Ms]] = field(default_factory=list)
    minutes: int = 0
    left_out: int = 0
    holds: dict[float, int] = field(default_factory=dict)

    @property
    def fired(self) -> int:
        """How often it would have fired."""
        return len(self.incidents) + self.left_out

    @property
    def firing(self) -> float:
        """Seconds in all during which something would have fired."""
        spans = sorted((i.fired, i.resolved or self.end) for i in self.incidents if i.fired is not None)
        total, reached = 0, self.start
        for begin, end in spans:
            total += max(0, end - max(begin, reached))
            reached = max(reached, end)
        return total / 1000


@dataclass
class _Other:
    """The same condition, held for another time."""

    asked: Definition
    found: Backtest
    held: dict[str, Incident] = field(default_factory=dict)


def backtest(
    asked: Definition, start: Ms, end: Ms, points: int = 300, holds: Iterable[float] = ()
) -> Iterator[Backtest]:
    """The same Backtest again and again, a day to three further each time; whole when ``done`` is 1.

    ``holds``: other seconds for which it might have to hold, to be counted beside.
    """
    found, held, last = Backtest(start, end), dict[str, Incident](), start
    others = [_Other(replace(asked, wait=wait), Backtest(start, end)) for wait in holds]
    step = max(MINUTE_MS, -(-(end - start) // max(1, points)) // MINUTE_MS * MINUTE_MS)
    piece = min(MOST_MS, max(DAY_MS, (end - start) // PIECES))
    for begin in range(start, max(end, start + 1), piece):
        until = min(begin + piece, end)
        with history.minutes(begin, until) as minutes:
            recorded = minutes.recorded
            runs, curve = minutes.with_curve(asked, step)
            held = _step(found, held, runs, recorded, asked)
            for other in others:
                other.held = _step(other.found, other.held, runs, recorded, other.asked)
            found.curve += curve
        found.minutes += len(recorded)
        found.gaps += _gaps([last, *recorded])
        last = recorded[-1] if recorded else last
        found.done = (until - start) / max(1, end - start)
        yield found
    found.gaps += _gaps([last, end])
    _keep(found, held.values())
    for other in others:
        _keep(other.found, other.held.values())
        found.holds[other.asked.wait] = other.found.fired
    found.incidents.sort(key=lambda i: (i.fired or 0, i.subject))
    found.done = 1.0
    yield found


def _step(
    found: Backtest, held: Mapping[str, Incident], runs: Sequence[Run], minutes: Sequence[Ms], asked: Definition
) -> dict[str, Incident]:
    """What is still open after these minutes; what is over is kept."""
    by: Mapping[str, list[Run]] = defaultdict(list)
    for run in runs:
        by[run.subject].append(run)
    after: dict[str, Incident] = {}
    for subject in sorted(by.keys() | held.keys()):
        for incident in advance(held.get(subject), by.get(subject, ()), minutes, asked):
            if incident.resolved is None:
                after[subject] = incident
            else:
                _keep(found, [incident])
    return after


def _keep(found: Backtest, incidents: Iterable[Incident]) -> None:
    for incident in incidents:
        if incident.fired is None:
            continue
        if len(found.incidents) < MOST_INCIDENTS:
            found.incidents.append(incident)
        else:
            found.left_out += 1


def _gaps(minutes: Sequence[Ms]) -> list[tuple[Ms, Ms]]:
    return [(a, b) for a, b in pairwise(minutes) if b - a > GAP_MS]
