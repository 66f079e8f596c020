"""What is refused before anything starts, and in which words."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.processes import commands, demo, embedded, preflight
from dashboard.processes.launch import main
from dashboard.processes.preflight import Refused
from lineage.config import load

ROOT = Path(__file__).resolve().parents[2]


def test_a_second_start_on_the_same_data_directory_says_so(tmp_path: Path) -> None:
    held = preflight.lock(tmp_path, "http://127.0.0.1:8000")
    env = {**os.environ, "PLAYHEAD_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "dashboard.processes"]
    second = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert second.stderr == (
        f"Playhead is already running on {tmp_path} (process {os.getpid()}, http://127.0.0.1:8000); "
        "stop it, or set PLAYHEAD_DATA_DIR to another directory.\n"
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "lock"]
    held.close()
    preflight.lock(tmp_path, "http://127.0.0.1:8000").close()


def test_a_port_in_use_is_named_with_its_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(False, {"PLAYHEAD_DATA_DIR": str(tmp_path), "PORT": str(port)}) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"Port {port} on 127.0.0.1 is in use by another program; start with PORT=")
    assert said.count("\n") == 1


@pytest.mark.parametrize("word", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(Refused, match=f"PORT={word} is no port"):
        preflight.port({"PORT": word})


def test_a_broken_configuration_ends_the_start_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "playhead.yaml"
    config.write_text("clusters:\n  - name: a\n    bootstrap_server: h:1\n")
    env = {"PLAYHEAD_DATA_DIR": str(tmp_path), "PLAYHEAD_CONFIG": str(config), "PORT": str(preflight.free_port())}
    assert main(False, env) == 2
    said = capsys.readouterr().err
    assert f"{config}:3: found the unknown key 'bootstrap_server'" in said
    assert "did you mean bootstrap_servers?" in said


def test_the_embedded_redis_hides_its_password_from_other_users(tmp_path: Path) -> None:
    spec, url = embedded.redis(tmp_path, 6399)
    password = url.split(":")[2].split("@")[0]
    assert password not in " ".join(spec.argv)
    assert password not in repr(spec)
    assert (tmp_path / "redis" / "valkey.conf").stat().st_mode & 0o077 == 0


def test_the_demo_adds_its_cluster_to_its_rules(tmp_path: Path) -> None:
    path = demo.write_config(ROOT, tmp_path, "127.0.0.1:9092")
    config = load({"PLAYHEAD_CONFIG": str(path)})
    assert [(c.name, c.bootstrap_servers, c.every.positions) for c in config.clusters] == [
        ("demo", "127.0.0.1:9092", 2.0)
    ]
    assert config.owners


def test_a_broker_that_was_cut_off_while_saving_begins_empty(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    snapshot = tmp_path / "kafka" / "kafka.json"
    snapshot.write_text('{"topics": {}}')
    embedded.kafka(tmp_path, 9092)
    assert snapshot.exists()
    snapshot.write_text('{"topics": {"a": [1, 2')
    embedded.kafka(tmp_path, 9092)
    assert not snapshot.exists()


def test_the_demo_is_told_no_secret(tmp_path: Path) -> None:
    (tmp_path / demo.TOKEN_FILE).write_text("tok\n")
    env = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "REDIS_URL": "redis://:pw@h", "PLAYHEAD_ADMIN_PASSWORD_FILE": "/x"}
    given = {**env, **demo.demo_spec(env, tmp_path, "http://127.0.0.1:8000").env}
    assert given["DEMO_OTLP_TOKEN"] == "tok"
    assert given["REDIS_URL"] == given["PLAYHEAD_ADMIN_PASSWORD_FILE"] == ""


def test_a_proxy_is_believed_only_where_one_is_named() -> None:
    assert "--no-proxy-headers" in commands.web({})
    trusting = commands.web({"PLAYHEAD_TRUSTED_PROXY": "10.0.0.1"})
    assert trusting[trusting.index("--forwarded-allow-ips") + 1] == "10.0.0.1"


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "::", "PORT": "81"}, "http://127.0.0.1:81"),
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"PLAYHEAD_PUBLIC_URL": "https://playhead.example.com/kafka/"}, "https://playhead.example.com/kafka"),
    ],
)
def test_links_begin_where_people_find_the_dashboard(env: dict[str, str], url: str) -> None:
    assert preflight.public_url(env) == url


@pytest.mark.parametrize("url", ["playhead.example.com", "ftp://x", "https://x/?a=b", "https://u:p@x/", "https://"])
def test_a_public_address_that_is_none_stops_the_start(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"PLAYHEAD_DATA_DIR": str(tmp_path), "PORT": str(preflight.free_port()), "PLAYHEAD_PUBLIC_URL": url}
    assert main(False, env) == 2
    assert "PLAYHEAD_PUBLIC_URL that is no address, expected https://playhead.example.com" in capsys.readouterr().err
