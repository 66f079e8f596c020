"""What of a cluster's meter goes into the lake with a tick: what moved, or, in a keyframe, everything. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lineage.meter import Meter

Row = tuple[object, ...]
NOTHING_UNREAD = 0.0  # the error of a position that is behind since never: what lies after it are no records


def log_rows(meter: Meter, keyframe: bool, number: Callable[[str], int]) -> Iterator[Row]:
    """Log start and end of partitions; ``number`` is the lake's for a topic."""
    if keyframe:
        wanted = {(t, p) for t, parts in meter.logs.items() for p in parts}
    else:
        wanted = {(t, p) for t, p in meter.moved_logs if p in meter.logs.get(t, ())}
    meter.moved_logs.clear()
    for topic, part in sorted(wanted):
        found = meter.logs[topic][part]
        yield number(topic), part, found.start, found.end, found.seen_at


def position_rows(meter: Meter, keyframe: bool, pair: Callable[[str, str], tuple[int, int]]) -> Iterator[Row]:
    """Positions that ended, then those that stand; ``pair`` gives the lake's numbers of a group and a topic."""
    tracks = meter.tracks
    if keyframe:
        wanted = {(*names, p) for names, track in tracks.items() for p in track.parts}
    else:
        wanted = {k for k in meter.moved_positions if (t := tracks.get(k[:2])) and k[2] in t.parts}
    meter.moved_positions.clear()
    for group, topic, part in sorted(meter.ended):
        if (group, topic) not in tracks or part not in tracks[group, topic].parts:
            yield *pair(group, topic), part, None, None, None, None, None
    for group, topic, part in sorted(wanted):
        p, log = tracks[group, topic].parts[part], meter.logs.get(topic, {}).get(part)
        nothing = log is not None and log.end is not None and not log.unread(p.committed)
        behind = p.passed or (None, NOTHING_UNREAD if nothing else None)
        yield *pair(group, topic), part, p.committed, p.committed_at, p.moved_at, *behind


def is_caught_up(behind_since: object, error: object) -> bool:
    """Whether a position's row says that nothing is unread, though offsets may lie after it."""
    return behind_since is None and error == NOTHING_UNREAD
