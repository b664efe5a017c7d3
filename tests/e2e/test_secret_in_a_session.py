"""A secret as its users meet it: code in a session calls a service with a key that it never sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from egress_parts import serving
from keyed_parts import Echo
from moto_parts import BUCKET, REGION, aws
from platform_parts import wait_for

if TYPE_CHECKING:
    from trusting_parts import Trusting

pytestmark = pytest.mark.e2e
VALUE = "sk-live-51-Xq7-never-inside"

CALL = """
import os, urllib.request, urllib.error
def call(url):
    ask = urllib.request.Request(url, headers={{"Authorization": "Bearer " + os.environ["MODEL_KEY"]}})
    try:
        return urllib.request.urlopen(ask, timeout=30).read().decode()
    except urllib.error.HTTPError as error:
        return f"{{error.code}} {{error.read().decode()}}"
print(os.environ["MODEL_KEY"], "|", call("https://{host}:{port}/model"))
"""
CURL = """
import subprocess
print(subprocess.run(["curl", "-sS", "https://{host}:{port}/curl"], capture_output=True, text=True))
"""
LAKE = """
import os, polars as pl
at = {{"aws_endpoint_url": "https://{host}:{port}"}}
pl.DataFrame({{"a": [1, 2]}}).write_parquet("s3://lake/a/b.parquet", storage_options=at)
print(os.environ["AWS_ACCESS_KEY_ID"], pl.scan_parquet("s3://lake/a/*.parquet", storage_options=at).collect()["a"].sum())
"""
LOOK = """
import glob
found = []
for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/run/nbkeep/*/*"):
    try:
        found.append(open(name, "rb").read())
    except OSError:
        pass
looked = b"".join(found)
print(len(found) > 3, looked.count(b"sk-live-51-"), looked.count(b"PRIVATE KEY"), looked.count(b"{key}"))
"""


def test_code_calls_a_service_with_a_key_that_it_never_sees(trusting: Trusting) -> None:
    platform, host, address = trusting.platform, trusting.host, trusting.address
    with (
        serving(Echo(trusting.authority, host, address=address)) as echo,
        aws(trusting.authority, address, host) as cloud,
    ):
        place = {"host": host, "port": echo.port}
        allowed = f"{host}:{echo.port},{cloud.port},{address}:{echo.port},{cloud.port}"
        set_up = platform.run("profile", "set", "notebook-cpu-small", "--egress-allowlist", allowed)
        assert set_up.returncode == 0, set_up.stderr
        person = platform.person()
        made = platform.office.post(
            "/secrets",
            json={"name": "model", "value": VALUE, "hosts": [f"{host}:{echo.port}"],
                  "header": "Authorization: Bearer {}", "env": "MODEL_KEY", "grants": [f"user:{person.name}"]},
        )  # fmt: skip
        assert made.status_code == 201, made.text
        made = platform.office.post(
            "/secrets",
            json={"name": "lake", "value": cloud.value, "hosts": [f"{host}:{cloud.port}"], "sigv4": f"{REGION}/s3",
                  "grants": [f"user:{person.name}"]},
        )  # fmt: skip
        assert made.status_code == 201, made.text
        person.sign_in()
        session = person.start("notebook-cpu-small")
        session.open()
        kernel = session.kernel()

        def runs(code: str) -> str:
            return session.execute(kernel, code.format(**place) if "{host}" in code else code, 90)

        said = wait_for(lambda: _if("GET /model", runs(CALL)), 60, "an answer of the service")
        assert said.startswith("nbkeep-placeholder-model | GET /model Bearer ****"), said
        assert echo.sent("Authorization") == [f"Bearer {VALUE}"]
        assert "GET /curl" in runs(CURL)
        assert echo.sent("Authorization") == [f"Bearer {VALUE}"]
        assert runs(LAKE.replace("{port}", str(cloud.port))).split() == ["nbkeep-placeholder-lake", "3"]
        listed = cloud.own("s3", trusting.authority).list_objects_v2(Bucket=BUCKET)
        assert [one["Key"] for one in listed["Contents"]] == ["a/b.parquet"]
        assert runs(LOOK.replace("{key}", cloud.access_key_id)).split() == ["True", "0", "0", "0"]
        leases = platform.office.get("/secret-leases").json()["items"]
        assert {(one["secret"], one["session_id"]) for one in leases} == {
            ("lake", session.id),
            ("model", session.id),
        }
        assert all(one["last_used_at"] for one in leases)

        def log() -> str:
            return platform.office.get("/network/connections", params={"session": session.id}).text

        wait_for(lambda: "with the secret model" in log(), 30, "the records of the gateway")
        # Nothing of it lies in clear, also not in logs.
        for file in platform.data_dir.rglob("*"):
            if file.is_file() and "images" not in file.parts and file.suffix != ".xfs":
                content = file.read_bytes()
                assert VALUE.encode() not in content, file
                assert cloud.secret.encode() not in content, file
        # Within a second of being revoked it goes out no more.
        platform.office.delete("/secrets/model").raise_for_status()
        wait_for(lambda: "Bearer nbkeep-placeholder" in _last(runs(CALL), echo) or "certificate" in runs(CALL), 20,
                 "the end of the secret")  # fmt: skip
        count = len(echo.seen)
        for _ in range(3):
            runs(CALL)
        assert all(f"Bearer {VALUE}" not in str(one) for one in echo.seen[count:])


def _if(text: str, found: str) -> str:
    return found.strip() if text in found else ""


def _last(_said: str, echo: Echo) -> str:
    return str(echo.sent("Authorization"))
