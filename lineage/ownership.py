"""Who is who and who owns what: the configuration's rules, applied. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lineage.config import Config, service_of


class Owner(NamedTuple):
    """A team, and the sentence that says whence that is known."""

    team: str
    source: str


def owner_of(config: Config, kind: str, name: str) -> Owner | None:
    """The first rule's team for a topic, service or group of this name, or None."""
    for rule in config.owners:
        if rule.owns(kind, name):
            return Owner(rule.team, f"{file_name(config.file) or 'playhead.yaml'}: {rule.kind} {rule.pattern}")
    return None


def file_name(path: str) -> str:
    """``playhead.yaml`` of ``/etc/playhead/playhead.yaml``: who reads pages need not know the server's directories."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


@dataclass(frozen=True)
class Reader:
    """What is known of a group when it is asked which service it belongs to."""

    group: str
    client_ids: frozenset[str] = frozenset()


def service_by_rule(config: Config, reader: Reader) -> str | None:
    """The service that the rules name; by the group's id first, then by its members' client ids, if they agree."""
    named = service_of(config.services, group=reader.group)
    if named:
        return named
    found = {service_of(config.services, group=reader.group, client_id=c) for c in reader.client_ids}
    return found.pop() if len(found) == 1 else None


# Names that clients bear when nobody gave them one: they identify nothing.
_DEFAULT = re.compile(
    r"|rdkafka|sarama|kgo|kafkajs"
    r"|(?:kafka-python|aiokafka|faust)(?:-\d[\w.+]*)?"  # aiokafka-0.14.0
    r"|(?:kafka-python-|aiokafka-)?(?:producer|consumer|adminclient)-.*"  # producer-1, consumer-GROUP-1
    r"|console-(?:share-)?(?:consumer|producer)"
)


def is_default(client_id: str) -> bool:
    """Whether this client id is one that a library or Kafka's own tool gives by itself."""
    return _DEFAULT.fullmatch(client_id) is not None


def service_by_span(group: str, client_ids: Iterable[str], claims: Mapping[tuple[str, str], set[str]]) -> str | None:
    """The one service whose reading spans named this group, or a client id that only it bears; None when unsure.

    ``claims`` maps ("group", id) and ("client_id", id) to the services whose spans named it.
    """
    by_group = claims.get(("group", group), set())
    if by_group:
        return next(iter(by_group)) if len(by_group) == 1 else None
    named = [claims.get(("client_id", c), set()) for c in client_ids if not is_default(c)]
    found = set().union(*named) if named else set()
    return found.pop() if len(found) == 1 else None
