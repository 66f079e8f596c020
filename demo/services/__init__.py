"""The shop's services, a module and a process each: `SPEC`, and `main(service)` that returns when told to stop."""

from __future__ import annotations

import importlib
from types import ModuleType

NAMES = (
    "mainframe",  # the old system was there before the shop
    "customers",
    "orders",
    "storefront",
    "fraud",
    "inventory",
    "order-details",
    "validation-aggregator",
    "payments",
    "orders-enricher",
    "shipping",
    "email",
    "recommendations",
    "catalogue-cdc",
    "app-gateway",
    "app-analytics",
    "audit",
)


def module(name: str) -> ModuleType:
    """The module of a service. Raises ModuleNotFoundError for a name that is none."""
    return importlib.import_module(f"demo.services.{name.replace('-', '_')}")
