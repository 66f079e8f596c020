"""Errors as people read them, and rights with the line that grants them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from collectors.base import CollectorError
from collectors.kafka import errors, oauth
from collectors.kafka.check import check_address
from collectors.kafka.client import librdkafka_config, python_config

SCRAM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "playhead",
    "sasl.password": "hunter2",
}


@pytest.mark.parametrize(
    ("code", "right", "flags"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "Describe Topic *", "--operation Describe --topic '*'"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "Describe Group *", "--operation Describe --group '*'"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, "Describe Cluster", "--operation Describe --cluster"),
    ],
)
def test_a_refused_right_comes_with_the_line_that_grants_it(code: int, right: str, flags: str) -> None:
    error = errors.explain(KafkaException(KafkaError(code)), [], "k1:9092,k2:9092", errors.principal(SCRAM), "asking")
    assert error.permanent
    assert error.needs == [right]
    assert error.remedy == f'kafka-acls --bootstrap-server k1:9092 --add --allow-principal "User:playhead" {flags}'


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (KafkaError._RESOLVE, "nosuch:9092/bootstrap: Failed to resolve 'nosuch:9092'", "its name does not resolve"),
        (
            KafkaError._TRANSPORT,
            "k1:9092/1: Connect to ipv4#1.2.3.4:9092 failed: Connection refused",
            "k1:9092 refused",
        ),
        (
            KafkaError._AUTHENTICATION,
            "k1:9092/bootstrap: SASL authentication error",
            "refused the user name or password",
        ),
        (KafkaError._SSL, "k1:9092/1: SSL handshake failed: certificate verify failed", "is not trusted"),
        (KafkaError._TRANSPORT, "k1:9092/1: Disconnected while requesting ApiVersion", "closed the connection"),
    ],
)
def test_what_the_network_does_is_one_sentence(code: int, text: str, said: str) -> None:
    beside = [KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"), KafkaError(code, text)]
    error = errors.explain(KafkaException(KafkaError(KafkaError._TRANSPORT)), beside, "k1:9092", "User:u", "asking")
    assert said in str(error)


def test_no_sentence_holds_a_secret() -> None:
    for step in check_address("127.0.0.1:1", SCRAM):
        assert "hunter2" not in f"{step}"


def test_a_host_that_does_not_resolve_and_one_that_is_no_address_are_named() -> None:
    (wrong,) = check_address("nosuch.invalid:9092", {})
    assert (wrong.ok, "nosuch.invalid" in wrong.detail) == (False, True)
    (none,) = check_address("localhost", {})
    assert (none.ok, "HOST:PORT" in none.remedy) == (False, True)


def test_a_property_that_librdkafka_does_not_know_is_a_sentence() -> None:
    steps = check_address("127.0.0.1:9", {"no.such.property": "1"})
    assert steps[-1].ok is False
    assert "no.such.property" in steps[-1].detail


@pytest.fixture
def tls_listener(tmp_path: Path) -> Iterator[int]:
    """A TLS server whose certificate nobody has signed."""
    import subprocess

    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subprocess.run([*new, *subject, "-out", str(cert), "-keyout", str(key)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_greet, args=(server, context), daemon=True).start()
        yield server.getsockname()[1]


def _greet(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()


def test_an_untrusted_certificate_is_named(tls_listener: int) -> None:
    step = check_address(f"localhost:{tls_listener}", {"security.protocol": "SSL"})[-1]
    assert step.ok is False
    assert "not trusted" in step.detail
    assert "ssl.ca.location" in step.remedy


def test_our_own_settings_stand_above_the_users() -> None:
    config = librdkafka_config("k:1", {"bootstrap.servers": "evil:1", "allow.auto.create.topics": "true"})
    assert config["bootstrap.servers"] == "k:1"
    assert config["allow.auto.create.topics"] is False


def test_both_clients_are_given_the_same_security() -> None:
    config = python_config("a:1, b:2", SCRAM)
    assert config["bootstrap_servers"] == ["a:1", "b:2"]
    assert config["security_protocol"] == "SASL_SSL"
    assert config["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (config["sasl_plain_username"], config["sasl_plain_password"]) == ("playhead", "hunter2")
    assert config["ssl_context"].verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("properties", "verifies", "checks"),
    [
        ({}, True, True),
        ({"enable.ssl.certificate.verification": "false"}, False, False),
        ({"ssl.endpoint.identification.algorithm": "none"}, True, False),
    ],
)
def test_what_tls_verifies_is_the_users_choice(properties: dict[str, str], verifies: bool, checks: bool) -> None:
    context = oauth.ssl_context(properties)
    assert (context.verify_mode == ssl.CERT_REQUIRED, context.check_hostname) == (verifies, checks)


def test_a_missing_certificate_file_is_a_sentence() -> None:
    with pytest.raises(CollectorError, match="TLS file"):
        oauth.ssl_context({"ssl.ca.location": "/nowhere/ca.pem"})


def test_unsecured_tokens_name_the_principal() -> None:
    properties = {"enable.sasl.oauthbearer.unsecure.jwt": "true", "sasl.oauthbearer.config": "principal=playhead"}
    head, claims, signature = oauth.token_provider(properties).token().split(".")
    assert signature == ""
    import base64
    import json

    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"] == "playhead"
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == "none"


def test_the_other_client_s_word_for_a_busy_broker_is_said_as_well() -> None:
    class NodeNotReadyError(Exception):
        pass

    error = errors.explain(NodeNotReadyError("No node_id provided"), [], "k1:9092", "User:x", "listing ACLs")
    assert error.unreachable
    assert str(error) == "no broker of k1:9092 was ready to be asked"
