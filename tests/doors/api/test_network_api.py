"""The network log over the API: found by every filter, page by page, and only by whom it concerns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway_parts import FakeGateway, make_gateway
from nbkeep.doors.worker.sweep import forget_old_connections
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.people import tokens
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from office_parts import OfficeForTests, client_for

PROFILE = "notebook-cpu-small"


def client_of(office: OfficeForTests, actor: Actor) -> httpx.Client:
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 86400 * 300)
    return client_for(office.app(), secret)


def operator(office: OfficeForTests) -> httpx.Client:
    return client_for(office.app(), "operator-token-of-this-test")


def change(office: OfficeForTests, **fields: object) -> None:
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, fields, known_to(office.settings))


def filled(office: OfficeForTests) -> tuple[FakeGateway, str, str]:
    """Return a gateway after a day of two people's work, and their sessions."""
    jane, joe = office.user("jane"), office.user("joe")
    change(office, egress_allowlist="pypi.org,*.acme.local", egress_denylist="bad.acme.local")
    hers, his = office.ready(jane), office.ready(joe)
    gateway = make_gateway(office)
    gateway.pull()
    for session_id, host, sent in (
        (hers, "pypi.org", 10),
        (hers, "data.acme.local", 5_000_000),
        (hers, "bad.acme.local", 0),
        (his, "evil.example", 0),
        (his, "pypi.org", 20),
    ):
        office.clock.advance(60)
        gateway.report(gateway.record(session_id, host, bytes_out=sent))
    return gateway, hers, his


def hosts(client: httpx.Client, **params: Any) -> list[str]:
    answer = client.get("/api/v1/network/connections", params=params)
    assert answer.status_code == 200, answer.text
    return [one["host"] for one in answer.json()["items"]]


def test_every_filter_finds_what_it_says(any_office: OfficeForTests) -> None:
    office = any_office
    _, hers, his = filled(office)
    api = operator(office)
    assert hosts(api) == ["pypi.org", "evil.example", "bad.acme.local", "data.acme.local", "pypi.org"]
    assert hosts(api, user="joe") == hosts(api, session=his) == ["pypi.org", "evil.example"]
    assert hosts(api, outcome="refused") == ["evil.example", "bad.acme.local"]
    assert hosts(api, host="*.acme.local", session=hers) == ["bad.acme.local", "data.acme.local"]
    assert hosts(api, host="PyPI.org", user="jane") == ["pypi.org"]
    assert hosts(api, host="*example*") == ["evil.example"]
    assert hosts(api, host="100%") == hosts(api, user="nobody") == hosts(api, session="ses_none") == []
    newest = office.clock.now() - timedelta(seconds=30)
    assert hosts(api, since=newest.isoformat()) == ["pypi.org"]
    assert hosts(api, until=newest.isoformat(), limit=1) == ["evil.example"]
    first = api.get("/api/v1/network/connections", params={"limit": 2}).json()
    second = api.get("/api/v1/network/connections", params={"limit": 3, "cursor": first["next"]}).json()
    assert [one["host"] for one in second["items"]] == ["bad.acme.local", "data.acme.local", "pypi.org"]
    assert second["next"] is None
    for wrong in ({"outcome": "some"}, {"since": "yesterday"}, {"cursor": "x"}, {"limit": 0}):
        assert api.get("/api/v1/network/connections", params=wrong).status_code == 400


def test_what_stands_out_comes_first(any_office: OfficeForTests) -> None:
    _, hers, _ = filled(any_office)
    api = operator(any_office)
    found = api.get("/api/v1/network/top").json()
    assert [one["host"] for one in found["items"]][:2] == ["data.acme.local", "pypi.org"]
    total = found["total"]
    assert (total["connections"], total["refused"], total["hosts"], total["users"]) == (5, 2, 4, 2)
    assert total["bytes_out"] == 5_000_030
    by_user = api.get("/api/v1/network/top", params={"by": "user"}).json()["items"]
    assert [(one["user"], one["refused"]) for one in by_user] == [("jane", 1), ("joe", 1)]
    by_session = api.get("/api/v1/network/top", params={"by": "session", "limit": 1}).json()["items"]
    assert [one["session"] for one in by_session] == [hers]
    by_rule = api.get("/api/v1/network/top", params={"by": "rule", "outcome": "refused"}).json()["items"]
    assert {one["rule"] for one in by_rule} == {"", "deny bad.acme.local:*"}
    assert api.get("/api/v1/network/top", params={"by": "moon"}).status_code == 400
    nothing = api.get("/api/v1/network/top", params={"user": "nobody"}).json()
    assert (nothing["items"], nothing["total"]["bytes_out"], nothing["total"]["last_at"]) == ([], 0, None)


def test_an_explanation_is_that_of_the_rules_in_force_now(office: OfficeForTests) -> None:
    _, hers, _ = filled(office)
    jane = office.user("jana")
    api, own = operator(office), client_of(office, jane)

    def explained(client: httpx.Client, host: str, **params: str) -> dict[str, Any]:
        answer = client.get("/api/v1/network/explain", params={"host": host, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()

    told = explained(api, "x.acme.local", session=hers)
    assert (told["allowed"], told["rule"]["words"]) == (True, "allow *.acme.local:80,443")
    assert f"profile {PROFILE}" in told["words"]
    assert "bad.acme.local" in explained(api, "bad.acme.local:22", session=hers)["rule"]["host"]
    assert explained(own, "pypi.org", profile=PROFILE)["allowed"]
    change(office, egress_denylist=["DELETE@x.acme.local/admin*"])
    about = {"session": hers, "method": "DELETE", "path": "/Admin"}
    told = explained(api, "x.acme.local", **about)
    assert (told["allowed"], told["rule"]["methods"], told["rule"]["path"]) == (False, ["DELETE"], "/admin*")
    assert explained(api, "x.acme.local", **{**about, "method": "GET"})["allowed"]
    change(office, egress_denylist="bad.acme.local")
    change(office, egress_allowlist="none", egress_dry_run=True)
    told = explained(api, "x.acme.local", session=hers)
    assert (told["allowed"], told["would_block"], told["rule"]) == (True, True, None)
    for params in ({}, {"session": hers, "profile": PROFILE}, {"profile": "none"}, {"session": "ses_none"}):
        answer = api.get("/api/v1/network/explain", params={"host": "pypi.org", **params})
        assert answer.status_code in {400, 404}
    assert api.get("/api/v1/network/explain", params={"host": "127.1", "session": hers}).status_code == 400


def test_an_auditor_sees_all_and_changes_nothing(office: OfficeForTests) -> None:
    filled(office)
    auditor = client_of(office, office.user("ada", Role.AUDITOR))
    assert len(hosts(auditor)) == 5
    refused = auditor.patch(f"/api/v1/profiles/{PROFILE}", json={"public_internet": True})
    assert refused.status_code == 403


def test_old_records_go_and_newer_ones_stay(
    any_office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = any_office
    monkeypatch.setattr("nbkeep.doors.worker.sweep._AT_ONCE", 2)  # more than one step
    gateway, hers, _ = filled(office)
    office.clock.advance(office.settings.connections_retention_s - 3600)
    gateway.report(gateway.record(hers, "new.example"))
    assert forget_old_connections(office) == 0
    office.clock.advance(7200)
    assert forget_old_connections(office) == 5
    assert hosts(operator(office)) == ["new.example"]
