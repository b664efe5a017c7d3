"""Attack: read by a dataset what rules about requests to its host refuse, whatever opens the dataset."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from data_parts import OBJECTS, authority, cloud, reading, sales
from egress_parts import OTHER, SESSION
from moto_parts import REGION, S3
from nbkeep.data.values import Reader
from nbkeep.egress import rules

if TYPE_CHECKING:
    from data_parts import Reading
    from moto_parts import Aws

__all__ = ["authority", "cloud", "reading"]
pytestmark = pytest.mark.attack
CLOSED, OPEN = "/2026-02/a.csv", "/2026-01/a.csv"
SECRET = OBJECTS["sales/2026-02/a.csv"]


def _public(*_: object) -> str:
    return "public"


@pytest.fixture
def named(reading: Reading, cloud: Aws, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """The dataset at a server with a name, all of it granted to two sessions; rules about it can be written."""
    # Where names lead in these tests, no name leads otherwise: that is another rule, with tests of its own.
    monkeypatch.setattr(rules, "kind", _public)
    reading.names.answers[S3] = [["127.0.0.1"]]
    reading.publish(sales(cloud, host=S3))
    until = (reading.moments.now() + timedelta(hours=1)).isoformat()
    told = reading.told.readers
    for session_id in (SESSION, OTHER):
        lease = reading.add(f"{S3}:{cloud.port}", kind="s3", place=REGION, template="s3", value=cloud.value,
                            session_id=session_id, name=f"lake of {session_id}")  # fmt: skip
        told = {**told, session_id: Reader("pii", {"sales": until}, {"sec_lake": lease.lease_id})}
    reading.told = replace(reading.told, readers=told)
    reading.call(reading.datasets.take, reading.told)
    for session_id in (SESSION, OTHER):
        reading.reach(session_id=session_id)
    assert reading.read(CLOSED)[2] == SECRET
    return reading


@pytest.mark.parametrize(
    "rule",
    [f"GET|HEAD@{S3}/lake/sales/2026-02/*", f"{S3}/lake/sales/2026-02/*", "GET|HEAD@*.amazonaws.com/lake/*/2026-02/*",
     f"{S3}/LAKE/Sales/2026-02*"],
)  # fmt: skip
def test_no_writing_of_a_key_gets_past_a_rule_with_a_path(named: Reading, rule: str) -> None:
    named.reach(deny=rule)
    for path in (CLOSED, "/2026%2D02/a.csv", "/%32026-02/a.csv", "/2026-02/%61.csv"):
        status, _, said = named.read(path)
        assert (status, SECRET in said) == (403, False), path
        assert b"is denied by the rule" in said
    for path in ("/2026-01/../2026-02/a.csv", "/./2026-02/a.csv", "//2026-02/a.csv", "/2026-02%2Fa.csv", "/2026-02/a.csv?x=1",
                 "/2026-02/a.csv#", "/x;/../2026-02/a.csv", "/2026-02\\a.csv", "/2026-02/a.csv%00"):  # fmt: skip
        status, _, said = named.read(path)
        assert (status in {400, 403, 404}, SECRET in said) == (True, False), path
    for method in ("HEAD", "get", "POST", "PUT", "OPTIONS", "TRACE", "PROPFIND", "G\tET"):
        status, _, said = named.read(CLOSED, method=method)
        assert (status >= 400, SECRET in said) == (True, False), method
    assert named.read(OPEN)[2] == OBJECTS["sales/2026-01/a.csv"]


def test_no_header_makes_another_request_of_it(named: Reading) -> None:
    named.reach(deny=f"{S3}/lake/sales/2026-02/*")
    for headers in (
        {"X-HTTP-Method-Override": "HEAD"},
        {"X-Original-URL": CLOSED},
        {"X-Rewrite-URL": CLOSED},
        {"x-amz-copy-source": "/lake/sales/2026-02/a.csv"},
        {"Range": "bytes=0-3", "X-Forwarded-Host": S3},
    ):
        assert named.read(CLOSED, headers)[0] == 403
        status, _, said = named.read(OPEN, headers)
        assert status in {200, 206}
        assert OBJECTS["sales/2026-01/a.csv"].startswith(said)


def test_a_rule_about_a_method_holds_for_what_the_gateway_asks_by_itself(named: Reading) -> None:
    named.reach(deny=f"GET@{S3}")
    assert named.read(OPEN)[0] == 403
    assert named.read("/?format=json")[0] == 403  # its listing is a GET of the gateway's
    assert named.read(OPEN, method="HEAD")[0] == 200
    named.reach(deny=f"GET@{S3}/lake/")
    assert named.read(OPEN)[0] == 200


def test_a_listing_of_what_is_refused_is_a_request_of_its_own(named: Reading) -> None:
    named.reach(deny=f"{S3}/lake/sales/2026-02/*")
    listed = json.loads(named.read("/?format=json")[2])["objects"]
    assert any(one["key"].startswith("2026-02/") for one in listed)  # names are told: the page says so
    named.reach(deny=f"{S3}/lake*")
    assert named.read("/?format=json")[0] == 403


def test_another_sessions_rules_are_neither_lent_nor_borrowed(named: Reading) -> None:
    named.reach(deny=f"{S3}/lake/sales/2026-02/*")
    assert named.read(CLOSED)[0] == 403
    assert named.read(CLOSED, session_id=OTHER)[2] == SECRET
    for headers in (
        {"X-Session": OTHER},
        {"Proxy-Authorization": f"Basic {OTHER}"},
        {"Cookie": f"session={OTHER}"},
    ):
        assert named.read(CLOSED, headers)[0] == 403


def test_a_rule_holds_from_the_next_read_on(named: Reading) -> None:
    assert named.read("/2026-02/big.bin")[0] == 200
    named.reach(deny=f"{S3}/lake/sales/2026-02/big*")
    assert named.read("/2026-02/big.bin")[0] == 403
    named.reach(deny=S3)
    assert named.read(OPEN)[0] == 403
