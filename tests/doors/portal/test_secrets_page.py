"""The page of secrets: keep, rotate, grant, end; and never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.actor import Role
from nbkeep.vault.records import list_secrets

if TYPE_CHECKING:
    from portal_parts import Person, Portal

VALUE = "sk-live-51-Xq7-not-on-a-page"
FIELDS = {"name": "openai", "value": VALUE, "hosts": "api.openai.example", "way": "header",
          "place": "Authorization: Bearer {}", "env": "OPENAI_API_KEY", "grants": "user:jane"}  # fmt: skip


def _id(portal: Portal, person: Person) -> str:
    with portal.office.store.read() as tx:
        return list_secrets(tx, person.actor)[0].id


def test_a_person_keeps_rotates_and_ends_a_secret(portal: Portal) -> None:
    jane = portal.person()
    assert "No secrets yet" in jane.get("/secrets")
    assert jane.post("/secrets", **FIELDS).status_code == 303
    found = jane.get("/secrets?done=secret-kept")
    assert "api.openai.example:443" in found
    assert "Kept. Nobody can read it back." in found
    secret = _id(portal, jane)
    assert jane.post(f"/secrets/{secret}/rotate", value="another-value").status_code == 303
    assert jane.post(f"/secrets/{secret}/ungrant", to="user:jane").status_code == 303
    assert "nobody" in jane.get("/secrets")
    assert jane.post(f"/secrets/{secret}/grant", to="user:jane").status_code == 303
    pages = found + jane.get("/secrets")
    assert jane.post(f"/secrets/{secret}/revoke").status_code == 303
    assert "No secrets yet" in jane.get("/secrets")
    assert VALUE not in pages
    assert "another-value" not in pages


def test_what_is_wrong_is_shown_beside_its_field_and_the_value_is_not_given_back(portal: Portal) -> None:
    jane = portal.person()
    for change in ({"hosts": "*.example"}, {"grants": "everyone"}, {"place": "Authorization"}, {"name": "A"}):
        answer = jane.post("/secrets", **(FIELDS | change))
        assert answer.status_code in {400, 403}
        assert VALUE not in answer.text
        assert "note bad" in answer.text


def test_keys_of_aws_are_kept_in_the_form_too(portal: Portal) -> None:
    jane = portal.person()
    keys = {
        "name": "lake",
        "value": "AKIDEXAMPLE:wJalrXUtnFEMI",
        "hosts": "s3.example *.s3.example",
        "way": "sigv4",
    }
    assert "no region and service" in jane.post("/secrets", **(FIELDS | keys)).text
    assert jane.post("/secrets", **(FIELDS | keys | {"place": "eu-central-1/s3"})).status_code == 303
    assert "AWS signature, eu-central-1 s3" in jane.get("/secrets")


def test_an_admin_may_say_where_a_value_lies_and_nobody_else(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    there = FIELDS | {"source": "vault:secret/data/nbkeep/openai#key", "value": "", "grants": ""}
    assert 'name="source"' in ops.get("/secrets")
    assert 'name="source"' not in jane.get("/secrets")
    answer = ops.post("/secrets", **there)
    assert (answer.status_code, "No Vault or OpenBao is connected" in answer.text) == (409, True)
    assert "is no place of a value" in ops.post("/secrets", **(there | {"source": "secret/openai"})).text
    assert jane.post("/secrets", **there).status_code == 403
    assert "No secrets yet" in ops.get("/secrets")


def test_others_secrets_are_neither_seen_nor_changed(portal: Portal) -> None:
    jane, bob = portal.person(), portal.person("bob")
    jane.post("/secrets", **FIELDS)
    assert "openai" not in bob.get("/secrets")
    for verb in ("rotate", "grant", "ungrant", "revoke"):
        answer = bob.post(f"/secrets/{_id(portal, jane)}/{verb}", value="bobs-own-key", to="user:bob")
        assert answer.status_code == 404


def test_an_admin_sees_everybodys_and_ends_them(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    jane.post("/secrets", **FIELDS)
    assert 'data-secret="openai"' in ops.get("/secrets")
    assert ops.post(f"/secrets/{_id(portal, jane)}/grant", to="user:ops").status_code == 403
    assert ops.post(f"/secrets/{_id(portal, jane)}/revoke").status_code == 303


def test_a_link_begins_the_form_with_a_name_and_hosts_and_never_a_value(portal: Portal) -> None:
    jane = portal.person()
    begun = jane.get("/secrets?name=aws-key&hosts=%22%3E%3Cb%3Ex&value=v4lu3")
    assert '<details class="more" open>' in begun
    assert 'value="aws-key"' in begun
    assert "<b>x" not in begun
    assert "v4lu3" not in begun
    assert '<details class="more" open>' not in jane.get("/secrets")
