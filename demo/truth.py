"""What the shop's own evidence can prove, as data, for tests to compare with what a watcher claims.

It is written by hand, apart from the services' code: two declarations that must agree are a test, one that is derived
from the other is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from demo import incidents


@dataclass(frozen=True)
class Read:
    """A read that evidence proves: by a service joined with its group, a service alone, or a group alone."""

    service: str | None
    topic: str
    group: str | None
    since: float = 0.0  # seconds after the start


@dataclass(frozen=True)
class Write:
    service: str
    topic: str
    since: float = 0.0


@dataclass(frozen=True)
class Call:
    caller: str
    callee: str


@dataclass(frozen=True)
class Claims:
    """All that may be claimed at one moment, and all that must be."""

    services: frozenset[str]
    topics: frozenset[str]
    groups: frozenset[str]
    groups_without_service: frozenset[str]
    reads: frozenset[tuple[str | None, str, str | None]]
    writes: frozenset[tuple[str, str]]
    calls: frozenset[tuple[str, str]]
    unknown_writers: frozenset[str]


SERVICES = frozenset(
    {
        "app-analytics",
        "app-gateway",
        "catalogue-cdc",
        "customers",
        "email",
        "fraud",
        "inventory",
        "order-details",
        "orders",
        "orders-enricher",
        "payments",
        "recommendations",
        "shipping",
        "storefront",
        "validation-aggregator",
    }
)

# Processes that send no spans: `audit` is to be seen by its group alone, `mainframe` by what it leaves in its topic.
WITHOUT_SPANS = frozenset({"audit", "mainframe"})

READS = (
    Read("app-analytics", "apps_opened", "app-analytics"),
    Read("email", "orders-enriched", "email-v1"),
    Read("email", "shipments", "email-v1"),
    Read("email", "orders-enriched", "email-v2", since=incidents.RENAME_AT),
    Read("email", "shipments", "email-v2", since=incidents.RENAME_AT),
    Read("fraud", "orders", "fraud"),
    Read("inventory", "orders", "inventory"),
    Read("inventory", "mainframe.stock-levels", "inventory"),
    Read("order-details", "orders", "order-details"),
    Read("order-details", "legacy.catalogue.products", "order-details"),
    Read("orders", "orders-validated", "orders-view"),
    Read("orders-enricher", "orders-validated", "orders-enricher"),
    Read("orders-enricher", "customers", "orders-enricher"),
    Read("payments", "orders-validated", "payments"),
    Read("shipping", "payments", "shipping"),
    Read("validation-aggregator", "orders", "validation-aggregator"),
    Read("validation-aggregator", "order-validations", "validation-aggregator"),
    # Its spans do not name the group, and no rule does: the service and the group are two readers.
    Read("recommendations", "orders-enriched", None),
    Read(None, "orders-enriched", "reco-cg"),
    Read(None, "orders", "audit-archive"),
    Read(None, "payments", "audit-archive"),
)

WRITES = (
    Write("app-analytics", "opened_per_day"),
    Write("app-gateway", "apps_opened"),
    Write("catalogue-cdc", "legacy.catalogue.products"),
    Write("customers", "customers"),
    Write("email", "emails"),
    Write("fraud", "order-validations"),
    Write("inventory", "order-validations"),
    Write("order-details", "order-validations"),
    Write("orders", "orders"),
    Write("orders-enricher", "orders-enriched"),
    Write("payments", "payments"),
    Write("payments", "payments.dlq", since=incidents.POISON_AT[0]),
    Write("recommendations", "recommendations"),
    Write("shipping", "shipments"),
    Write("validation-aggregator", "orders-validated"),
)

CALLS = (Call("storefront", "customers"), Call("storefront", "orders"))

UNKNOWN_WRITERS = frozenset({"mainframe.stock-levels"})

# What the declarations in demo/playhead.yaml say wrongly: (service, what it does, with what).
DECLARED_NEVER_SEEN = frozenset({("recommendations", "reads", "customers")})
SEEN_NOT_DECLARED = frozenset({("order-details", "reads", "legacy.catalogue.products")})


def at(elapsed: float) -> Claims:
    """What is provable when the shop has run for so many seconds (and its first ten are over)."""
    reads = [r for r in READS if r.since <= elapsed]
    writes = [w for w in WRITES if w.since <= elapsed]
    joined = {r.group for r in reads if r.service and r.group}
    groups = {r.group for r in reads if r.group}
    return Claims(
        services=SERVICES,
        topics=frozenset({r.topic for r in reads} | {w.topic for w in writes} | UNKNOWN_WRITERS),
        groups=frozenset(groups),
        groups_without_service=frozenset(groups - joined),
        reads=frozenset((r.service, r.topic, r.group) for r in reads),
        writes=frozenset((w.service, w.topic) for w in writes),
        calls=frozenset((c.caller, c.callee) for c in CALLS),
        unknown_writers=UNKNOWN_WRITERS,
    )
