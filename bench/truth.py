"""Playhead's time lag beside the truth, on Apache Kafka, case by case.

  KAFKA_LIBS=DIR python -m bench.truth [--seconds 150] [--every 3] [--groups 4] [--port PORT] [--cases steady,quiet]

Threads write and commit, and keep the book: the broker's own append time of each record (where producers set the time:
between sending and acknowledgement), and each commit once it was acknowledged. Groups commit without reading. The
follower and the ingest run beside them; each case has several groups, each at another point of its course. ``inside``:
samples whose stated interval holds the book's time lag at the sample's moment; ``as sampled``: for the position that
the follower had then, so that what is left is the model of time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench._truth_cases import CASES, STEPS, Book, Group, Record
from collectors.base import Budget, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.follower import Follower
from collectors.kafka.topology import Topology
from lineage.config import ClusterConfig, Every, parse
from lineage.ingest import Ingest
from lineage.lag import time_lag
from lineage.observations import Ms, PositionsFrame
from tests.contracts import brokers

QUICK_CLEANER = "log.cleaner.backoff.ms=500\n"
AHEAD = 37  # steps between two groups of a case
LATE: Ms = 500  # from the positions of a frame to its log starts, at most
ROUNDED = 0.002  # seconds: figures are whole ms


class Sample(NamedTuple):
    """What was stated of a case at a moment, in seconds, and what was true; spans are of least and most."""

    case: str
    at: Ms
    stated: float | None
    error: float | None
    true: tuple[float, float]
    as_sampled: tuple[float, float]

    def inside(self, span: tuple[float, float]) -> bool:
        if self.stated is None or self.error is None:
            return False
        return self.stated - self.error - ROUNDED <= span[1] and span[0] <= self.stated + self.error + ROUNDED

    @property
    def off(self) -> float:
        return abs((self.stated or 0.0) - sum(self.true) / 2)


class Driver(threading.Thread):
    """Writes and commits for one group of each case, ``ahead`` steps on; never waited for by who watches."""

    def __init__(self, groups: Sequence[Group], seconds: float, ahead: int) -> None:
        super().__init__()
        self._groups, self._seconds, self._ahead = groups, seconds, ahead
        self.failed: BaseException | None = None

    def run(self) -> None:
        began = time.monotonic()
        try:
            while (passed := time.monotonic() - began) < self._seconds:
                for group in self._groups:
                    CASES[group.case].step(group, round(passed * STEPS) + self._ahead, passed / self._seconds)
                time.sleep(max(0.0, began + passed + 1 / STEPS - time.monotonic()))
        except BaseException as error:
            self.failed = error


class Watching:
    """The follower and the ingest, as in production but in one process."""

    def __init__(self, address: str, every: float) -> None:
        cluster = ClusterConfig("c", address, every=Every(positions=every))
        self._client = KafkaClient("c", address, {})
        self._follower = Follower(cluster, self._client)
        self._topology = Topology(cluster, self._client)
        self._every = every
        self.ingest = Ingest(parse(f"clusters: [{{name: c, bootstrap_servers: '{address}'}}]", "", {}))
        for seen in run(self._topology, Budget(seconds=60)):
            self.ingest.apply(seen)

    def tick(self, until: float) -> PositionsFrame:
        """One frame, applied; then listens until its time is over, as the follower's process does."""
        told = run(self._follower, Budget(seconds=60))
        for seen in told:
            self.ingest.apply(seen)
        frame = next((o for o in told if isinstance(o, PositionsFrame)), None)
        if frame is None:
            raise RuntimeError(f"no positions: {told}")
        while (left := until - time.monotonic()) > 0:
            if not self._follower.positions.listen(min(left, 0.5)):
                time.sleep(min(left, 0.5))
        return frame

    def close(self) -> None:
        self._follower.close()
        self._client.close()


class Stated(NamedTuple):
    """As the ingest had it after a frame."""

    group: Group
    at: Ms
    position: int
    time_lag: float | None
    error: float | None


