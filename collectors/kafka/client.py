"""Connections to one cluster, from librdkafka's properties, and its errors as sentences.

Two clients: confluent-kafka for what it can do, kafka-python for what librdkafka lacks (all kinds of groups,
topic ids, log directories, producers). Neither prints anything; no secret is part of any message.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

# Whole, and before a client is at hand: its modules import each other in a ring, and two threads that begin at
# different ends of it wait for each other. Who makes clients for threads makes them one at a time (collectors.tasks).
import kafka  # noqa: F401
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from collectors.base import CollectorError
from collectors.kafka import errors, oauth
from collectors.kafka.anybytes import let_through

REQUEST_TIMEOUT = 15.0
CONNECT_TIMEOUT = 5.0
DOWN_SECONDS = 4.0
# Errors after which waiting cannot help, and those that another broker of the list may still make good.
CERTAIN = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})
HOPELESS = frozenset({KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._ALL_BROKERS_DOWN})
GRACE = 2.0
# librdkafka's own lines on stderr: nothing below "critical"; what matters comes through error_cb.
QUIET = {"log_level": 2, "log.connection.close": False}

logging.getLogger("kafka").setLevel(logging.CRITICAL)


def librdkafka_config(bootstrap_servers: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """The configuration of any confluent client; the user's properties first, ours where safety asks for it."""
    return {
        "client.id": "playhead",
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 5000,
        "topic.metadata.refresh.interval.ms": 30000,
        **properties,
        **QUIET,
        "bootstrap.servers": bootstrap_servers,
        "allow.auto.create.topics": False,
    }


class KafkaClient:
    """One cluster's clients, made when first needed. Safe for threads; ``close`` ends the kafka-python one."""

    def __init__(self, cluster: str, bootstrap_servers: str, properties: Mapping[str, str]) -> None:
        self.cluster, self.bootstrap_servers, self.properties = cluster, bootstrap_servers, dict(properties)
        self._seen: deque[KafkaError] = deque(maxlen=50)
        self._lock = threading.Lock()
        self._admin: AdminClient | None = None
        self._python: Any = None
        self._down: CollectorError | None = None
        self._down_until = 0.0

    @property
    def admin(self) -> AdminClient:
        """confluent-kafka's admin client. Raises CollectorError for properties that librdkafka refuses."""
        with self._lock:
            if self._admin is None:
                config = librdkafka_config(self.bootstrap_servers, self.properties)
                config["error_cb"] = self._seen.append
                try:
                    self._admin = AdminClient(config)
                except (KafkaException, ValueError) as error:
                    raise self.error(error, "setting up the connection") from error
            return self._admin

    @property
    def python(self) -> Any:
        """kafka-python's admin client. Raises CollectorError where it cannot connect."""
        with self._lock:
            if self._python is not None:
                return self._python
        self.reach(CONNECT_TIMEOUT)
        made = _python_client(self)
        with self._lock:
            if self._python is None:
                self._python = made
        if self._python is not made:
            _close_quietly(made)
        return self._python

    def reach(self, seconds: float) -> Any:
        """DescribeCluster's answer. Raises CollectorError, early where the errors seen leave no doubt.

        A cluster that did not answer is not tried again for some seconds: each try holds a thread.
        """
        if self._down is not None and time.monotonic() < self._down_until:
            raise self._down
        try:
            found = self._describe(self.admin, seconds)
        except CollectorError as error:
            self._down, self._down_until = errors.closer(error, self.properties), time.monotonic() + DOWN_SECONDS
            raise self._down from error
        self._down = None
        self._seen.clear()
        return found

    def _describe(self, admin: AdminClient, seconds: float) -> Any:
        asked = admin.describe_cluster(request_timeout=seconds)
        began = time.monotonic()
        while not asked.done():
            admin.poll(0.01)
            codes = {e.code() for e in list(self._seen)}  # a copy: other threads' polls add to it
            late = time.monotonic() - began > GRACE and codes & HOPELESS
            if codes & CERTAIN or late:
                raise self.error(TimeoutError(), "connecting")
        try:
            return asked.result()
        except KafkaException as error:
            raise self.error(error, "connecting") from error

    def consumer(self, **config: Any) -> Consumer:
        """A consumer for ``assign`` only: its group id is never sent to the cluster, nothing is stored or committed."""
        return Consumer(
            {
                **librdkafka_config(self.bootstrap_servers, self.properties),
                "group.id": "playhead-never-joins",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "error_cb": self._seen.append,
                **config,
            }
        )

    def error(self, error: Exception, doing: str) -> CollectorError:
        """This error as a sentence, with what librdkafka said beside it in the last moments."""
        if isinstance(error, CollectorError):
            return error
        if self._admin is not None:
            self._admin.poll(0.05)
        return errors.explain(error, list(self._seen), self.bootstrap_servers, self.principal, doing)

    @property
    def principal(self) -> str:
        """Who we are to the brokers, as far as the properties say."""
        return errors.principal(self.properties)

    def forget_coordinators(self) -> None:
        """kafka-python remembers each group's coordinator for ever: after a move it is to be looked up again."""
        with self._lock:
            if self._python is not None:
                self._python._manager.cluster._coordinators.clear()

    def drop_python(self) -> None:
        """Closes the kafka-python client; the next use makes a new one."""
        with self._lock:
            old, self._python = self._python, None
        if old is not None:
            _close_quietly(old)

    def close(self) -> None:
        """Ends both clients."""
        self.drop_python()
        self._admin = None


def _close_quietly(client: Any) -> None:
    try:
        client.close()
    except Exception:
        logging.getLogger(__name__).debug("closing a client failed", exc_info=True)


def _python_client(client: KafkaClient) -> Any:
    from kafka import KafkaAdminClient

    let_through()
    try:
        made = KafkaAdminClient(**python_config(client.bootstrap_servers, client.properties))
    except Exception as error:
        raise client.error(error, "connecting") from error
    made._manager.cluster.config["allow_auto_create_topics"] = False  # its default could create a topic
    return made


def python_config(bootstrap_servers: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """kafka-python's configuration with the same meaning as librdkafka's properties."""
    config: dict[str, Any] = {
        "bootstrap_servers": [s.strip() for s in bootstrap_servers.split(",") if s.strip()],
        "client_id": properties.get("client.id", "playhead"),
        "security_protocol": properties.get("security.protocol", "PLAINTEXT").upper(),
        "request_timeout_ms": int(REQUEST_TIMEOUT * 1000),
        "bootstrap_timeout_ms": int(CONNECT_TIMEOUT * 1000),
        "reconnect_backoff_max_ms": 2000,
    }
    if config["security_protocol"].startswith("SASL"):
        config |= _sasl(properties)
    if config["security_protocol"].endswith("SSL"):
        config["ssl_context"] = oauth.ssl_context(properties)
        config["ssl_check_hostname"] = oauth.checks_host(properties)
    return config


def _sasl(properties: Mapping[str, str]) -> dict[str, Any]:
    mechanism = properties.get("sasl.mechanism", properties.get("sasl.mechanisms", "PLAIN")).upper()
    if mechanism == "OAUTHBEARER":
        return {"sasl_mechanism": mechanism, "sasl_oauth_token_provider": oauth.token_provider(properties)}
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": properties.get("sasl.username", ""),
        "sasl_plain_password": properties.get("sasl.password", ""),
    }
