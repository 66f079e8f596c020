"""Kafka's errors as sentences: a wrong host, a wrong password, an untrusted certificate, a missing right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException

from collectors.base import CollectorError
from collectors.kafka import oauth

# (operation, kafka-acls resource flags) by the right's name as it stands in ``needs``.
RIGHTS: dict[str, str] = {
    "Describe Topic *": "--operation Describe --topic '*'",
    "DescribeConfigs Topic *": "--operation DescribeConfigs --topic '*'",
    "Read Topic *": "--operation Read --topic '*'",
    "Read Topic __consumer_offsets": "--operation Read --topic __consumer_offsets",
    "Describe Group *": "--operation Describe --group '*'",
    "Describe TransactionalId *": "--operation Describe --transactional-id '*'",
    "Describe Cluster": "--operation Describe --cluster",
}
# What tells least comes last: lost connections, then that all of them are lost.
LAST = {KafkaError._TRANSPORT: 1, KafkaError._ALL_BROKERS_DOWN: 2}
# OpenSSL's reasons why a certificate is refused.
OTHER_HOST, EXPIRED = (62, 64), 10
_UNTRUSTED = re.compile(r"the certificate of ([^ ,]+:\d+) is not trusted")
_HOST = re.compile(r"([\w.\-\[\]:]+:\d+)(?:/\w+)?:")


def principal(properties: Mapping[str, str]) -> str:
    """The principal that ``properties`` will be to the brokers, for the lines that grant rights."""
    if user := properties.get("sasl.username") or properties.get("sasl.oauthbearer.client.id"):
        return f"User:{user}"
    if properties.get("security.protocol", "").upper() == "SSL":
        return "User:CN=<the certificate's subject>" if properties.get("ssl.certificate.location") else "User:ANONYMOUS"
    return "User:ANONYMOUS"


def grant(right: str, bootstrap_servers: str, who: str) -> str:
    """The kafka-acls line that grants this right."""
    server = bootstrap_servers.split(",")[0].strip()
    return f'kafka-acls --bootstrap-server {server} --add --allow-principal "{who}" {RIGHTS[right]}'


def missing(right: str, bootstrap_servers: str, who: str) -> CollectorError:
    """A refused right, with the line that grants it."""
    line = grant(right, bootstrap_servers, who)
    return CollectorError(f"{who} lacks the right {right}", permanent=True, remedy=line, needs=[right])


def explain(
    error: Exception, seen: Sequence[KafkaError], bootstrap_servers: str, who: str, doing: str
) -> CollectorError:
    """One sentence for ``error``; what librdkafka reported beside it (``seen``) often tells more."""
    codes = _codes(error)
    refused = [c for c in codes if right_of(c.code())]
    newest = list(reversed(seen))
    telling = sorted(newest, key=lambda e: LAST.get(e.code(), 0))
    for one in [*refused, *telling, *codes]:
        if found := _one(one, bootstrap_servers, who):
            return found
    text = f"{type(error).__name__} {error}" if not isinstance(error, KafkaException) else str(error.args[0].str())
    return _from_text(text, bootstrap_servers, who) or CollectorError(f"{doing} failed: {text[:300]}")


def _codes(error: Exception) -> list[KafkaError]:
    return [a for a in error.args if isinstance(a, KafkaError)] if isinstance(error, KafkaException) else []


def right_of(code: int) -> str | None:
    """The right whose lack gives this error code."""
    return {
        KafkaError.TOPIC_AUTHORIZATION_FAILED: "Describe Topic *",
        KafkaError.GROUP_AUTHORIZATION_FAILED: "Describe Group *",
        KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Describe Cluster",
    }.get(code)


def explain_code(code: int, who: str) -> str:
    """A broker's error code in words."""
    right = right_of(code)
    return f"{who} lacks the right {right}" if right else KafkaError(code).str().removeprefix("Broker: ")