def measure(address: str, cases: Sequence[str], seconds: float, every: float, copies: int = 1) -> list[Sample]:
    """Runs the cases together, each with so many groups. Raises what a case failed with."""
    sets = [[Group(address, case, CASES[case].config) for case in cases] for _ in range(copies)]
    groups = [group for each in sets for group in each]
    with ThreadPoolExecutor(len(groups)) as pool:
        list(pool.map(lambda g: CASES[g.case].before(g), groups))
    watching, stated = Watching(address, every), list[Stated]()
    drivers = [Driver(each, seconds, n * AHEAD) for n, each in enumerate(sets)]
    try:
        for driver in drivers:
            driver.start()
        while any(driver.is_alive() for driver in drivers):
            frame = watching.tick(time.monotonic() + every)
            stated += _stated(watching.ingest, groups, frame.at)
    finally:
        for driver in drivers:
            driver.join()
        watching.close()
        for group in groups:
            group.close()
    for failed in (driver.failed for driver in drivers if driver.failed):
        raise failed
    return sorted((_sample(s) for s in stated), key=lambda s: cases.index(s.case))


def _stated(ingest: Ingest, groups: Sequence[Group], at: Ms) -> list[Stated]:
    tracks, found = ingest.facts.cluster("c").meter.tracks, list[Stated]()
    for g in groups:
        track = tracks.get((g.group, g.topic))
        if track is None or track.row is None or 0 not in track.parts:
            continue
        row = track.row
        behind, error = time_lag(row.lag, row.unread, row.behind_since, row.error, at)
        found.append(Stated(g, at, track.parts[0].committed, behind, error))
    return found


def _sample(s: Stated) -> Sample:
    book = s.group.book
    position = book.committed(s.at)
    true = _true(book, s.at, s.position if position is None else position)
    return Sample(s.group.case, s.at, s.time_lag, s.error, true, _true(book, s.at, s.position))


def _true(book: Book, at: Ms, position: int) -> tuple[float, float]:
    """Seconds, least and most: a log's start is asked for after the positions, and may have moved by then."""
    spans = [_span(at, book.oldest(at, position)), _span(at, book.oldest(at, position, LATE))]
    return min(least for least, _ in spans), max(most for _, most in spans)


def _span(at: Ms, oldest: Record | None) -> tuple[float, float]:
    if oldest is None:
        return 0.0, 0.0
    least = at if oldest.acked > at else oldest.high  # one that is being written may not be there yet
    return max(0, at - least) / 1000, (at - oldest.low) / 1000


def table(samples: Sequence[Sample]) -> str:
    """A line for each case; seconds."""
    head = f"{'case':18} samples unknown  inside as sampled  median   worst  negative"
    return "\n".join(
        [head, *(_line(c, [s for s in samples if s.case == c]) for c in dict.fromkeys(s.case for s in samples))]
    )


def _line(case: str, samples: Sequence[Sample]) -> str:
    known = [s for s in samples if s.stated is not None]
    most = max(1, len(known))
    true, model = (
        sum(s.inside(span) for s, span in ((s, getattr(s, n)) for s in known)) for n in ("true", "as_sampled")
    )
    off = [s.off for s in known] or [0.0]
    return (
        f"{case:18} {len(samples):7} {len(samples) - len(known):7} {true / most:7.1%} {model / most:10.1%} "
        f"{median(off):7.3f} {max(off):7.3f} {sum((s.stated or 0) < 0 for s in known):9}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--every", type=float, default=3.0, help="between two samples")
    parser.add_argument("--groups", type=int, default=4, help="of each case")
    parser.add_argument("--port", type=int)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--all", action="store_true", help="print each sample that lies outside")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="truth-") as work,
        brokers.apache(Path(work), QUICK_CLEANER, args.port) as address,
    ):
        samples = measure(address, args.cases.split(","), args.seconds, args.every, args.groups)
    print(table(samples))
    for s in samples if args.all else ():
        if s.stated is not None and not s.inside(s.true):
            print(s.case, s.at, s.stated, s.error, "true", s.true, "as sampled", s.as_sampled)
    print("load", os.getloadavg())


if __name__ == "__main__":
    main()
