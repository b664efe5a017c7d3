"""The page of the catalogue: what users see and ask for, what owners decide, what admins publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.data.records import list_datasets
from nbkeep.model.actor import Role

if TYPE_CHECKING:
    from portal_parts import Person, Portal

FIELDS = {"name": "sales", "s3": "s3://lake/sales", "classification": "internal", "owner": "owner",
          "purpose": "The quarterly report", "samples": "2026-01/*.csv", "secret": "", "region": "eu-central-1",
          "endpoint": "https://s3.acme.local:9000"}  # fmt: skip
REQUEST = {"profile": "notebook-cpu-small", "reason": "Totals", "duration": "2h"}


def _id(portal: Portal, person: Person) -> str:
    with portal.office.store.read() as tx:
        return list_datasets(tx, person.actor)[0].id


def test_an_admin_publishes_a_user_asks_and_the_owner_decides(portal: Portal) -> None:
    ops, jane, owner = portal.person("ops", Role.ADMIN), portal.person(), portal.person("owner")
    assert "No datasets yet" in jane.get("/data")
    assert ops.post("/data", **FIELDS).status_code == 303
    hers = jane.get("/data")
    assert "http://sales.data.nbkeep/" in hers
    assert "The quarterly report" in hers
    assert "Ask owner" in hers
    assert "acme" not in hers
    assert "Publish a dataset" not in hers
    assert "s3://lake/sales/" in owner.get("/data")
    assert "Ask an admin" in owner.get("/data")
    which = _id(portal, ops)
    assert "data-standing" not in jane.get("/data")
    assert jane.post(f"/data/{which}/request", **REQUEST).status_code == 303
    assert 'data-standing="requested"' in jane.get("/data")
    assert "data-standing" not in ops.get("/data")
    queue = owner.get("/grants")
    assert "Totals" in queue
    assert 'id="queue"' in queue
    assert 'id="queue"' not in jane.get("/grants")
    grant = queue.split('data-grant="')[1].split('"')[0]
    assert owner.post(f"/grants/{grant}/approve", duration="1h").status_code == 303
    assert 'id="live"' in owner.get("/grants")
    assert 'data-standing="granted"' in jane.get("/data")
    assert jane.post(f"/data/{which}/remove").status_code == 403
    assert owner.post(f"/data/{which}/remove").status_code == 303
    assert "No datasets yet" in jane.get("/data")
    assert 'id="live"' not in owner.get("/grants")
    assert "taken out of the catalogue" in jane.get("/grants")


def test_an_admin_keeps_the_keys_that_read_it_and_users_see_none_of_them(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    portal.person("owner")
    kept = ops.post("/secrets", name="lake", source="", hosts="s3.acme.local:9000", way="s3", place="eu-central-1",
                    env="", grants="", value="AKIA7777777777777777:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")  # fmt: skip
    assert kept.status_code == 303, kept.text
    assert ops.post("/data", **(FIELDS | {"secret": "lake"})).status_code == 303
    assert "lake" in ops.get("/secrets")
    assert "lake" not in jane.get("/secrets")


def test_what_no_profile_is_cleared_for_is_shown_and_cannot_be_asked_for(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    portal.person("owner")
    assert ops.post("/data", **(FIELDS | {"classification": "pii"})).status_code == 303
    assert "None of your profiles is cleared for it." in jane.get("/data")
    answer = jane.post(f"/data/{_id(portal, ops)}/request", **REQUEST)
    assert answer.status_code == 403
    assert "cleared for" in answer.text


def test_what_is_wrong_with_a_dataset_is_shown_beside_its_field(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    portal.person("owner")
    for change in (
        {"name": "No Name"}, {"s3": "https://lake"}, {"s3": "s3://lake/../x"}, {"classification": "secret"},
        {"owner": "nobody"}, {"purpose": ""}, {"samples": "../*"}, {"secret": "none"}, {"region": "no region"},
        {"endpoint": "http://s3.acme.local"}, {"endpoint": "https://*.acme.local"},
    ):  # fmt: skip
        answer = ops.post("/data", **(FIELDS | change))
        assert answer.status_code in {400, 404}, change
        assert "note bad" in answer.text or 'class="error"' in answer.text, change
    assert jane.post("/data", **FIELDS).status_code == 403
    assert "up to internal" not in ops.get("/data")
    assert "No datasets yet" in ops.get("/data")
