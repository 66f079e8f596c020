"""``python -m dashboard.processes [--demo]``, what ``make run`` and ``make demo`` start."""

from __future__ import annotations

import argparse
import sys

from dashboard.processes.launch import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="playhead up", description="Start everything on this machine.")
    parser.add_argument("--demo", action="store_true", help="with an embedded Kafka and a shop that uses it")
    sys.exit(main(parser.parse_args().demo))
