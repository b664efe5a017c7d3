"""How uploads to hosts are treated: who says so, what gateways are told, which entry counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard_parts import PROFILE, say
from nbkeep.audit.search import Wanted, search
from nbkeep.egress.leaving.places import Places, Treatment
from nbkeep.egress.leaving.told import read_told
from nbkeep.guard import uploads
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Found, Gate
from nbkeep.sessions.policies import live_policies, policy_of_row
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.tables import SessionRow
from nbkeep.store.upload_tables import UploadPlaceRow
from office_parts import OfficeForTests, client_for


def put(office: OfficeForTests, host: str, treatment: str, by: Actor = OPERATOR) -> None:
    with office.store.write() as tx:
        uploads.set_place(tx, office.clock, by, host, treatment)


def sent(office: OfficeForTests, session_id: str, gate: Gate = Gate.UPLOAD) -> dict[Found, str]:
    """Return what the gateway decides at a gate for a session."""
    with office.store.read() as tx:
        (policy,) = live_policies(tx, office.settings, office.clock.now(), session_id)
    told = read_told(policy.leaving)
    return {one: told.judge(gate, [one]).decision.value for one in Found if policy.leaving}


def test_what_is_set_is_told_to_gateways_and_on_record(any_office: OfficeForTests) -> None:
    office = any_office
    for _ in range(2):
        put(office, "*.ACME.local.", "trusted")
    put(office, "*.acme.local", "closed")
    put(office, "10.1.0.0/16", "trusted")
    with office.store.read() as tx:
        assert uploads.told_places(tx) == [
            {"host": "*.acme.local", "treatment": "closed"},
            {"host": "10.1.0.0/16", "treatment": "trusted"},
        ]
        assert uploads.explain_place(tx, OPERATOR, "API.acme.local")["by"] == "*.acme.local"
        assert uploads.explain_place(tx, OPERATOR, "10.1.2.3")["treatment"] == "trusted"
    with office.store.write() as tx:
        uploads.unset_place(tx, office.clock, OPERATOR, "*.acme.local")
        with pytest.raises(Refused) as refusal:
            uploads.unset_place(tx, office.clock, OPERATOR, "*.acme.local")
    assert refusal.value.status == 404
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(type="upload")).records
    changes = [(one["type"], one["data"]["host"]) for one in found]
    assert [kind for kind, _ in changes].count("upload.set") == 3
    assert ("upload.unset", "*.acme.local") in changes


@pytest.mark.parametrize(
    ("host", "treatment"),
    [
        ("", "closed"), ("a b", "closed"), ("https://acme.local", "closed"), ("*", "open"), ("acme.local", ""),
        ("a.*.local", "closed"), ("10.0.0.1/8", "closed"), ("0x7f.1", "closed"), ("x" * 300, "closed"),
        ("<script>", "closed"),
    ],
)  # fmt: skip
def test_what_is_no_host_or_no_treatment_is_refused(
    office: OfficeForTests, host: str, treatment: str
) -> None:
    with pytest.raises(Refused) as refusal:
        put(office, host, treatment)
    assert refusal.value.status == 400


def test_only_officers_set_and_auditors_see(office: OfficeForTests) -> None:
    put(office, "paste.example", "closed")
    ada = office.user("ada", Role.ADMIN)
    for actor in (office.user("jane"), office.user("eve", Role.AUDITOR),
                  replace(ada, scopes=ada.scopes - {"admin:releases"})):  # fmt: skip
        with pytest.raises(Refused) as refusal:
            put(office, "paste.example", "trusted", actor)
        assert refusal.value.status == 403
        with office.store.write() as tx, pytest.raises(Refused):
            uploads.unset_place(tx, office.clock, actor, "paste.example")
    with office.store.read() as tx:
        assert uploads.told_places(tx) == [{"host": "paste.example", "treatment": "closed"}]
        with pytest.raises(Refused):
            uploads.list_places(tx, office.user("bob"))


def test_a_word_of_another_release_closes(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        tx.add(UploadPlaceRow(host="x.example", treatment="mirrored", set_at=office.clock.now(), set_by="x"))
    with office.store.read() as tx:
        assert uploads.told_places(tx) == [{"host": "x.example", "treatment": "closed"}]


def test_the_closest_entry_counts() -> None:
    places = Places([
        ("*", Treatment.CLOSED), ("*.acme.local", Treatment.TRUSTED), ("paste.acme.local", Treatment.CLOSED),
        ("*.in.acme.local", Treatment.EXAMINED), ("10.0.0.0/8", Treatment.TRUSTED),
        ("10.9.0.0/16", Treatment.EXAMINED), ("10.9.9.9", Treatment.CLOSED),
    ])  # fmt: skip
    cases = {
        ("api.acme.local", "10.9.9.9"): "trusted", ("paste.acme.local", "10.1.1.1"): "closed",
        ("a.in.acme.local", ""): "examined", ("in.acme.local", ""): "trusted", ("acme.local", ""): "closed",
        ("evilacme.local", ""): "closed", ("other.example", "10.1.1.1"): "trusted",
        ("other.example", "10.9.1.1"): "examined", ("10.9.9.9", "10.9.9.9"): "closed",
        ("10.2.2.2", ""): "trusted", ("::ffff:10.9.9.9", ""): "closed", ("192.0.2.1", ""): "closed",
    }  # fmt: skip
    assert {case: places.of(*case)[1].value for case in cases} == cases
    assert Places().of("any.example") == ("", Treatment.EXAMINED)


def test_a_session_is_told_nothing_where_all_of_it_may_go(any_office: OfficeForTests) -> None:
    session_id = any_office.ready(any_office.user("jane"))
    assert sent(any_office, session_id) == {}
    say(any_office, "everywhere", "export", secret="deny")
    assert sent(any_office, session_id) == {}
    say(any_office, "everywhere", "upload", secret="deny")
    assert sent(any_office, session_id) == {
        Found.SECRET: "deny", Found.PERSONAL: "allow", Found.UNREAD: "allow", Found.NOTHING: "allow"
    }  # fmt: skip
    assert set(sent(any_office, session_id, Gate.PUSH).values()) == {"allow"}


def test_gateways_are_told_which_sessions_are_of_one_person(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    janes = {office.ready(jane, name="one"), office.ready(jane, name="two")}
    johns = office.ready(office.user("john"))
    with office.store.read() as tx:
        told = {one.session_id: one.person for one in live_policies(tx, office.settings, office.clock.now())}
        again = policy_of_row(tx, office.settings, tx.get_one(SessionRow, johns), office.clock.now())
    assert {told[one] for one in janes} == {jane.id}
    assert told[johns] == again.person != jane.id


def test_the_class_that_another_session_of_the_home_carries_holds(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    reader, plain = office.ready(jane, name="reader"), office.ready(jane, name="plain")
    johns = office.ready(office.user("john"))
    say(office, "class:pii", "upload", personal="deny")
    say(office, f"profile:{PROFILE}", "push", unread="deny")
    assert sent(office, plain)[Found.PERSONAL] == "allow"
    with office.store.write() as tx:
        tx.add(DatasetReadRow(session_id=reader, dataset_id="dat_1", dataset="x", classification="pii",
                              first_at=office.clock.now()))  # fmt: skip
    assert sent(office, reader)[Found.PERSONAL] == sent(office, plain)[Found.PERSONAL] == "deny"
    assert sent(office, johns)[Found.PERSONAL] == "allow"
    assert sent(office, johns, Gate.PUSH)[Found.UNREAD] == "deny"


def test_the_api_says_what_it_set(office: OfficeForTests) -> None:
    from nbkeep.people import tokens

    ada = office.user("ada", Role.ADMIN)
    with office.store.write() as tx:
        _, token = tokens.create_token(tx, office.clock, ada, "t", sorted(ada.scopes), 86400)
    api = client_for(office.app(), token)
    assert api.patch("/api/v1/uploads", json={"host": "*", "treatment": "closed"}).json()["host"] == "*"
    assert api.get("/api/v1/uploads").json()["items"][0]["treatment"] == "closed"
    assert api.get("/api/v1/uploads/explain", params={"host": "a.example"}).json()["by"] == "*"
    assert api.delete("/api/v1/uploads", params={"host": "*"}).status_code == 204
    assert api.delete("/api/v1/uploads", params={"host": "*"}).status_code == 404
