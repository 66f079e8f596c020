"""The written histories judged by our rules and by Burrow's, and where they differ.

``python -m bench.verdicts``: a Markdown table. Burrow's rules are those that its wiki and its source publish
(core/internal/evaluator/caching.go), in our words: a partition's last ten commits, each with the lag at its moment,
and its last ten log ends. A group's status is its worst partition's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tests.lineage.histories import HISTORIES, History, at, last

KEPT = 10  # commits that Burrow looks at
ORDER = ("OK", "WARN", "STALL", "STOP", "REWIND")
SAME = {
    "ok": "OK", "unknown": "OK", "catching_up": "OK", "falling_behind": "WARN", "stalled": "STALL", "stopped": "STOP",
    "rewound": "REWIND",
}  # fmt: skip


@dataclass(frozen=True)
class Committed:
    """One commit as Burrow keeps it; ``at`` in seconds."""

    at: float
    offset: int
    lag: int


def status(commits: list[Committed], ends: list[int], lag: int, now: float, allowed: int = 0) -> str:
    """What Burrow says of one partition."""
    if not commits or lag <= allowed:
        return "OK"
    first, newest = commits[0], commits[-1]
    if now - newest.at > newest.at - first.at and not any(e <= newest.offset for e in ends):
        return "STOP"
    back = next((i for i in range(1, len(commits)) if commits[i].offset < commits[i - 1].offset), None)
    if back and not any(c.offset >= commits[back - 1].offset for c in commits[back:]):
        return "REWIND"
    if any(c.lag <= allowed for c in commits):
        return "OK"
    if len({c.offset for c in commits}) == 1:
        return "STALL"
    return "OK" if any(b.lag < a.lag for a, b in pairwise(commits)) else "WARN"


def of_partition(h: History, part: int) -> str:
    """The commits that Burrow would have met in this history, judged at its last moment."""
    curve = h.ends[part]
    if h.commits:
        times = [t for t, _ in h.commits[part] if t <= h.until]
    else:
        times = [n * h.every for n in range(int(h.until // h.every) + 1)]
        moved = [t for t in times if t == 0 or h.committed(part, t) != h.committed(part, t - h.every)]
        times = times if h.recommits else moved
    known = [(t, h.committed(part, t) or 0) for t in times][-KEPT:]
    commits = [Committed(t, o, max(0, at(curve, t) - o)) for t, o in known]
    count, apart = h.looks
    ends = [at(curve, h.until - n * apart) for n in range(count) if h.until >= n * apart]
    newest = commits[-1].offset if commits else 0
    return status(commits, ends, max(0, at(curve, h.until) - newest), h.until, h.allowed)


def burrow(h: History) -> str:
    """What Burrow says of the group."""
    return max((of_partition(h, p) for p in range(len(h.ends))), key=ORDER.index)


def main() -> None:
    """Prints the table and how often they differ."""
    print("| history | right | ours | Burrow | why ours is right |\n|---|---|---|---|---|")
    wrong = differ = 0
    for h in HISTORIES:
        ours, theirs = last(h).verdict, burrow(h)
        wrong, other = wrong + (ours != h.expect), SAME.get(ours) != theirs
        differ += other
        print(f"| {h.name} | {h.expect} | {ours} | {theirs} | {h.why if other else ''} |")
    print(f"\n{len(HISTORIES)} histories: {wrong} judged wrong by our rules; Burrow's rules differ in {differ}.")


if __name__ == "__main__":
    main()
