"""``manage.py playhead …``: every process of Playhead, and what is asked of it on the command line."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dashboard.processes import commands, preflight, recording, work
from lineage.config import Config, ConfigError

PLAIN: Mapping[str, str] = {
    "up": "everything on this machine, supervised",
    "web": "HTTP and WebSockets on HOST and PORT",
    "worker": "the collections that end",
    "beat": "their schedule (one only)",
    "recorder": "the only writer (one only)",
    "prepare": "migrates the database, makes the first user",
    "follower": "follows the positions of one cluster",
    "player": "reads records back for the pages that ask",
    "check": "says what works, and which right is missing",
    "token": "makes an API token and prints it, once",
}


class Command(BaseCommand):
    help = "Starts Playhead's processes, checks what it may see, makes tokens."
    requires_system_checks: list[str] = []  # a process that is restarted should be back at once

    def add_arguments(self, parser: ArgumentParser) -> None:
        parsers = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
        made = {name: parsers.add_parser(name, help=about) for name, about in PLAIN.items()}
        for name in ("up", "prepare"):
            made[name].add_argument("--demo", action="store_true", help="with the demo")
        made["follower"].add_argument("cluster", metavar="CLUSTER")
        _record(parsers.add_parser("record", help="a stretch of the tape into a file; a file opened as a dashboard"))
        made["token"].add_argument("name", metavar="NAME")
        made["token"].add_argument("--scope", required=True, choices=("read", "ingest", "operate", "admin"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"do_{options['what']}")(options)
        except ConfigError as e:
            raise CommandError(f"The configuration is wrong. {e}", returncode=2) from e
        except BrokenPipeError:
            sys.exit(1)

    def do_up(self, options: Mapping[str, Any]) -> None:
        _become((sys.executable, "-m", "dashboard.processes", *(["--demo"] if options["demo"] else [])))

    def do_web(self, _: Mapping[str, Any]) -> None:
        _become(commands.web(os.environ))

    def do_worker(self, _: Mapping[str, Any]) -> None:
        _become(commands.worker())

    def do_beat(self, _: Mapping[str, Any]) -> None:
        _become(commands.beat(Path(settings.DATA_DIR)))

    def do_recorder(self, _: Mapping[str, Any]) -> None:
        from lineage.recorder import AlreadyRunning, Away

        try:
            work.record(_config(), work.stop_on_signal())
        except AlreadyRunning as e:
            raise CommandError(f"{e}; there can be one only") from e
        except Away as e:
            raise CommandError(f"nothing is recorded: {e}") from e

    def do_follower(self, options: Mapping[str, Any]) -> None:
        try:
            cluster = _config().cluster(options["cluster"])
        except KeyError as e:
            raise CommandError(str(e.args[0])) from e
        work.follow(cluster, work.stop_on_signal())

    def do_player(self, _: Mapping[str, Any]) -> None:
        work.play(_config(), work.stop_on_signal())

    def do_prepare(self, options: Mapping[str, Any]) -> None:
        from lineage.recorder import Away

        try:
            for line in work.prepare(demo=options["demo"]):
                self.stdout.write(line)
        except Away as e:
            raise CommandError(f"The lake cannot be used: {e}") from e

    def do_token(self, options: Mapping[str, Any]) -> None:
        from dashboard.access import new_token

        try:
            self.stdout.write(new_token(options["name"], options["scope"]))
        except ValueError as e:
            raise CommandError(str(e)) from e
        except DatabaseError as e:
            why = f"The database cannot keep a token ({e})."
            raise CommandError(f"{why} Start Playhead once, or: python manage.py playhead prepare") from e

    def do_record(self, options: Mapping[str, Any]) -> None:
        try:
            getattr(self, f"_record_{options['do']}")(options)
        except (recording.Refused, preflight.Refused) as e:
            raise CommandError(str(e)) from e

    def _record_export(self, options: Mapping[str, Any]) -> None:
        self.stdout.write(recording.export(options["start"], options["end"], Path(options["file"])))

    def _record_open(self, options: Mapping[str, Any]) -> None:
        env = recording.unpack(Path(options["file"]), options["into"], os.environ)
        where = f"http://{env.get('HOST') or '127.0.0.1'}:{env.get('PORT') or '8000'}"
        self.stdout.write(f"{options['file']} is on {where}, in {env['PLAYHEAD_DATA_DIR']}")
        self.stdout.flush()
        recording.serve(env)

    def _record_load(self, options: Mapping[str, Any]) -> None:
        recording.load(Path(options["file"]))

    def do_check(self, _: Mapping[str, Any]) -> None:
        failed = False
        for ok, line in work.check(_config()):
            self.stdout.write(line)
            failed |= ok is False
        if failed:
            sys.exit(1)


def _record(parser: ArgumentParser) -> None:
    parsers = parser.add_subparsers(dest="do", required=True, metavar="export|open")
    export = parsers.add_parser("export", help="write a stretch of the tape into a file")
    export.add_argument("--from", dest="start", required=True, metavar="TIME", help="RFC 3339, or -2h")
    export.add_argument("--to", dest="end", default="live", metavar="TIME", help="RFC 3339, -15m, or live")
    opening = parsers.add_parser("open", help="serve a file on HOST and PORT, without Kafka, Redis or network")
    opening.add_argument("--into", type=Path, metavar="DIR", help="an empty directory to unpack into")
    for each in (export, opening, parsers.add_parser("load")):
        each.add_argument("file", metavar="FILE")


def _config() -> Config:
    """The configuration, read now: settings hold it lazily. Raises ConfigError."""
    config: Config = settings.PLAYHEAD
    _ = config.clusters
    return config


def _become(argv: tuple[str, ...]) -> None:
    """This process turns into another: signals then reach it directly."""
    os.chdir(settings.BASE_DIR)
    os.execv(argv[0], argv)  # noqa: S606 - our own fixed commands
