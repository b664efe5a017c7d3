"""A whole stand-in of AWS that verifies signatures (moto's server) behind TLS, and boto3 as sessions have it."""

from __future__ import annotations

import contextlib
import importlib
import json
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from nbkeep_runtime.sandbox.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Generator

    from egress_parts import Authority, Outside
    from nbkeep.egress.aws_keys import AwsKeys
    from nbkeep.egress.signing import Scope

# They tell nothing of their types.
_boto3: Any = importlib.import_module("boto3")
_auth: Any = importlib.import_module("botocore.auth")
_request: Any = importlib.import_module("botocore.awsrequest")
_credentials: Any = importlib.import_module("botocore.credentials")
_config: Any = importlib.import_module("botocore.config")
ClientError: Any = importlib.import_module("botocore.exceptions").ClientError
TransferConfig: Any = importlib.import_module("boto3.s3.transfer").TransferConfig

REGION = "eu-central-1"
S3 = "s3.eu-central-1.amazonaws.com"
DYNAMO = "dynamodb.eu-central-1.amazonaws.com"
BUCKET = "lake"
FAKE = "nbkeep-placeholder-lake"


@dataclass
class Aws:
    """A server with a bucket and one user, who may do all; nothing is served without a valid signature."""

    url: str
    port: int
    access_key_id: str
    secret: str

    @property
    def value(self) -> str:
        """The user's keys as somebody keeps them."""
        return f"{self.access_key_id}:{self.secret}"

    def own(self, service: str, authority: Authority) -> Any:
        """Return the user's own client, past all gateways."""
        return client(service, self.url, self.access_key_id, self.secret, str(authority.file))


def client(service: str, url: str, key: str, secret: str, trusted: str, **config: Any) -> Any:
    """Return a client of boto3 that asks once."""
    made = _config.Config(retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=60, **config)
    session = _boto3.Session(key, secret, region_name=config.get("region_name", REGION))
    return session.client(service, endpoint_url=url, verify=trusted, config=made)


@contextlib.contextmanager
def aws(authority: Authority, address: str = "127.0.0.1", *names: str) -> Generator[Aws]:
    """Run one."""
    hosts = (S3, f"*.{S3}", DYNAMO, address, *names)
    authority.server_context(*hosts)
    folder = authority.file.parent
    pem = str(folder / f"{S3}.pem")
    server = Path(__file__).with_name("moto_behind_tls.py")
    with (folder / "moto.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(server), pem, pem, address],
            env={"PATH": "/usr/bin:/bin", "INITIAL_NO_AUTH_ACTION_COUNT": "1000"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield _prepared(f"https://{address}:{port}", port, authority)
    finally:
        process.kill()
        process.communicate()


def _prepared(url: str, port: int, authority: Authority) -> Aws:
    first = [url, "first", "first-secret", str(authority.file)]
    iam, s3 = client("iam", *first), client("s3", *first)
    iam.create_user(UserName="jane")
    keys = iam.create_access_key(UserName="jane")["AccessKey"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="jane", PolicyName="all", PolicyDocument=json.dumps(allow))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    with httpx.Client(verify=authority.client_context()) as http:
        http.post(f"{url}/moto-api/reset-auth", content=b"0").raise_for_status()
    return Aws(url, port, keys["AccessKeyId"], keys["SecretAccessKey"])


def signature_of(
    method: str, host: str, target: bytes, headers: list[tuple[bytes, bytes]], keys: AwsKeys, scope: Scope
) -> bytes:
    """Return the header Authorization that botocore makes for a message: what it says of date and body counts."""
    given = {name.decode(): value.decode() for name, value in headers}
    lower = {name.lower(): value for name, value in given.items()}
    signed = lower["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = _request.AWSRequest(
        method, f"https://{host}{target.decode()}", {name: lower[name] for name in signed if name != "host"}
    )
    request.context["timestamp"] = lower["x-amz-date"]
    made = _auth.S3SigV4Auth if scope.is_s3 else _auth.SigV4Auth
    known = _credentials.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token or None)
    auth = made(known, scope.service, scope.region)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    said = f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={';'.join(signed)}, Signature={signature}"
    return said.encode()


@contextlib.contextmanager
def way_out(outside: Outside) -> Generator[dict[str, str]]:
    """Give the proxies that programs in a session use."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    relay, wanted = Relay(("127.0.0.1", port), str(outside.path())), [True]

    def serve() -> None:
        relay.run(lambda: bool(wanted))
        relay.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield dict.fromkeys(("http", "https"), f"http://127.0.0.1:{port}")
    finally:
        wanted.clear()
        thread.join(10)
