"""`manage.py playhead …` as somebody types it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard.access import by_header
from dashboard.processes import work
from dashboard.processes.demo import TOKEN_FILE
from dashboard.processes.preflight import free_port
from lineage.config import ClusterConfig, Config, Endpoint, parse
from tests.collectors.serving import Answer, serving


def run(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("playhead", *words, stdout=out)
    except SystemExit as e:
        return int(e.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.django_db
def test_a_token_is_printed_and_works() -> None:
    code, printed = run("token", "ci", "--scope", "read")
    caller = by_header(f"Bearer {printed.strip()}")
    assert (code, caller.name, caller.scopes) == (0, "ci", {"read"})


@pytest.mark.django_db
def test_a_token_for_nobody_is_refused() -> None:
    with pytest.raises(CommandError, match="a token's name has 1 to 120 characters"):
        run("token", " ", "--scope", "read")


@pytest.mark.django_db
def test_the_first_password_is_printed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAYHEAD_ADMIN_PASSWORD", raising=False)
    assert "log in as admin with the password" in run("prepare")[1]
    assert run("prepare") == (0, "")


@pytest.mark.django_db
def test_the_demos_token_is_kept_and_made_anew_when_lost(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    list(work.prepare(demo=True))
    path = tmp_path / TOKEN_FILE
    first = path.read_text()
    assert by_header(f"Bearer {first.strip()}").scopes == {"ingest"}
    assert path.stat().st_mode & 0o077 == 0
    list(work.prepare(demo=True))
    assert path.read_text() == first
    path.write_text("ph_of_another_database\n")
    list(work.prepare(demo=True))
    assert by_header(f"Bearer {path.read_text().strip()}").scopes == {"ingest"}


def test_check_without_a_cluster_says_how_to_name_one(settings: Any) -> None:
    settings.PLAYHEAD = Config()
    code, said = run("check")
    assert code == 1
    assert "no cluster: write one into playhead.yaml, or set KAFKA_BOOTSTRAP_SERVERS=host:port" in said


def test_check_names_a_wrong_host(settings: Any) -> None:
    settings.PLAYHEAD = Config(clusters=(ClusterConfig("main", "kafka.invalid:9092"),))
    code, said = run("check")
    assert code == 1
    assert "FAILS main: address: the host kafka.invalid has no address" in said


def test_check_names_a_port_where_nobody_listens(settings: Any) -> None:
    settings.PLAYHEAD = Config(clusters=(ClusterConfig("main", f"127.0.0.1:{free_port()}"),))
    code, said = run("check")
    assert code == 1
    assert "ok    main: address" in said
    assert "FAILS main: connection" in said


def test_a_follower_of_a_cluster_that_is_not_there_is_told_which_are(settings: Any) -> None:
    settings.PLAYHEAD = parse("clusters: [{name: a, bootstrap_servers: 'h:1'}]", "f", {})
    with pytest.raises(CommandError, match="no cluster 'b'; there are a"):
        run("follower", "b")


def test_a_wrong_configuration_is_a_sentence(settings: Any) -> None:
    from django.utils.functional import SimpleLazyObject

    settings.PLAYHEAD = SimpleLazyObject(lambda: parse("clutters: []", "playhead.yaml", {}))
    with pytest.raises(
        CommandError, match=r"playhead.yaml:1: found the unknown key 'clutters'.*did you mean clusters\?"
    ):
        run("check")


def test_the_check_asks_each_connect_worker_and_says_which_fails(settings: Any) -> None:
    answers: dict[str, Answer] = {"good": (200, "application/json", b"{}"), "bad": (500, "text/html", b"<p>no</p>")}
    with serving(lambda method, path, body: answers["good"]) as good, serving(lambda *_: answers["bad"]) as bad:
        connect = (Endpoint(good, "good"), Endpoint(bad, "bad"))
        settings.PLAYHEAD = Config(clusters=(ClusterConfig("k", "127.0.0.1:1", connect=connect),))
        code, printed = run("check")
    assert code == 1
    assert "ok    k: connect:good: 0 connectors, 0 failed" in printed
    assert 'FAILS k: connect:bad: the Connect worker "bad"' in printed
    assert "with 500" in printed


def test_the_check_asks_prometheus_and_jaeger_and_says_what_to_do_about_each(settings: Any) -> None:
    empty = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'
    found, none = (200, "application/json", empty), (404, "text/html", b"")
    with serving(lambda *_: found) as good, serving(lambda *_: none) as bad:
        settings.PLAYHEAD = parse(f"metrics: {{prometheus: {{url: '{good}'}}, jaeger: {{url: '{bad}'}}}}", "f", {})
        _, printed = run("check")
        gone = parse(f"metrics: {{prometheus: {{url: 'http://127.0.0.1:{free_port()}'}}}}", "f", {})
        settings.PLAYHEAD = gone
        code, without = run("check")
    assert "ok    prometheus: 0 edges move" in printed
    assert f"FAILS jaeger: Jaeger at {bad} answered /api/dependencies with 404" in printed
    assert "check that its address is that of its API" in printed
    assert code == 1
    assert "FAILS prometheus: Prometheus at http://127.0.0.1" in without
    assert "check the address, and that it can be reached from here" in without
