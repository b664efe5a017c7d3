"""The catalogue inside JupyterLab: what it tells of one session, and what its user can do there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import event

from nbkeep.audit.search import Wanted, search
from nbkeep.connections import change as connections
from nbkeep.connections import parse as connection_parse
from nbkeep.data import change, parse
from nbkeep.grants.decide import approve_grant, deny_grant
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.packages import vulnerabilities
from nbkeep.packages.records import take_packages
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.catalogue import catalogue
from nbkeep.store.tables import UserRow
from nbkeep.vault import change as secrets
from nbkeep.vault import parse as vault_parse
from nbkeep.vault.sources.embedded import EmbeddedSource
from office_parts import any_office, client_for, office

if TYPE_CHECKING:
    import httpx

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
PROFILE = "notebook-cpu-small"
PATH = "/internal/v1/session/catalogue"
ASKED = {"reason": "Totals of the quarter", "duration": "2h"}
HOSTILE = "<img src=x onerror=alert(1)>"


def publish(
    office: OfficeForTests, owner: str = "owner", name: str = "sales", *, samples: tuple[str, ...] = ("*.csv",), classification: str = "internal"
) -> None:  # fmt: skip
    source = parse.source(name, f"s3://lake/{name}", classification, region="eu-central-1",
                          endpoint="https://s3.acme.local:9000", samples=list(samples))  # fmt: skip
    with office.store.write() as tx:
        change.add_dataset(
            tx, office.clock, OPERATOR, source, purpose=f"Orders {HOSTILE}", owner=owner, secret=None
        )


def session_client(office: OfficeForTests, actor: Actor, name: str | None = None) -> httpx.Client:
    """Return the door of a session as its own server has it."""
    return client_for(office.app(), office.launched(actor, name=name)[1])


def told(client: httpx.Client, name: str = "sales") -> dict[str, Any]:
    found = client.get(PATH).raise_for_status().json()["datasets"]
    return next(one for one in found if one["name"] == name)


def the_request(office: OfficeForTests) -> str:
    (found,) = client_for(office.app(), "operator-token-of-this-test").get(
        "/api/v1/grants", params={"state": "requested"}
    ).raise_for_status().json()["items"]  # fmt: skip
    return cast("str", found["id"])


def recorded(office: OfficeForTests, kind: str) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        return [one for one in search(tx, OPERATOR, Wanted(), limit=1000).records if one["type"] == kind]


def test_it_is_asked_for_granted_and_over_by_itself(any_office: OfficeForTests) -> None:
    office = any_office
    owner, jane = office.user("owner"), office.user("jane")
    publish(office)
    client = session_client(office, jane)
    before = told(client)
    assert (before["level"], before["may_ask"], before["until"]) == ("sample", True, None)
    assert (before["decider"], before["address"]) == ("owner", "http://sales.data.nbkeep/")
    assert before["purpose"] == f"Orders {HOSTILE}"
    assert "nbkeep dataset request" not in before["remedy"]  # there is a button
    answer = client.post(f"{PATH}/datasets/sales/ask", json=ASKED).raise_for_status().json()
    assert answer["datasets"][0]["asked"]["reason"] == ASKED["reason"]
    assert told(client)["asked"]["wanted_s"] == 7200
    with office.store.write() as tx:
        approve_grant(tx, office.clock, office.settings, owner, the_request(office))
    granted = told(client)
    assert (granted["level"], granted["may_ask"], granted["asked"]) == ("whole", False, None)
    office.clock.advance(7199)
    assert told(client)["until"] == granted["until"]
    office.clock.advance(1)
    assert (told(client)["level"], told(client)["may_ask"], told(client)["until"]) == ("sample", True, None)


def test_asking_again_changes_nothing_and_withdrawing_ends_it(office: OfficeForTests) -> None:
    office.user("owner")
    publish(office)
    client = session_client(office, office.user("jane"))
    for _ in range(2):
        assert client.post(f"{PATH}/datasets/sales/ask", json=ASKED).status_code == 200
    assert len(recorded(office, "grant.requested")) == 1
    taken = client.post(f"{PATH}/datasets/sales/withdraw", json={}).raise_for_status().json()
    assert taken["datasets"][0]["asked"] is None
    assert client.post(f"{PATH}/datasets/sales/withdraw", json={}).status_code == 404


def test_access_is_given_back_before_its_time(office: OfficeForTests) -> None:
    owner = office.user("owner")
    publish(office)
    client = session_client(office, office.user("jane"))
    client.post(f"{PATH}/datasets/sales/ask", json=ASKED)
    with office.store.write() as tx:
        approve_grant(tx, office.clock, office.settings, owner, the_request(office))
    assert told(client)["level"] == "whole"
    client.post(f"{PATH}/datasets/sales/withdraw", json={}).raise_for_status()
    assert told(client)["level"] == "sample"


def test_why_it_was_denied_is_told_until_one_asks_again(office: OfficeForTests) -> None:
    owner = office.user("owner")
    publish(office, samples=())
    client = session_client(office, office.user("jane"))
    assert told(client)["level"] == "none"
    client.post(f"{PATH}/datasets/sales/ask", json=ASKED)
    with office.store.write() as tx:
        deny_grant(tx, office.clock, owner, the_request(office), "The year is not closed yet")
    assert told(client)["answer"] == {"by": "owner", "said": "The year is not closed yet"}
    office.clock.advance(1)
    client.post(f"{PATH}/datasets/sales/ask", json=ASKED)
    assert told(client)["answer"] is None


def test_what_the_profile_is_not_cleared_for_cannot_be_asked_for_and_says_why(office: OfficeForTests) -> None:
    office.user("owner")
    publish(office, classification="pii")
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, {"classification": "internal"},
                                known_to(office.settings))  # fmt: skip
    client = session_client(office, office.user("jane"))
    seen = told(client)
    assert (seen["level"], seen["may_ask"], seen["closes_internet"]) == ("none", False, False)
    assert "is pii, and the session's profile is cleared for internal data" in seen["why"]
    assert "Start a session of a profile that is cleared for it" in seen["remedy"]
    assert client.post(f"{PATH}/datasets/sales/ask", json=ASKED).status_code == 403


def test_personal_data_says_that_reading_it_closes_the_internet(office: OfficeForTests) -> None:
    office.user("owner")
    publish(office, classification="pii")
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, {"classification": "pii"},
                                known_to(office.settings))  # fmt: skip
    client = session_client(office, office.user("jane"))
    assert told(client)["closes_internet"] is True


def test_who_owns_a_dataset_is_told_that_an_admin_decides(office: OfficeForTests) -> None:
    jane = office.user("jane")
    publish(office, "jane")
    assert told(session_client(office, jane))["decider"] == "an admin"


def test_connections_are_told_with_port_and_whether_they_are_granted(office: OfficeForTests) -> None:
    jane, john = office.user("jane"), office.user("john")
    place = connection_parse.declared(
        "warehouse", postgres="warehouse.acme.local:5432", database="sales", role="reader"
    )
    with office.store.write() as tx:
        binding = vault_parse.binding(["warehouse.acme.local:5432"], postgres="reader")
        secrets.set_secret(
            tx, office.clock, EmbeddedSource(office.settings), OPERATOR, "pw", "hunter2hunter2", binding
        )
        connections.add_connection(tx, office.clock, OPERATOR, place, secret="pw", grants=["user:jane"])
    (mine,) = session_client(office, jane).get(PATH).json()["connections"]
    assert mine == {"name": "warehouse", "kind": "postgres", "local_port": 5432, "is_granted": True,
                    "database": "sales", "has_password": True}  # fmt: skip
    (his,) = session_client(office, john).get(PATH).json()["connections"]
    assert (his["is_granted"], his["database"]) == (False, None)


def test_packages_are_told_with_what_was_refused_and_what_is_known_of_them(office: OfficeForTests) -> None:
    jane = office.user("jane")
    session, token = office.launched(jane)
    _, others = office.launched(office.user("john"))
    now = office.clock.now().isoformat()

    def report(number: int, name: str, version: str, outcome: str, reason: str = "") -> dict[str, Any]:
        return {"id": f"pkg-{number}", "session_id": session, "at": now, "name": name, "version": version,
                "file": f"{name}-{version}.whl", "index": "https://pypi.org/simple", "sha256": "0" * 64,
                "size_bytes": 1, "outcome": outcome, "reason": reason}  # fmt: skip

    records = [report(1, "nbone", "1.0", "installed"), report(2, "nbone", "1.0", "installed"),
               report(3, "evil", "", "refused", "evil is on the deny-list")]  # fmt: skip
    advisory = {
        "id": "GHSA-1",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "nbone"}, "versions": ["1.0"]}],
    }
    with office.store.write() as tx:
        take_packages(tx, office.clock, records)
        vulnerabilities.load(tx, office.clock, OPERATOR, [advisory])
    found = client_for(office.app(), token).get(PATH).json()["packages"]
    said = {one["name"]: one for one in found}
    assert len(found) == 2  # a version fetched twice is one line
    assert said["nbone"]["vulnerabilities"] == ["GHSA-1"]
    assert (said["evil"]["outcome"], said["evil"]["reason"]) == ("refused", "evil is on the deny-list")
    assert client_for(office.app(), others).get(PATH).json()["packages"] == []


def test_it_asks_no_more_of_the_database_for_more_datasets_and_connections(office: OfficeForTests) -> None:
    """Every open panel asks again and again."""
    client = session_client(office, office.user("jane"))

    def questions(number: int) -> int:
        publish(office, office.user(f"owner-{number}").name, f"sales-{number}")
        place = connection_parse.declared(f"queue-{number}", tcp=f"mq-{number}.acme.local:{5000 + number}")
        with office.store.write() as tx:
            connections.add_connection(tx, office.clock, OPERATOR, place, grants=["user:jane"])
        asked: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            asked.append(statement)

        event.listen(office.store.engine, "before_cursor_execute", note)
        try:
            client.get(PATH).raise_for_status()
        finally:
            event.remove(office.store.engine, "before_cursor_execute", note)
        return len(asked)

    first = questions(1)
    assert [questions(number) for number in range(2, 6)] == [first] * 4


def test_an_empty_catalogue_is_empty_lists(office: OfficeForTests) -> None:
    answer = session_client(office, office.user("jane")).get(PATH).json()
    assert (answer["datasets"], answer["connections"], answer["packages"]) == ([], [], [])


@pytest.mark.parametrize(
    "body", [{}, {"reason": "x"}, {"reason": "", "duration": "2h"}, {"reason": "x", "duration": "999d"},
             {"reason": "x", "duration": "soon"}, {"reason": "x" * 2001, "duration": "2h"}],
)  # fmt: skip
def test_a_malformed_request_is_refused_with_words_and_asks_nothing(
    office: OfficeForTests, body: dict[str, Any]
) -> None:
    office.user("owner")
    publish(office)
    client = session_client(office, office.user("jane"))
    answer = client.post(f"{PATH}/datasets/sales/ask", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert told(client)["asked"] is None


def test_who_has_lost_their_account_sees_and_asks_nothing(office: OfficeForTests) -> None:
    jane = office.user("jane")
    office.user("owner")
    publish(office)
    client = session_client(office, jane)
    with office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "disabled"
    assert client.get(PATH).status_code == 403
    assert client.post(f"{PATH}/datasets/sales/ask", json=ASKED).status_code == 403


def test_a_request_is_on_record_as_made_in_the_session(office: OfficeForTests) -> None:
    jane = office.user("jane")
    office.user("owner")
    publish(office)
    client = session_client(office, jane)
    client.post(f"{PATH}/datasets/sales/ask", json=ASKED)
    (record,) = recorded(office, "grant.requested")
    assert (record["actor"]["name"], record["actor"]["via"]) == ("jane", "session")


def test_a_dataset_published_anew_has_none_of_the_standing_of_its_namesake(office: OfficeForTests) -> None:
    jane = office.user("jane")
    office.user("owner")
    publish(office)
    session, token = office.launched(jane)
    client = client_for(office.app(), token)
    client.post(f"{PATH}/datasets/sales/ask", json=ASKED)
    office.settings = replace(office.settings, pii_closes_internet=False)
    client_for(office.app(), "operator-token-of-this-test").delete(
        "/api/v1/datasets/sales"
    ).raise_for_status()
    office.clock.advance(1)
    publish(office)
    with office.store.read() as tx:
        (seen,) = catalogue(tx, office.clock, office.settings, office.row(session))["datasets"]
    assert (seen["asked"], seen["level"]) == (None, "sample")


def test_an_admins_own_session_tells_no_more_than_anybodys(office: OfficeForTests) -> None:
    ada = office.user("ada", Role.ADMIN)
    publish(office, "ada")
    seen = told(session_client(office, ada))
    assert not {"place", "endpoint", "secret", "region"} & seen.keys()
