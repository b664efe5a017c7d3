"""Datasets as programs in a session read them: by an address, with the gateway's signature on the way out."""

from __future__ import annotations

import asyncio
import csv
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from data_parts import OBJECTS, authority, cloud, reading, sales
from egress_parts import OTHER, SESSION
from moto_parts import BUCKET, REGION, way_out
from nbkeep.data.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from data_parts import Reading
    from egress_parts import Authority
    from moto_parts import Aws

__all__ = ["authority", "cloud", "reading"]
AT = "http://sales.data.nbkeep"


def listed(reading: Reading, path: str = "/?format=json") -> dict[str, Any]:
    status, headers, body = reading.read(path)
    assert (status, headers["content-type"]) == (200, "application/json"), body
    return json.loads(body)


def test_the_sample_is_open_without_a_grant_and_the_rest_is_not(reading: Reading) -> None:
    assert reading.read("/2026-01/a.csv")[::2] == (200, OBJECTS["sales/2026-01/a.csv"])
    assert reading.read("/2026-01/b%20c%2Bd.csv")[::2] == (200, OBJECTS["sales/2026-01/b c+d.csv"])
    for path in ("/2026-02/a.csv", "/2026-01/deep/x.csv"):
        status, _, said = reading.read(path)
        assert status == 403
        assert b"only the sample of sales is open without a grant" in said
        assert b"nbkeep dataset request sales" in said


def test_a_grant_opens_all_of_it_and_ends_by_itself(reading: Reading, cloud: Aws) -> None:
    reading.reader(granted=["sales"])
    assert reading.read("/2026-02/a.csv")[2] == OBJECTS["sales/2026-02/a.csv"]
    reading.moments.advance(601)
    assert reading.read("/2026-02/a.csv")[0] == 403
    assert reading.read("/2026-01/a.csv")[0] == 200


