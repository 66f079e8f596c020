"""TLS contexts and OAUTHBEARER tokens for kafka-python, from librdkafka's property names."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from collectors.base import CollectorError

NO = frozenset({"false", "0", "no", "none", ""})


def verifies(properties: Mapping[str, str]) -> bool:
    """Whether the broker's certificate is verified."""
    return properties.get("enable.ssl.certificate.verification", "true").lower() not in NO


def checks_host(properties: Mapping[str, str]) -> bool:
    """Whether the certificate's name must be the broker's."""
    return verifies(properties) and properties.get("ssl.endpoint.identification.algorithm", "https").lower() not in NO


def ssl_context(properties: Mapping[str, str]) -> ssl.SSLContext:
    """What librdkafka would trust. Raises CollectorError for files that are missing or no certificates."""
    try:
        context = ssl.create_default_context(
            cafile=properties.get("ssl.ca.location"), cadata=properties.get("ssl.ca.pem")
        )
        if certificate := properties.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, properties.get("ssl.key.location"), properties.get("ssl.key.password"))
    except (OSError, ssl.SSLError) as error:
        raise CollectorError(f"a TLS file of the properties cannot be used: {error}", permanent=True) from error
    context.check_hostname = checks_host(properties)
    if not verifies(properties):
        context.verify_mode = ssl.CERT_NONE
    return context


def certificate_trouble(place: str, properties: Mapping[str, str]) -> int:
    """OpenSSL's code of why the certificate of HOST:PORT is refused; 0 where it is not, or nobody answers."""
    host, _, port = place.rpartition(":")
    host = host.strip("[]")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=5) as plain,
            ssl_context(properties).wrap_socket(plain, server_hostname=host),
        ):
            return 0
    except ssl.SSLCertVerificationError as error:
        return int(error.verify_code)
    except (OSError, CollectorError):
        return 0


def token_provider(properties: Mapping[str, str]) -> Any:
    """kafka-python's provider of tokens: OIDC client credentials, or unsecured ones where librdkafka was told so."""
    from kafka.net.sasl.oauth import AbstractTokenProvider

    source = _Tokens(properties)

    class Provider(AbstractTokenProvider):  # type: ignore[misc]  # untyped base
        def token(self) -> str:
            return source.token()

        def extensions(self) -> dict[str, str]:
            return {}

    return Provider()


class _Tokens:
    """One token, fetched again when four fifths of its life are over."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self._properties = properties
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def token(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._token, life = self._fetch()
                self._until = time.monotonic() + life * 0.8
            return self._token

    def _fetch(self) -> tuple[str, float]:
        if self._properties.get("enable.sasl.oauthbearer.unsecure.jwt", "false").lower() == "true":
            return _unsecured(self._properties.get("sasl.oauthbearer.config", "")), 3600.0
        return _oidc(self._properties)


def _oidc(properties: Mapping[str, str]) -> tuple[str, float]:
    url = properties.get("sasl.oauthbearer.token.endpoint.url", "")
    if not url.startswith(("http://", "https://")):
        raise CollectorError("sasl.oauthbearer.token.endpoint.url is missing or no http address", permanent=True)
    pair = f"{properties.get('sasl.oauthbearer.client.id', '')}:{properties.get('sasl.oauthbearer.client.secret', '')}"
    form = {"grant_type": "client_credentials"}
    if scope := properties.get("sasl.oauthbearer.scope"):
        form["scope"] = scope
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)  # noqa: S310  # scheme checked
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            body = json.load(answer)
        return str(body["access_token"]), float(body.get("expires_in", 300))
    except (OSError, ValueError, KeyError) as error:
        raise CollectorError(f"the token endpoint {url} gave no token: {error}") from error


def _unsecured(config: str) -> str:
    wanted = dict(part.split("=", 1) for part in config.split() if "=" in part)
    now = int(time.time())
    claims = {wanted.get("principalClaimName", "sub"): wanted.get("principal", ""), "iat": now, "exp": now + 3600}
    return ".".join([_b64({"alg": "none"}), _b64(claims), ""])


def _b64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
