"""`python -m demo.services NAME`: one service, started by the runner with its place in the world in the environment."""

from __future__ import annotations

import os
import sys

from demo.service import Service, die_with_parent
from demo.services import module


def main(name: str) -> None:
    die_with_parent(int(os.environ["DEMO_PARENT"]))
    code = module(name)
    service = Service(code.SPEC)
    try:
        code.main(service)
    finally:
        service.close()


main(sys.argv[1])
