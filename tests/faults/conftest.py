"""Brokers of one's own, a load on them, and a Playhead that watches them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contracts import brokers
from tests.faults.rig import Rig, child

DEAD = "127.0.0.1:1"
Start = Callable[..., Rig]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """``start(every, *names, dead=())``: a rig with an embedded broker for each name, under load."""
    with ExitStack() as stack:

        def begin(every: int, *names: str, dead: tuple[str, ...] = (), **given: str) -> Rig:
            addresses = {n: stack.enter_context(brokers.embedded(tmp_path_factory.mktemp(n))) for n in names} | given
            data = tmp_path_factory.mktemp("playhead")
            stack.enter_context(loaded(list(addresses.values()), data / "load.log"))
            return stack.enter_context(Rig(data, addresses | dict.fromkeys(dead, DEAD), every).running())

        yield begin


def loaded(addresses: list[str], log: Path) -> object:
    """Context: the load runs."""
    return child([sys.executable, "-m", "tests.faults.load", *addresses], log)
