"""Transactional ids: which producer id each has, what is open, and what hangs on partitions.

ListTransactions names every transactional id that a coordinator remembers with its producer id, those at rest too;
DescribeTransactions tells what is open. Both leave out or refuse what the right ``Describe TransactionalId`` is
missing for.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaError
from kafka.errors import IncompatibleBrokerVersion, UnsupportedVersionError

from collectors.base import Budget, CollectorError
from collectors.kafka.client import KafkaClient
from collectors.kafka.listing import PROBE
from lineage.observations import Ms

RIGHT = "Describe TransactionalId *"
REFUSED = KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
UNSUPPORTED = (IncompatibleBrokerVersion, UnsupportedVersionError)  # brokers before Kafka 3.0, and other makes
REMEMBERED = 50_000  # producer ids whose transactional id is kept in mind
DESCRIBED = 500  # open transactions described in one run
# Kafka's default of ``transaction.max.timeout.ms``: no coordinator lets a transaction be open for longer.
LONGEST_MS = 900_000
GRACE_MS = 60_000  # coordinators look for what timed out every ten seconds, and then have to write it


class Active(NamedTuple):
    """A producer id that a partition's leader remembers. ``open_at``: offset where its open transaction begins."""

    topic: str
    partition: int
    producer_id: int
    last_at: Ms
    open_at: int | None = None


class Open(NamedTuple):
    """A transaction that its coordinator knows as open."""

    transactional_id: str
    producer_id: int
    since: Ms
    timeout_ms: int
    partitions: frozenset[tuple[str, int]]


class Hanging(NamedTuple):
    """An open transaction that nobody will end: readers of committed records wait behind it."""

    topic: str
    partition: int
    producer_id: int
    since: Ms
    transactional_id: str | None


@dataclass
class Transactions:
    """One look at all coordinators. ``complete``: none was left out and nothing is hidden from us."""

    named: dict[int, str] = field(default_factory=dict)  # producer id -> transactional id
    open: list[Open] = field(default_factory=list)
    complete: bool = True
    hidden: bool = False
    note: str = ""


class Coordinators:
    """Asks them, and remembers whose a producer id was: an id changes when its epochs are used up."""

    def __init__(self, client: KafkaClient) -> None:
        self._client = client
        self._known: OrderedDict[int, str] = OrderedDict()

    def look(self, budget: Budget) -> Transactions:
        """What they know now, with what they knew before. Raises CollectorError where the cluster is not reached."""
        python = self._client.python
        found = Transactions()
        ongoing: list[str] = []
        for broker in [b.node_id for b in python._manager.cluster.brokers()]:
            budget.spend()
            ongoing += self._list(python, broker, found)
        for producer_id, name in found.named.items():
            self._known[producer_id] = name
            self._known.move_to_end(producer_id)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        found.named = dict(self._known)
        found.open = self._open(self._client.python, ongoing, budget, found)
        found.hidden = found.complete and may_be_hidden(self._client, budget)
        found.complete &= not found.hidden
        return found

    def _list(self, python: Any, broker: int, found: Transactions) -> list[str]:
        try:
            listed = python.list_transactions(broker_ids=[broker])[broker]
        except CollectorError:
            raise
        except UNSUPPORTED:
            found.note = "the brokers list no transactions: who writes by a transactional id stays unknown"
            return []
        except Exception as error:
            self._client.drop_python()
            found.complete = False
            found.note = f"broker {broker} lists no transactions ({type(error).__name__})"
            return []
        found.named |= {t.producer_id: t.transactional_id for t in listed}
        return [t.transactional_id for t in listed if t.state.value == "Ongoing"]

    def _open(self, python: Any, ongoing: list[str], budget: Budget, found: Transactions) -> list[Open]:
        if not ongoing:
            return []
        budget.spend()
        if len(ongoing) > DESCRIBED:
            found.complete = False
            found.note = f"{len(ongoing)} transactions are open; {DESCRIBED} of them are described"
        try:
            return [_opened(t) for t in python._manager.run(_describe, python, ongoing[:DESCRIBED])]
        except Exception as error:
            self._client.drop_python()
            found.complete, found.note = False, f"open transactions are not described ({type(error).__name__})"
            return []


async def _describe(python: Any, names: list[str]) -> list[Any]:
    """kafka-python's own raises for all where one has ended meanwhile."""
    from kafka.protocol.admin.transactions import DescribeTransactionsRequest
    from kafka.protocol.metadata import CoordinatorType

    by_coordinator: dict[int, list[str]] = defaultdict(list)
    for name, broker in (await python._find_coordinator_ids(names, key_type=CoordinatorType.TRANSACTION)).items():
        by_coordinator[broker].append(name)
    answers = [
        await python._manager.send(DescribeTransactionsRequest(transactional_ids=own), node_id=broker)
        for broker, own in by_coordinator.items()
    ]
    return [t for a in answers for t in a.transaction_states if not t.error_code and t.transaction_start_time_ms > 0]


def _opened(raw: Any) -> Open:
    parts = frozenset((t.topic, p) for t in raw.topics for p in t.partitions)
    return Open(raw.transactional_id, raw.producer_id, raw.transaction_start_time_ms, raw.transaction_timeout_ms, parts)


def may_be_hidden(client: KafkaClient, budget: Budget) -> bool:
    """Whether transactional ids may be hidden from us: any broker is asked for one that does not exist.

    No coordinator is looked for: on a cluster without transactions that would make brokers create
    ``__transaction_state``. Raises CollectorError where nobody answers.
    """
    budget.spend()
    try:
        codes: list[int] = client.python._manager.run(_probe, client.python)
    except CollectorError:
        raise
    except UNSUPPORTED:
        return False
    except Exception as error:
        client.drop_python()
        raise client.error(error, "asking for rights") from error
    return REFUSED in codes


async def _probe(python: Any) -> list[int]:
    from kafka.protocol.admin.transactions import DescribeTransactionsRequest

    answer = await python._manager.send(DescribeTransactionsRequest(transactional_ids=[PROBE]))
    return [t.error_code for t in answer.transaction_states]


def hanging(active: Iterable[Active], known: Transactions, at: Ms) -> list[Hanging]:
    """Transactions that are open on a partition and should not be, oldest first.

    One that no coordinator has open there, once it is older than any may be; and one that its coordinator should
    have ended by its own time-out. Nothing is said of the former where not all coordinators answered.
    """
    held = {t.producer_id: t for t in known.open}
    found = [h for a in active if a.open_at is not None and (h := _hangs(a, held.get(a.producer_id), known, at))]
    return sorted(found, key=lambda h: (h.since, h.topic, h.partition))


def _hangs(a: Active, mine: Open | None, known: Transactions, at: Ms) -> Hanging | None:
    name = known.named.get(a.producer_id)
    if mine is not None and (a.topic, a.partition) in mine.partitions:
        late = at - mine.since > mine.timeout_ms + GRACE_MS
        return Hanging(a.topic, a.partition, a.producer_id, mine.since, name) if late else None
    lost = known.complete and at - a.last_at > LONGEST_MS + GRACE_MS
    return Hanging(a.topic, a.partition, a.producer_id, a.last_at, name) if lost else None


def open_on(active: Iterable[Active]) -> dict[str, int]:
    """How many producers have a transaction open, by topic."""
    found: dict[str, set[int]] = defaultdict(set)
    for a in active:
        if a.open_at is not None:
            found[a.topic].add(a.producer_id)
    return {topic: len(ids) for topic, ids in found.items()}