def _one(error: KafkaError, bootstrap_servers: str, who: str) -> CollectorError | None:
    if right := right_of(error.code()):
        return missing(right, bootstrap_servers, who)
    if error.code() in (KafkaError._RESOLVE, KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._TRANSPORT):
        return _from_text(error.str(), bootstrap_servers, who, sure=error.code())
    if error.code() == KafkaError._ALL_BROKERS_DOWN:  # librdkafka keeps a listener's hanging up to itself
        return _transport("disconnect", bootstrap_servers)
    return None


def _from_text(text: str, bootstrap_servers: str, who: str, sure: int = 0) -> CollectorError | None:
    low = text.lower()
    place = _place(text, bootstrap_servers)
    if sure == KafkaError._RESOLVE or "resolve" in low or "name or service" in low or "dnsresolution" in low:
        sentence = f"the host of {place} has no address: its name does not resolve"
        return CollectorError(sentence, remedy="check bootstrap_servers", unreachable=True)
    if "acquire sasl oauthbearer token" in low or "gave no token" in low:
        return CollectorError(
            f"no token for {who}: {_tail(text)}",
            permanent=True,
            remedy="check sasl.oauthbearer.token.endpoint.url, .client.id and .client.secret",
        )
    if sure == KafkaError._AUTHENTICATION or "authentication" in low or "saslauth" in low:
        return CollectorError(
            f"{place} refused the user name or password of {who}",
            permanent=True,
            remedy="check sasl.mechanism, sasl.username and sasl.password",
        )
    if " alert " in low and ("certificate" in low or "unknown ca" in low):  # an alert is the broker's word
        remedy = "set ssl.certificate.location and ssl.key.location to a certificate that the broker trusts"
        return CollectorError(f"{place} wants a client's certificate that it trusts", permanent=True, remedy=remedy)
    if "certificate" in low and ("verify" in low or "verification" in low or "unknown ca" in low):
        return CollectorError(
            f"the certificate of {place} is not trusted",
            permanent=True,
            remedy="set ssl.ca.location to the certificate authority's file",
        )
    if sure == KafkaError._SSL or "ssl" in low:
        remedy = "check security.protocol and the ssl.* properties"
        return CollectorError(f"TLS with {place} failed: {_tail(text)}", remedy=remedy)
    return _transport(low, place)


def closer(error: CollectorError, properties: Mapping[str, str]) -> CollectorError:
    """librdkafka says "not trusted" of every certificate: a closer look finds another host or an expired one."""
    untrusted = _UNTRUSTED.match(str(error))
    if not untrusted:
        return error
    place = untrusted.group(1)
    code = oauth.certificate_trouble(place, properties)
    if code in OTHER_HOST:
        remedy = "name the brokers as their certificates do; ssl.endpoint.identification.algorithm=none trusts any name"
        return CollectorError(f"the certificate of {place} is for another host", permanent=True, remedy=remedy)
    if code == EXPIRED:
        return CollectorError(f"the certificate of {place} has expired", permanent=True, remedy="renew it")
    return error


def _transport(low: str, place: str) -> CollectorError | None:
    if "refused" in low:
        remedy = "check host and port, and that the broker runs"
        return CollectorError(f"{place} refused the connection: nothing listens there", remedy=remedy, unreachable=True)
    if "timed out" in low or "timeout" in low:
        return CollectorError(f"{place} did not answer in time", unreachable=True)
    if "disconnect" in low:
        remedy = "check security.protocol: the listener may want TLS or SASL"
        return CollectorError(f"{place} closed the connection at once", remedy=remedy, unreachable=True)
    if "nodenotready" in low:
        return CollectorError(f"no broker of {place} was ready to be asked", unreachable=True)
    if "cancelled" in low or "transport" in low or "nobrokers" in low or "bootstrap" in low or "connection" in low:
        return CollectorError(f"no broker of {place} can be reached", unreachable=True)
    return None


def _place(text: str, bootstrap_servers: str) -> str:
    found = _HOST.search(text)
    return found.group(1) if found else bootstrap_servers


def _tail(text: str) -> str:
    return text.rsplit(": ", 1)[-1][:160]
