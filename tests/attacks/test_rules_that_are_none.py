"""Texts in allow-lists that two programs could read differently, or that are none: refused, and nothing changes."""

from __future__ import annotations

import pytest

from office_parts import OfficeForTests, client_for, office

__all__ = ["office"]
pytestmark = pytest.mark.attack
BAD = (
    "127.1",
    "0x7f000001",
    "2130706433",
    "010.0.0.1",
    "*.*.acme.local",
    "*acme.local",
    "acme.*",
    "a b",
    "acme.local:0",
    "acme.local:99999",
    "acme.local:http",
    "10.0.0.1/8",
    "[::1",
    "fe80::1%eth0",
    "https://acme.local/",
    "user@acme.local",
    "acme..local",
    "-acme.local",
    "x" * 300,
    "\u202eacme.local",
    "acme.local\0",
    "acme.local\nevil.example ",
)


def test_bad_rules_get_a_clear_error_and_change_nothing(office: OfficeForTests) -> None:
    api = client_for(office.app(), "operator-token-of-this-test")
    path = "/api/v1/profiles/notebook-cpu-small"
    assert api.patch(path, json={"egress_allowlist": ["pypi.org"]}).status_code == 200
    before = api.get(path).json()
    for bad in BAD:
        for field in ("egress_allowlist", "egress_denylist", "egress_asklist"):
            answer = api.patch(path, json={field: ["good.example", bad], "public_internet": True})
            assert answer.status_code == 400, (bad, answer.text)
            assert answer.json()["code"] == f"invalid-{field}"
            assert answer.json()["remedy"], bad
    for bad in (5, {"a": 1}, [1], [["x"]], True):
        assert api.patch(path, json={"egress_allowlist": bad}).status_code == 400
    many = [f"h{n}.example" for n in range(1001)]
    assert api.patch(path, json={"egress_allowlist": many}).status_code == 400
    assert api.get(path).json() == before
