"""Attack: write, delete, or smuggle a body through the read-only address of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from data_parts import OBJECTS, authority, cloud, reading
from moto_parts import BUCKET

if TYPE_CHECKING:
    from data_parts import Reading
    from egress_parts import Authority
    from moto_parts import Aws

__all__ = ["authority", "cloud", "reading"]
pytestmark = pytest.mark.attack


def test_nothing_is_written_by_any_method(reading: Reading, cloud: Aws, authority: Authority) -> None:
    reading.reader(granted=["sales"])
    for method in ("PUT", "POST", "DELETE", "PATCH", "OPTIONS", "COPY", "put", "TRACE"):
        for path in ("/2026-01/a.csv", "/new.csv", "/"):
            for headers, body in (({}, b""), ({"Content-Length": "5"}, b"owned")):
                status, _, said = reading.read(path, headers, method=method, body=body)
                assert status == 405, (method, said)
    own = cloud.own("s3", authority)
    found = {one["Key"] for one in own.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert OBJECTS.keys() <= found
    assert "sales/new.csv" not in found
    assert (
        own.get_object(Bucket=BUCKET, Key="sales/2026-01/a.csv")["Body"].read()
        == OBJECTS["sales/2026-01/a.csv"]
    )


def test_headers_that_change_the_method_or_copy_are_not_passed_on(
    reading: Reading, cloud: Aws, authority: Authority
) -> None:
    reading.reader(granted=["sales"])
    for headers in (
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-Amz-Copy-Source": "/lake/other/x.csv"},
        {"X-Amz-Acl": "public-read"},
        {"Authorization": "AWS4-HMAC-SHA256 x", "X-Amz-Date": "20200101T000000Z"},
    ):
        assert reading.read("/2026-01/a.csv", headers)[::2] == (200, OBJECTS["sales/2026-01/a.csv"])
    own = cloud.own("s3", authority)
    assert (
        own.get_object(Bucket=BUCKET, Key="sales/2026-01/a.csv")["Body"].read()
        == OBJECTS["sales/2026-01/a.csv"]
    )


def test_a_body_behind_a_get_goes_nowhere(reading: Reading) -> None:
    for headers in ({"Content-Length": "5"}, {"Transfer-Encoding": "chunked"}):
        assert reading.read("/2026-01/a.csv", headers, body=b"5\r\nowned\r\n0\r\n\r\n")[0] == 405


def test_the_keys_of_datasets_sign_nothing_that_the_session_asks_for_itself(
    reading: Reading, cloud: Aws
) -> None:
    """The session may reach the server, and has the lease: its own requests still go out without it."""
    reading.reach(f"127.0.0.1:{cloud.port}")
    assert reading.call(reading.keys.leases.of, "ses_0000000000000000000a", "127.0.0.1", cloud.port) == ()
