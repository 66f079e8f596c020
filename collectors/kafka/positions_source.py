"""Where committed offsets come from at this moment: followed, or swept where following is refused or blind."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from collectors.base import Budget, CollectorError, now_ms
from collectors.kafka import listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import grant
from collectors.kafka.listing import OFFSETS_TOPIC
from collectors.kafka.offsets_reader import OffsetsReader
from collectors.kafka.offsets_topic import OffsetRecord, partition_of
from collectors.kafka.positions import Swept, sweep
from collectors.kafka.table import Positions, triples
from lineage.config import ClusterConfig
from lineage.observations import Group, Ms

log = logging.getLogger(__name__)
RECONCILE_SECONDS = 300.0
# A follower that has seen nothing yet is tested by sweeping so many groups each tick.
SAMPLE = 500
# Sweeping alone asks more groups than this in turns, those that move every time.
EVERY_TICK = 5000
HELD_SECONDS = 15.0
MANY = 1000
BLIND = f"sweeping only: {OFFSETS_TOPIC} stays silent while positions move"


class PositionsSource:
    """The table of positions and how good it is. All times monotonic but ``swept_at`` and ``true_at`` (ms UTC).

    ``true_at``: what was acknowledged by then is in the table; of what came later, only what a sweep brought.
    """

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.table = Positions()
        self.swept_at: Ms = 0
        self.true_at: Ms = 0
        self.complete = False
        self.stale: dict[str, str] = {}
        self.error: str | None = None
        self._config, self._client = config, client
        self._reader: OffsetsReader | None = None
        self._why_swept = ""
        self._needs_read: list[str] = []
        self._needs_sweep: list[str] = []
        self._remarks: list[str] = []
        self._tried = self._reconciled = float("-inf")
        self._suspicious = self._blind_told = False
        self._turn = 0
        self._moving: set[str] = set()
        self._listing_note = self._held_note = ""

    @property
    def method(self) -> str:
        """ "followed" or "swept"."""
        return "followed" if self._reader else "swept"

    @property
    def note(self) -> str:
        """What a reader of the Collectors page should know, in sentences."""
        parts = [self._why_swept if not self._reader else "", self._held_note, self._listing_note, *self._remarks]
        return "; ".join(p for p in parts if p)

    @property
    def needs(self) -> list[str]:
        """Rights that were refused."""
        return sorted({*self._needs_read, *self._needs_sweep})

    def bring_up_to_date(self, budget: Budget) -> dict[tuple[str, int], int]:
        """Makes the table true as of now; returns the leaders of all partitions. Raises CollectorError."""
        leaders, self.true_at = listing.leaders(self._client, budget), 0
        if self._reader is None and time.monotonic() - self._tried >= self._retry_after(leaders):
            self._begin(leaders, budget)
        if time.monotonic() - self._reconciled >= RECONCILE_SECONDS:
            self._reconcile(budget)
        elif self._reader is not None:
            self._follow(self._reader, budget)
        else:
            self._sweep_in_turns(budget)
        self.true_at = self.true_at or now_ms()
        return leaders

    def listen(self, seconds: float) -> bool:
        """Follows between two ticks. False where there is nothing to follow."""
        if self._reader is None:
            return False
        try:
            self._reader.read(seconds, self._apply)
        except CollectorError as error:
            self._refused(error)
        return True

    def close(self) -> None:
        """Ends the follower's consumer."""
        self._stop_following("")

    # -- following

    def _retry_after(self, leaders: dict[tuple[str, int], int]) -> float:
        waits_for_topic = self._why_swept.startswith("sweeping until")
        return 0.0 if waits_for_topic and (OFFSETS_TOPIC, 0) in leaders else RECONCILE_SECONDS

    def _begin(self, leaders: dict[tuple[str, int], int], budget: Budget) -> None:
        self._tried, self._suspicious = time.monotonic(), False
        if (OFFSETS_TOPIC, 0) not in leaders:
            self._why_swept = f"sweeping until {OFFSETS_TOPIC} can be seen"
            return
        try:
            self._reader = OffsetsReader(self._client, leaders, budget)
            self._why_swept, self._needs_read = "", []
            self._reader.read(0.5, self._apply)  # a missing right shows now, not a tick later
        except CollectorError as error:
            self._refused(error)
        self._reconciled = float("-inf")

    def _refused(self, error: CollectorError) -> None:
        self._stop_following(f"sweeping only: {error}" + (f" ({error.remedy})" if error.remedy else ""))
        self._needs_read = error.needs

    def _stop_following(self, why: str) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._why_swept, self.true_at = None, why, 0
        if why == BLIND:
            self._tell_blind()
        elif why:
            log.warning("%s: %s", self._config.name, why)

    def _tell_blind(self) -> None:
        """Once: such a broker stays so, nothing is lost by it, and following is tried again every few minutes."""
        if not self._blind_told:
            log.info("%s: %s; every tick asks for them instead", self._config.name, BLIND)
        self._blind_told = True

    def _apply(self, record: OffsetRecord, at: Ms) -> None:
        group, topic, partition, offset = record
        if not (self._config.wants_topic(topic) and self._config.wants_group(group)):
            return
        if offset is None:
            self.table.end(group, topic, partition)
        else:
            self.table.commit(group, topic, partition, offset, at)

    def _follow(self, reader: OffsetsReader, budget: Budget) -> None:
        try:
            self.true_at = reader.catch_up(self._apply, budget)
        except CollectorError as error:
            self._refused(error)
            self._reconcile(budget)
            return
        if reader.lost or reader.behind:
            self._replace_reader(reader, budget)
            return
        if reader.seen == 0 and self._is_blind(reader, budget):
            self._reconcile(budget)
            return
        self._sweep_held_back(reader, budget)

    def _replace_reader(self, reader: OffsetsReader, budget: Budget) -> None:
        why = "its place in the topic was lost" if reader.lost else "it fell behind"
        self._stop_following(f"sweeping for now: {why}")
        self._begin(listing.leaders(self._client, budget), budget)
        self._reconcile(budget)

    def _is_blind(self, reader: OffsetsReader, budget: Budget) -> bool:
        groups = self._list(budget)
        groups.sort(key=lambda g: g.state == "Empty")
        moved, _ = self._sweep((g.id for g in groups[:SAMPLE]), budget)
        return self._judge(reader, moved)

    def _judge(self, reader: OffsetsReader, moved: int) -> bool:
        """Twice a sweep saw what the follower did not: it is blind."""
        if reader.seen or not moved:
            return False
        if not self._suspicious and (reader.ever_written or not len(self.table)):
            self._suspicious = True
            return False
        self._stop_following(BLIND)
        return True

    def _sweep_held_back(self, reader: OffsetsReader, budget: Budget) -> None:
        held = reader.held_back(HELD_SECONDS)
        self._held_note, self.stale = "", {}
        if not held:
            return
        count = len(reader.partitions)
        groups = [g for g in self.table.groups() if partition_of(g, count) in held]
        _, done = self._sweep(groups, budget)
        self._take_failures(done)
        self._held_note = (
            f"an open transaction holds back {len(held)} partitions of {OFFSETS_TOPIC}: {len(groups)} groups are swept"
        )

    # -- sweeping

    def _list(self, budget: Budget) -> list[Group]:
        listed = listing.list_groups(self._client, budget)
        self._listing_note = listed.note
        return [g for g in listed.groups if g.type != "share" and self._config.wants_group(g.id)]

    def _reconcile(self, budget: Budget) -> None:
        """Sweeps all groups; ends positions of groups that are gone where the listing lacks nothing."""
        asked_at = now_ms()
        groups = {g.id for g in self._list(budget)}
        hidden = [h for ask in (listing.hidden_topics, listing.hidden_groups) if (h := ask(self._client, budget))]
        self._needs_sweep = hidden
        self._remarks = [grant(h, self._client.bootstrap_servers, self._client.principal) for h in hidden]
        first = self.swept_at == 0
        moved, done = self._sweep(groups, budget, keep_missing=bool(hidden))
        self._take_failures(done)
        self.complete = not hidden and not done.failed and not self._listing_note
        if self.complete:
            moved += self._end_missing(groups)
        self.swept_at, self._reconciled = asked_at, time.monotonic()
        if self._reader is not None:
            self._after_sweep(self._reader, moved, first, budget)

    def _after_sweep(self, reader: OffsetsReader, moved: int, first: bool, budget: Budget) -> None:
        try:
            self.true_at = reader.catch_up(self._apply, budget)
        except CollectorError as error:
            self._refused(error)
            return
        if not reader.ever_written and not reader.seen and len(self.table):
            self._stop_following(BLIND)
        elif not first:
            self._judge(reader, moved)

    def _sweep_in_turns(self, budget: Budget) -> None:
        asked_at = now_ms()
        groups = self._list(budget)
        if len(groups) <= EVERY_TICK:
            chosen = [g.id for g in groups]
        else:
            busy = {g.id for g in groups if g.state != "Empty"} | self._moving
            quiet = sorted(g.id for g in groups if g.id not in busy)
            self._turn %= max(1, len(quiet))
            chosen = [*busy, *quiet[self._turn : self._turn + EVERY_TICK]]
            self._turn += EVERY_TICK
        _, done = self._sweep(chosen, budget, keep_missing=bool(self._needs_sweep))
        self._take_failures(done)
        if len(chosen) == len(groups):
            self.swept_at = asked_at
            if self.complete and not done.failed:
                self._end_missing({g.id for g in groups})

    def _sweep(self, groups: Iterable[str], budget: Budget, keep_missing: bool = False) -> tuple[int, Swept]:
        moving: set[str] = set()
        moved = 0

        def take(group: str, positions: list[object]) -> None:
            nonlocal moved
            found = list(triples(positions, self._config.wants_topic))
            changed = self.table.merge(group, found) if keep_missing else self.table.replace(group, found)
            moved += changed
            if changed:
                moving.add(group)

        done = sweep(self._client, groups, take, budget)
        self._moving = moving if len(moving) < EVERY_TICK else set()
        return moved, done

    def _end_missing(self, groups: set[str]) -> int:
        return sum(self.table.replace(g, ()) for g in [g for g in self.table.groups() if g not in groups])

    def _take_failures(self, done: Swept) -> None:
        self.stale, self.error = {}, None
        if not done.failed:
            return
        first = self._client.error(next(iter(done.failed.values())), "asking for committed offsets")
        self.error = f"{len(done.failed)} of {done.groups} groups gave no committed offsets: {first}"
        self._needs_sweep = sorted({*self._needs_sweep, *first.needs})
        if first.remedy:
            self._remarks = [first.remedy]
        if self._reader is None or self._held_note:
            self.stale = {g: str(first) for g in list(done.failed)[:MANY]}
