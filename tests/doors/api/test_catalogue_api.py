"""Flavors, profiles, images, volumes, host and configuration over REST."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI

from nbkeep.backends.interface import Volume
from nbkeep.model.actor import Actor
from nbkeep.people.tokens import create_token
from office_parts import OfficeForTests, client_for


@pytest.fixture
def app(office: OfficeForTests) -> FastAPI:
    return office.app()


@pytest.fixture
def operator(app: FastAPI) -> httpx.Client:
    return client_for(app, "operator-token-of-this-test")


def client_of(app: FastAPI, office: OfficeForTests, actor: Actor) -> httpx.Client:
    with office.store.write() as tx:
        _, token = create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 3600)
    return client_for(app, token)


@pytest.fixture
def jane(app: FastAPI, office: OfficeForTests) -> httpx.Client:
    return client_of(app, office, office.user())


def test_the_seeds_are_listed_with_numbers_and_words(operator: httpx.Client) -> None:
    names = {one["name"]: one for one in operator.get("/api/v1/profiles").json()["items"]}
    assert set(names) == {
        "notebook-cpu-small", "notebook-cpu-large", "notebook-gpu-t4", "notebook-gpu-a100", "nb-gpu-l4",
        "nb-gpu-l40s", "nb-gpu-h100", "quarantine",
    }  # fmt: skip
    small = names["notebook-cpu-small"]
    assert (small["cpu_millis"], small["memory_bytes"], small["startable"]) == (2000, 8 << 30, True)
    assert small["words"]["idle_stop"] == "stops after 30 min without work"
    assert names["notebook-gpu-a100"]["why_not"]["message"].startswith("No capacity here")


def test_a_profile_is_created_changed_shown_and_deleted(operator: httpx.Client, jane: httpx.Client) -> None:
    made = operator.post("/api/v1/profiles", json={"name": "mine", "image": "base", "flavor": "notebook-cpu-small",
                                                   "idle_stop": "15min", "max_session": "6h"})  # fmt: skip
    assert made.status_code == 201
    assert (made.json()["idle_stop_s"], made.json()["max_session_s"]) == (900, 21600)
    assert operator.patch("/api/v1/profiles/mine", json={"idle_stop": 600}).json()["idle_stop_s"] == 600
    assert jane.get("/api/v1/profiles/mine").json()["max_session_s"] == 21600
    assert operator.delete("/api/v1/profiles/mine").status_code == 204
    assert jane.get("/api/v1/profiles/mine").status_code == 404
    again = operator.post(
        "/api/v1/profiles", json={"name": "mine", "image": "base", "flavor": "notebook-cpu-small"}
    )
    assert again.status_code == 201


@pytest.mark.parametrize(
    ("values", "code", "told"),
    [
        ({"name": "Bad Name"}, "invalid-name", "small letters"),
        ({"name": "x" * 41}, "invalid-name", "small letters"),
        ({"name": "notebook-cpu-small"}, "profile-exists", "another name"),
        ({"flavor": "no-such"}, "invalid-flavor", "notebook-cpu-small"),
        ({"image": "no-such"}, "invalid-image", "base"),
        ({"image": "../../etc"}, "invalid-image", "base"),
        ({"idle_stop": "soon"}, "invalid-idle_stop", "15min"),
        ({"idle_stop": "-5min"}, "invalid-idle_stop", "15min"),
        ({"idle_stop": "1s"}, "invalid-idle_stop", "30s"),
        ({"idle_stop": "9h", "max_session": "8h"}, "invalid-max_session", "at least as long"),
        ({"network": "internet"}, "invalid-network", "none"),
        ({"classification": "secret"}, "invalid-classification", "confidential"),
        ({"roles": ["boss"]}, "invalid-roles", "notebook.user"),
        ({"display_name": "two\nlines"}, "invalid-display_name", ""),
        ({"colour": "red"}, "invalid-field", "display_name"),
        ({"idle_stop": "5min", "idle_stop_s": 900}, "invalid-idle_stop_s", ""),
    ],
)
def test_a_bad_profile_is_refused_with_what_would_be_right(
    operator: httpx.Client, values: dict[str, Any], code: str, told: str
) -> None:
    body = {"name": "mine", "image": "base", "flavor": "notebook-cpu-small", **values}
    answer = operator.post("/api/v1/profiles", json=body)
    assert answer.status_code in {400, 409}
    assert answer.json()["code"] == code
    assert told in answer.json()["message"] + answer.json()["remedy"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"cpu": 0, "memory": "8GiB"}, "invalid-cpu"), ({"cpu": "many"}, "invalid-cpu"), ({"cpu": 2, "memory": "8 apples"}, "invalid-memory"),
        ({"cpu": 2, "memory": "1MB"}, "invalid-memory"), ({"cpu": 2}, "invalid-memory"),
        ({"cpu": 2, "memory": "8GiB", "gpu_type": "a100"}, "invalid-gpu_type"),
        ({"cpu": 2, "memory": "8GiB", "gpu_count": -1}, "invalid-gpu_count"),
        ({"cpu": 2, "memory": "8GiB", "price_per_hour": "-1"}, "invalid-price_per_hour"),
        ({"cpu": 2, "memory": "8GiB", "price_per_hour": "NaN"}, "invalid-price_per_hour"),
    ],
)  # fmt: skip
def test_a_bad_flavor_is_refused(operator: httpx.Client, values: dict[str, Any], code: str) -> None:
    answer = operator.post("/api/v1/flavors", json={"name": "mine", **values})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_flavor_in_use_is_not_deleted_and_a_free_one_is(operator: httpx.Client) -> None:
    answer = operator.delete("/api/v1/flavors/notebook-cpu-small")
    assert (answer.status_code, answer.json()["code"]) == (409, "flavor-in-use")
    operator.delete("/api/v1/profiles/nb-gpu-l4")
    assert operator.delete("/api/v1/flavors/nb-gpu-l4").status_code == 204
    assert operator.get("/api/v1/flavors/nb-gpu-l4").status_code == 404


def test_users_change_nothing_of_the_catalogue(jane: httpx.Client) -> None:
    for method, path in (("POST", "profiles"), ("PATCH", "profiles/notebook-cpu-small"), ("POST", "flavors"),
                         ("DELETE", "profiles/notebook-cpu-small"), ("DELETE", "flavors/nb-gpu-l4"),
                         ("PATCH", "volumes/jane"), ("POST", "config"), ("GET", "config"), ("GET", "host")):  # fmt: skip
        body = {"name": "x", "size": "20GiB"} if method in {"POST", "PATCH"} else None
        answer = jane.request(method, f"/api/v1/{path}", json=body)
        assert answer.status_code in {403, 400}, path
        assert answer.status_code == 403 or path == "config", path


def test_a_disabled_or_foreign_profile_looks_like_none_to_users(
    operator: httpx.Client, jane: httpx.Client
) -> None:
    operator.patch("/api/v1/profiles/notebook-cpu-large", json={"enabled": False})
    operator.patch("/api/v1/profiles/nb-gpu-l4", json={"roles": ["notebook.admin"]})
    for name in ("notebook-cpu-large", "nb-gpu-l4"):
        assert jane.get(f"/api/v1/profiles/{name}").status_code == 404
        assert operator.get(f"/api/v1/profiles/{name}").status_code == 200
    listed = {one["name"] for one in jane.get("/api/v1/profiles").json()["items"]}
    assert not {"notebook-cpu-large", "nb-gpu-l4"} & listed


def test_the_configuration_round_trips_without_changes(
    operator: httpx.Client, office: OfficeForTests
) -> None:
    office.user()
    for kind in ("yaml", "json"):
        text = operator.get("/api/v1/config", params={"format": kind}).text
        answer = operator.post("/api/v1/config", content=text)
        assert answer.json()["changes"] == []
    document = yaml.safe_load(operator.get("/api/v1/config").text)
    assert document["apiVersion"] == "nbkeep/v1"
    assert document["users"][0]["name"] == "jane"
    assert "password" not in text
    assert "hash" not in text


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    operator: httpx.Client, office: OfficeForTests
) -> None:
    office.user()
    document = yaml.safe_load(operator.get("/api/v1/config").text)
    document["profiles"] = [one for one in document["profiles"] if one["name"] != "nb-gpu-l4"]
    document["profiles"][0]["idle_stop"] = "10min"
    del document["profiles"][0]["idle_stop_s"]
    document["users"][0]["max_sessions"] = 7
    text = yaml.safe_dump(document)
    planned = operator.post("/api/v1/config?dry_run=true", content=text).json()["changes"]
    assert [(one["action"], one["kind"]) for one in planned] == [
        ("change", "profile"), ("change", "user"), ("delete", "profile"),
    ]  # fmt: skip
    assert planned[0]["fields"]["idle_stop_s"][1] == 600
    assert operator.get("/api/v1/profiles/nb-gpu-l4").status_code == 200
    assert operator.post("/api/v1/config", content=text).json()["changes"] == planned
    assert operator.get("/api/v1/profiles/nb-gpu-l4").status_code == 404
    assert operator.post("/api/v1/config", content=text).json()["changes"] == []


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "a: &x [1]\nb: *x", "apiVersion: nbkeep/v1\nkind: Other", "{", "\x00", "!!python/object:os.system {}",
        "apiVersion: nbkeep/v1\nkind: Configuration\nsecrets: []", "apiVersion: nbkeep/v1\nkind: Configuration\nflavors: {}",
        "apiVersion: nbkeep/v1\nkind: Configuration\nflavors: [{cpu: 1}]",
        "apiVersion: nbkeep/v1\nkind: Configuration\nusers: [{name: nobody, max_sessions: 1}]",
        "apiVersion: nbkeep/v1\nkind: Configuration\nsettings: {database_url: x}",
        "apiVersion: nbkeep/v1\nkind: Configuration\nprofiles: [{name: a, image: base, flavor: notebook-cpu-small}, {name: a}]",
        "[" * 5000,
    ],
)  # fmt: skip
def test_a_bad_document_is_refused_and_changes_nothing(operator: httpx.Client, text: str) -> None:
    before = operator.get("/api/v1/config").text
    answer = operator.post("/api/v1/config", content=text)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"]
    assert operator.get("/api/v1/config").text == before


def test_one_bad_entry_keeps_the_good_ones_from_being_applied(operator: httpx.Client) -> None:
    document = {"apiVersion": "nbkeep/v1", "kind": "Configuration", "users": [{"name": "nobody"}],
                "flavors": [*operator.get("/api/v1/config?format=json").json()["flavors"],
                            {"name": "new", "cpu": 1, "memory": "1GiB"}]}  # fmt: skip
    assert operator.post("/api/v1/config", content=json.dumps(document)).status_code == 400
    assert operator.get("/api/v1/flavors/new").status_code == 404


def test_a_home_grows_and_never_shrinks(
    operator: httpx.Client, jane: httpx.Client, office: OfficeForTests
) -> None:
    office.backend.volumes["jane"] = Volume("xfs", 10 << 30, 1 << 30, 9 << 30)
    assert operator.patch("/api/v1/volumes/jane", json={"size": "20GiB"}).json()["size_bytes"] == 20 << 30
    answer = operator.patch("/api/v1/volumes/jane", json={"size": "5GiB"})
    assert (answer.status_code, answer.json()["code"]) == (409, "volume-would-shrink")
    assert jane.get("/api/v1/volumes/jane").json()["size_bytes"] == 20 << 30
    assert jane.get("/api/v1/volumes").json()["items"][0]["user"] == "jane"
    office.user("john")
    assert jane.get("/api/v1/volumes/john").status_code == 404
    assert jane.get("/api/v1/volumes/john/usage").status_code == 404
    assert [one["user"] for one in operator.get("/api/v1/volumes").json()["items"]] == ["jane", "john"]


def test_images_and_host_are_shown(operator: httpx.Client, jane: httpx.Client) -> None:
    assert jane.get("/api/v1/images").json()["items"][0]["is_built"] is True
    assert operator.get("/api/v1/host").json()["items"][0]["status"] == "holds"
