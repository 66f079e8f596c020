"""A broker with a listener for each way of logging in, and what clients need for each: certificates, users, tokens."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.contracts import brokers

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
BEARER = "org.apache.kafka.common.security.oauthbearer"
UNSECURED = f"{BEARER}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
USER, PASSWORD = "playhead", "playhead-secret"
LISTENERS = ("SSL", "MUTUAL", "WRONGHOST", "PLAIN", "SCRAM", "BEARER")
PROPERTIES = f"""
listeners={{listeners}}
advertised.listeners={{listeners_out}}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,MUTUAL:SSL,WRONGHOST:SSL,\\
PLAIN:SASL_SSL,SCRAM:SASL_PLAINTEXT,BEARER:SASL_PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={{work}}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={{work}}/ca.pem
listener.name.mutual.ssl.client.auth=required
listener.name.wronghost.ssl.keystore.type=PEM
listener.name.wronghost.ssl.keystore.location={{work}}/other.pem
listener.name.plain.sasl.enabled.mechanisms=PLAIN
listener.name.plain.plain.sasl.jaas.config={PLAIN} user_{USER}="{PASSWORD}";
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
listener.name.scram.scram-sha-256.sasl.jaas.config={SCRAM}
listener.name.scram.scram-sha-512.sasl.jaas.config={SCRAM}
listener.name.bearer.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.bearer.oauthbearer.sasl.jaas.config={BEARER}.OAuthBearerLoginModule required;
listener.name.bearer.oauthbearer.sasl.server.callback.handler.class={UNSECURED}
"""


@dataclass
class Secure:
    """Where the broker listens, by listener, and the certificates."""

    work: Path
    ports: dict[str, int] = field(default_factory=dict)

    def address(self, listener: str) -> str:
        return f"127.0.0.1:{self.ports[listener]}"

    @property
    def tls(self) -> dict[str, str]:
        return {"security.protocol": "SSL", "ssl.ca.location": str(self.work / "ca.pem")}

    @property
    def mutual(self) -> dict[str, str]:
        own = {"ssl.certificate.location": str(self.work / "client.crt")}
        return {**self.tls, **own, "ssl.key.location": str(self.work / "client.key")}

    @property
    def plain(self) -> dict[str, str]:
        return {**self.tls, "security.protocol": "SASL_SSL", **_login("PLAIN")}

    @staticmethod
    def scram(bits: int) -> dict[str, str]:
        return {"security.protocol": "SASL_PLAINTEXT", **_login(f"SCRAM-SHA-{bits}")}

    @staticmethod
    def bearer(endpoint: str) -> dict[str, str]:
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": USER,
            "sasl.oauthbearer.client.secret": PASSWORD,
            "sasl.oauthbearer.token.endpoint.url": endpoint,
        }


def _login(mechanism: str) -> dict[str, str]:
    return {"sasl.mechanism": mechanism, "sasl.username": USER, "sasl.password": PASSWORD}


@contextmanager
def broker(work: Path) -> Iterator[Secure]:
    """One broker of Apache Kafka with all listeners."""
    certificates(work)
    secure = Secure(work, {name: brokers.free_port() for name in LISTENERS})
    plain = brokers.free_port()
    out = ",".join([f"PLAINTEXT://127.0.0.1:{plain}", *(f"{n}://127.0.0.1:{p}" for n, p in secure.ports.items())])
    extra = PROPERTIES.format(listeners=out + ",CONTROLLER://127.0.0.1:{controller}", listeners_out=out, work=work)
    scram = [f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
    with brokers.apache(work, extra, port=plain, users=scram):
        yield secure


def certificates(work: Path) -> None:
    """An authority of our own, a broker's certificate for 127.0.0.1, one for another host, and a client's."""
    _openssl(work, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ours -keyout ca.key -out ca.pem")
    _openssl(work, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=theirs -keyout theirs.key -out theirs.pem")
    for who, name in (("broker", "IP:127.0.0.1"), ("other", "DNS:kafka.elsewhere"), ("client", "DNS:client")):
        (work / f"{who}.ext").write_text(f"subjectAltName={name}\n")
        _openssl(work, f"req -newkey rsa:2048 -nodes -subj /CN={who} -keyout {who}.key -out {who}.csr")
        signed = f"-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {who}.ext"
        _openssl(work, f"x509 -req -in {who}.csr {signed} -out {who}.crt")
        (work / f"{who}.pem").write_text("".join((work / f"{who}.{part}").read_text() for part in ("key", "crt")))


def _openssl(work: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=work, check=True, capture_output=True)


class _Tokens(BaseHTTPRequestHandler):
    """OIDC's client credentials grant, with unsigned tokens as Kafka's unsecured validator takes them."""

    def do_POST(self) -> None:
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        pair = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        granted = form.get("grant_type") == ["client_credentials"] and pair == f"{USER}:{PASSWORD}"
        body = {"access_token": _token(), "token_type": "bearer", "expires_in": 600} if granted else {"error": "no"}
        self.send_response(200 if granted else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _token() -> str:
    now = int(time.time())
    claims = {"sub": USER, "iat": now, "exp": now + 600, "scope": "kafka"}
    parts = (base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in ({"alg": "none"}, claims))
    return ".".join([*parts, ""])


@contextmanager
def token_endpoint() -> Iterator[str]:
    """The address of a token endpoint on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token"
    finally:
        server.shutdown()
        server.server_close()
