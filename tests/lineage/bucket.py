"""An S3 server of the tests' own, on loopback, that refuses who shows no right key. What it keeps outlives a stop."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

import boto3
import moto.settings
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
REGION = "eu-central-1"
MAY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


class Server:
    """The server and the one user who may use it; ``env`` is how Playhead is told of both."""

    def __init__(self) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")  # for what makes the user, however often it is tried
        self.start()
        iam, name = self._client("iam", "first", "first"), f"playhead-{self.port}"
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(MAY))
        moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        self.key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self.env = {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": REGION}
        self.env["AWS_ENDPOINT_URL"] = self.address
        self.s3 = self._client("s3", self.key, self.secret)

    def _client(self, kind: str, key: str, secret: str) -> Any:
        given = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": REGION}
        return boto3.client(kind, endpoint_url=self.address, **given)

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def make(self, name: str) -> str:
        """A new bucket; the URL of a lake in it."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return f"s3://{name}/tape"

    def sizes(self, url: str) -> dict[str, int]:
        """The lake's files, as the bucket lists them."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/main/")
        return {o["Key"]: o["Size"] for page in pages for o in page.get("Contents", [])}
