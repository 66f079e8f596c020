"""`python -m demo up --bootstrap HOST:PORT --otlp URL`: the online shop on any Kafka."""

from __future__ import annotations

import argparse
import os
import sys

from confluent_kafka import KafkaException

from demo.runner import Options, up

DEFAULT_OTLP = "http://127.0.0.1:8000/v1/traces"


def rate(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 5000:
        raise argparse.ArgumentTypeError("between 1 and 5000")
    return value


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"NAME=VALUE, not {text!r}")
    return name, value


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m demo", description="An online shop of real processes on Kafka.")
    command = top.add_subparsers(dest="command", required=True).add_parser("up", help="run the shop until Ctrl-C")
    env = os.environ.get
    command.add_argument(
        "--bootstrap", default=env("DEMO_BOOTSTRAP") or env("KAFKA_BOOTSTRAP_SERVERS"), metavar="HOST:PORT"
    )
    command.add_argument("--otlp", default=env("DEMO_OTLP") or DEFAULT_OTLP, metavar="URL", help="where spans go")
    command.add_argument(
        "--token-env", default="DEMO_OTLP_TOKEN", metavar="NAME", help="variable with the ingest token"
    )
    command.add_argument("--rate", type=rate, default=rate(env("DEMO_RATE") or "50"), help="records a second in all")
    command.add_argument(
        "--property", type=pair, action="append", default=[], metavar="NAME=VALUE", help="of librdkafka"
    )
    return top


def main() -> int:
    arguments = parser()
    given = arguments.parse_args()
    if not given.bootstrap:
        arguments.error("no Kafka given: --bootstrap HOST:PORT, or DEMO_BOOTSTRAP")
    kafka = {"bootstrap.servers": given.bootstrap, **dict(given.property)}
    try:
        up(Options(kafka, given.otlp, os.environ.get(given.token_env, ""), given.rate))
    except KafkaException as error:
        print(f"demo: Kafka at {given.bootstrap}: {error.args[0].str()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