def test_parts_and_heads(reading: Reading) -> None:
    reading.reader(granted=["sales"])
    big = OBJECTS["sales/2026-02/big.bin"]
    status, headers, body = reading.read("/2026-02/big.bin", {"Range": "bytes=100-199"})
    assert (status, body) == (206, big[100:200])
    assert headers["content-range"] == f"bytes 100-199/{len(big)}"
    status, headers, body = reading.read("/2026-02/big.bin", method="HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(big)), b"")
    assert not [one for one in headers if one.startswith("x-amz")]
    assert reading.read("/2026-02/big.bin", {"Range": "bytes=99999999-"})[0] == 416
    assert reading.read("/2026-02/none")[0] == 404


def test_listings_have_what_may_be_read(reading: Reading) -> None:
    assert [one["key"] for one in listed(reading)["objects"]] == ["2026-01/a.csv", "2026-01/b c+d.csv"]
    reading.reader(granted=["sales"])
    told = listed(reading)
    assert [one["key"] for one in told["objects"]] == sorted(
        key.removeprefix("sales/") for key in OBJECTS if key.startswith("sales/")
    )
    assert told["access"] == "whole"
    assert told["objects"][1]["url"] == f"{AT}/2026-01/b%20c%2Bd.csv"
    assert [one["key"] for one in listed(reading, "/?format=json&prefix=2026-02/")["objects"]] == [
        "2026-02/a.csv",
        "2026-02/big.bin",
    ]
    assert [one["key"] for one in listed(reading, "/?format=json&after=2026-02/a.csv")["objects"]] == [
        "2026-02/big.bin"
    ]
    page = reading.read("/")[2].decode()
    assert '<a href="/2026-01/b%20c%2Bd.csv">2026-01/b c+d.csv</a>' in page


def test_long_listings_go_on_where_they_ended(
    reading: Reading, monkeypatch: pytest.MonkeyPatch, cloud: Aws
) -> None:
    monkeypatch.setattr("nbkeep.data.listing.PAGE", 2)
    reading.reader(granted=["sales"])
    seen: list[str] = []
    path = "/?format=json"
    while path:
        told = listed(reading, path)
        seen += [one["key"] for one in told["objects"]]
        path = (told["next"] or "").removeprefix(AT)
    assert seen == sorted(key.removeprefix("sales/") for key in OBJECTS if key.startswith("sales/"))


def test_few_listings_of_a_session_are_in_memory_at_once(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, most = 0, 0

    async def counted(*arguments: Any) -> tuple[int, bytes]:
        nonlocal now, most
        now += 1
        most = max(now, most)
        try:
            return await fetch(*arguments)
        finally:
            now -= 1

    monkeypatch.setattr("nbkeep.data.endpoint.fetch", counted)
    with ThreadPoolExecutor(16) as pool:
        found = [status for status, _, _ in pool.map(reading.read, ["/?format=json"] * 24)]
    assert found == [200] * 24
    assert 1 <= most <= 4


def test_a_key_that_no_address_can_name_ends_no_listing(
    reading: Reading, monkeypatch: pytest.MonkeyPatch, cloud: Aws, authority: Authority
) -> None:
    monkeypatch.setattr("nbkeep.data.listing.PAGE", 1)
    own = cloud.own("s3", authority)
    own.put_object(Bucket=BUCKET, Key="sales/2026-02//odd", Body=b"")
    reading.reader(granted=["sales"])
    first = listed(reading, "/?format=json&prefix=2026-02/")
    own.delete_object(Bucket=BUCKET, Key="sales/2026-02//odd")
    assert first["objects"] == []
    assert [one["key"] for one in listed(reading, first["next"].removeprefix(AT))["objects"]] == [
        "2026-02/a.csv"
    ]


def test_programs_read_it_by_its_address(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    with way_out(reading) as proxies:
        monkeypatch.setenv("http_proxy", proxies["http"])
        monkeypatch.delenv("no_proxy", raising=False)
        found = httpx.get(f"{AT}/2026-01/a.csv", timeout=30).raise_for_status()
        assert [one["n"] for one in csv.DictReader(found.text.splitlines())] == ["1", "3"]
        said = subprocess.run(
            ["curl", "-sS", "-r", "0-2", f"{AT}/2026-01/a.csv"], capture_output=True, check=True
        )
        assert said.stdout == b"n,m"
        refused = subprocess.run(
            ["curl", "-sS", f"{AT}/2026-02/a.csv"], capture_output=True, check=True, text=True
        )
        assert "What you can do: Ask its owner" in refused.stdout


def test_a_read_is_reported_once_before_its_first_byte_and_never_without(reading: Reading) -> None:
    reading.read("/")
    reading.read("/2026-01/a.csv", method="HEAD")
    assert reading.reported == []
    reading.office.is_away = True
    status, _, said = reading.read("/2026-01/a.csv")
    assert status == 503
    assert b"cannot be put on record" in said
    assert OBJECTS["sales/2026-01/a.csv"] not in said
    reading.office.is_away = False
    reading.read("/2026-01/a.csv")
    reading.read("/2026-01/a.csv")
    assert reading.reported == [(SESSION, "dat_sales")]


def test_connections_are_on_record_without_keys_of_objects(reading: Reading, cloud: Aws) -> None:
    for count, path in enumerate(("/2026-01/a.csv", "/2026-02/a.csv", "/2026-01/none.csv"), 1):
        reading.read(path)
        reading.records(count)
    first, second, third = reading.records(3)
    assert (first.host, first.port, first.allowed, first.rule_id) == (
        "127.0.0.1",
        cloud.port,
        True,
        "dataset sales",
    )
    assert (second.host, second.allowed) == ("sales.data.nbkeep", False)
    assert third.allowed
    assert "csv" not in "".join(f"{one.reason}{one.rule_source}" for one in reading.kept.ended_ones)


def test_what_is_taken_out_or_whose_keys_end_is_read_no_more(reading: Reading, cloud: Aws) -> None:
    reading.publish()
    status, _, said = reading.read("/2026-01/a.csv")
    assert (status, b"there is no dataset sales" in said) == (404, True)
    reading.publish(sales(cloud))
    reading.take([])
    assert reading.read("/2026-01/a.csv")[0] == 503


def _end_grant(reading: Reading, cloud: Aws) -> None:
    reading.reader()


def _lower_class(reading: Reading, cloud: Aws) -> None:
    reading.reader(ceiling="internal", granted=["sales"])


def _take_out(reading: Reading, cloud: Aws) -> None:
    reading.publish(sales(cloud, "another"))


def _raise_class(reading: Reading, cloud: Aws) -> None:
    reading.reader(ceiling="confidential", granted=["sales"])
    reading.publish(sales(cloud, classification="pii"))


def _let_time_pass(reading: Reading, cloud: Aws) -> None:
    reading.moments.advance(601)  # nobody tells the gateway: the office may be away


@pytest.mark.parametrize("end", [_end_grant, _lower_class, _take_out, _raise_class, _let_time_pass])
def test_a_transfer_is_cut_when_it_may_not_be_any_more(
    reading: Reading, cloud: Aws, authority: Authority, end: Callable[[Reading, Aws], None]
) -> None:
    cloud.own("s3", authority).put_object(Bucket=BUCKET, Key="sales/2026-02/huge", Body=b"x" * (32 << 20))
    reading.reader(granted=["sales"])
    with reading.connect() as sock:
        sock.sendall(b"GET http://sales.data.nbkeep/2026-02/huge HTTP/1.1\r\nHost: sales.data.nbkeep\r\n\r\n")
        assert sock.recv(1000)
        following = asyncio.run_coroutine_threadsafe(reading.datasets.follow_clock(), reading.loop)
        reading.call(list)  # behind it: the clock is followed
        try:
            end(reading, cloud)
            reading.records(1)
        finally:
            following.cancel()
        count = 0
        while data := sock.recv(1 << 20):
            count += len(data)
    assert count < 32 << 20
    assert "the rules changed" in reading.records(1)[-1].reason


def test_public_objects_are_read_without_keys(reading: Reading, cloud: Aws, authority: Authority) -> None:
    reading.publish(sales(cloud, "open", secret_id=""))
    own = cloud.own("s3", authority)
    own.put_object(Bucket=BUCKET, Key="sales/2026-01/open.csv", Body=b"open", ACL="public-read")
    status, _, _ = reading.read("/2026-01/a.csv", host="open.data.nbkeep")
    assert status == 404  # without a signature the server gives nothing that is not public


def test_sessions_that_are_not_known_read_nothing(reading: Reading) -> None:
    reading.reach(session_id=OTHER)
    status, _, said = reading.read("/2026-01/a.csv", session_id=OTHER)
    assert (status, b"cleared for no data" in said) == (403, True)


def test_names_have_no_case_and_other_ways_are_told_of_the_right_one(reading: Reading, cloud: Aws) -> None:
    assert reading.read("/2026-01/a.csv", host="SALES.data.nbkeep.")[0] == 200
    said = reading.ask(b"CONNECT sales.data.nbkeep:443 HTTP/1.1\r\nHost: sales.data.nbkeep:443\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"http://sales.data.nbkeep/KEY" in said
    assert REGION not in said.decode()
    assert replace(sales(cloud), name="x").address == "http://x.data.nbkeep/"
