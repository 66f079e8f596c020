"""Reading from a broker that does not hold fetches back.

Apache Kafka answers a fetch when there is a record, or after half a second. A broker that answers at once is asked
again at once, thousands of times a second by each idle consumer. Before such a broker a consumer stays paused, asks a
few times a second where the logs end, and fetches only what it then knows to be there.
"""

from __future__ import annotations

import threading
import time

from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

ASK_EVERY_SECONDS = 0.2
FETCH_SECONDS = 2.0  # at most, for what is known to be there
ASK_TIMEOUT = 3.0
Place = tuple[str, int]


class Gate:
    """Opens when there is something to read; closes when it is read, or does not come."""

    def __init__(self, consumer: Consumer, stopping: threading.Event) -> None:
        self._consumer, self._stopping = consumer, stopping
        self._seen: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}
        self._open_until = 0.0
        self._paused = False

    def assigned(self, partitions: list[TopicPartition]) -> None:
        """A new assignment begins unpaused; what is there is read from the committed positions on."""
        self._seen, self._ends, self._paused = {}, {}, False
        for partition in self._consumer.committed(partitions, ASK_TIMEOUT):
            self._seen[partition.topic, partition.partition] = max(partition.offset, 0)

    def read(self, message: Message) -> None:
        self._seen[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1

    @property
    def poll_seconds(self) -> float:
        return 0.0 if self._paused else 0.1

    def turn(self) -> None:
        """Called after each poll: does nothing while there is more to read, else rests and asks."""
        if self._more() and time.monotonic() < self._open_until:
            return
        try:
            self._turn()
        except KafkaException:  # the broker is away, or the group is being balanced: the next turn asks again
            self._stopping.wait(ASK_EVERY_SECONDS)

    def _more(self) -> bool:
        return any(self._seen.get(place, 0) < end for place, end in self._ends.items())

    def _turn(self) -> None:
        self.rest(ASK_EVERY_SECONDS, resume=False)
        self._seen.update({place: max(end, self._seen.get(place, 0)) for place, end in self._ends.items()})
        mine = self._consumer.assignment()
        if mine:
            asked = [TopicPartition(p.topic, p.partition, OFFSET_END) for p in mine]
            found = self._consumer.offsets_for_times(asked, ASK_TIMEOUT)
            self._ends = {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}
        if self._more():
            self._resume()
            self._open_until = time.monotonic() + FETCH_SECONDS

    def rest(self, seconds: float, resume: bool = True) -> None:
        """Fetch nothing for so long."""
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        self._stopping.wait(seconds)
        if resume:
            self._resume()

    def _resume(self) -> None:
        self._consumer.resume(self._consumer.assignment())
        self._paused = False
