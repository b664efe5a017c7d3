"""Who may publish, ask for and be granted datasets; what gateways are told; what reading leaves behind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from nbkeep.audit.search import Wanted, search
from nbkeep.data import change, parse
from nbkeep.data.reads import class_of, closed_sessions, note_read
from nbkeep.data.records import find_dataset, live_readers
from nbkeep.data.values import Told
from nbkeep.grants.decide import approve_grant, deny_grant
from nbkeep.grants.end import revoke_grant
from nbkeep.grants.records import list_grants, live_datasets
from nbkeep.grants.request import request_grant
from nbkeep.grants.take_out import take_out_dataset
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.people import tokens
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.explain import explain_host
from nbkeep.sessions.policies import live_policies, reach_words_of, session_policy
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.tables import NoticeRow, SessionRow
from nbkeep.vault import change as secrets
from nbkeep.vault import parse as vault_parse
from nbkeep.vault.leases import list_leases, live_leases
from nbkeep.vault.records import People, find_secret, list_secrets
from nbkeep.vault.sources.embedded import EmbeddedSource
from office_parts import any_office, client_for, office

if TYPE_CHECKING:
    from nbkeep.data.values import Reader
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
PROFILE = "notebook-cpu-small"
ENDPOINT = "https://s3.acme.local:9000"
KEYS = "AKIA7777777777777777:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


def keep(office: OfficeForTests, actor: Actor, region: str = "eu-central-1", name: str = "lake") -> None:
    binding = vault_parse.binding([ENDPOINT.removeprefix("https://")], s3=region)
    with office.store.write() as tx:
        secrets.set_secret(tx, office.clock, EmbeddedSource(office.settings), actor, name, KEYS, binding)


def publish(office: OfficeForTests, actor: Actor, owner: str, name: str = "sales", **more: Any) -> str:
    secret = more.pop("secret", None)
    wanted: dict[str, Any] = {"region": "eu-central-1", "endpoint": ENDPOINT, "samples": ["*.csv"]} | more
    classification = wanted.pop("classification", "internal")
    source = parse.source(name, "s3://lake/sales", classification, **wanted)
    with office.store.write() as tx:
        row = change.add_dataset(
            tx, office.clock, actor, source, purpose="The quarterly report", owner=owner, secret=secret
        )
        return row.id


def ask(office: OfficeForTests, actor: Actor, session: str, what: str = "sales", lasts: str = "2h") -> str:
    with office.store.write() as tx:
        return request_grant(
            tx, office.clock, office.settings, actor, what, reason="Totals", duration=lasts, session_id=session,
            kind="dataset",
        ).id  # fmt: skip


def approve(office: OfficeForTests, actor: Actor, grant: str) -> None:
    with office.store.write() as tx:
        approve_grant(tx, office.clock, office.settings, actor, grant)


def reader(office: OfficeForTests, session: str) -> Reader:
    with office.store.read() as tx:
        return live_readers(tx, live_datasets(tx, office.clock.now())).readers[session]


def read(office: OfficeForTests, session: str, dataset: str) -> bool:
    """Read, and tell whether the session has lost the public internet."""
    with office.store.write() as tx:
        note_read(tx, office.clock, office.settings, session, dataset)
        return session in closed_sessions(tx, office.settings, [session])


def set_profile(office: OfficeForTests, **fields: object) -> None:
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, fields, known_to(office.settings))


def recorded(office: OfficeForTests, *types: str) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(), limit=1000).records[::-1]
    return [one for one in found if one["type"] in types]


def test_the_owner_decides_and_the_grant_ends_by_itself(any_office: OfficeForTests) -> None:
    office = any_office
    ada, owner, jane = office.user("ada", Role.ADMIN), office.user("owner"), office.user("jane")
    publish(office, ada, "owner")
    session = office.ready(jane)
    assert reader(office, session).granted == {}
    request = ask(office, jane, session)
    with office.store.read() as tx:
        seen = list_grants(tx, owner, office.clock.now(), state="requested").items
    assert [row.id for row, _ in seen] == [request]
    approve(office, owner, request)
    assert list(reader(office, session).granted) == ["sales"]
    office.clock.advance(2 * 3600)
    assert reader(office, session).granted == {}


def test_nobody_approves_their_own_request_owners_and_admins_neither(any_office: OfficeForTests) -> None:
    office = any_office
    office.settings = replace(office.settings, grants_self_approval=True)  # which is about hosts
    ada, owner = office.user("ada", Role.ADMIN), office.user("owner")
    publish(office, ada, "owner")
    for one, other in ((owner, ada), (ada, owner)):
        request = ask(office, one, office.ready(one))
        with pytest.raises(Refused) as refusal:
            approve(office, one, request)
        assert refusal.value.code == "self-approval"
        approve(office, other, request)


def test_what_an_owner_decides_is_of_their_own_datasets_alone(any_office: OfficeForTests) -> None:
    office = any_office
    ada, owner, other, jane = (office.user(name, role) for name, role in (
        ("ada", Role.ADMIN), ("owner", Role.USER), ("other", Role.USER), ("jane", Role.USER)))  # fmt: skip
    publish(office, ada, "owner")
    publish(office, ada, "other", "clicks")
    session = office.ready(jane)
    request = ask(office, jane, session, "clicks")
    for act in (approve_grant, deny_grant):
        with pytest.raises(Refused) as refusal, office.store.write() as tx:
            if act is approve_grant:
                approve_grant(tx, office.clock, office.settings, owner, request)
            else:
                deny_grant(tx, office.clock, owner, request, "no")
        assert refusal.value.status == 404
    approve(office, other, request)
    with office.store.write() as tx:
        revoke_grant(tx, office.clock, other, request, "not needed")
    assert reader(office, session).granted == {}


def test_what_is_above_the_profiles_class_cannot_be_asked_for(office: OfficeForTests) -> None:
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    publish(office, ada, "ada", classification="pii")
    session = office.ready(jane)
    for what, code in (("sales", "class-too-high"), ("none", "no-dataset")):
        with pytest.raises(Refused) as refusal:
            ask(office, jane, session, what)
        assert refusal.value.code == code
    set_profile(office, classification="pii")
    request = ask(office, jane, session)
    set_profile(office, classification="internal")
    with pytest.raises(Refused):
        approve(office, office.user("bob", Role.ADMIN), request)
    assert reader(office, session).ceiling == "internal"


def test_a_grant_is_of_the_dataset_that_there_was(any_office: OfficeForTests) -> None:
    office = any_office
    ada, owner, jane = office.user("ada", Role.ADMIN), office.user("owner"), office.user("jane")
    publish(office, ada, "owner")
    session = office.ready(jane)
    approve(office, owner, ask(office, jane, session))
    with office.store.write() as tx:
        change.remove_dataset(tx, office.clock, owner, "sales", "wrong one")
    office.clock.advance(1)
    publish(office, ada, "owner")
    assert reader(office, session).granted == {}


def test_with_a_dataset_ends_what_was_asked_for_and_granted_of_it(any_office: OfficeForTests) -> None:
    office = any_office
    ada, owner, jane, kim = (office.user(name, role) for name, role in (
        ("ada", Role.ADMIN), ("owner", Role.USER), ("jane", Role.USER), ("kim", Role.USER)))  # fmt: skip
    publish(office, ada, "owner")
    publish(office, ada, "owner", "clicks")
    session, hers = office.ready(jane), office.ready(kim)
    granted, waiting, other = (
        ask(office, jane, session),
        ask(office, kim, hers),
        ask(office, kim, hers, "clicks"),
    )
    approve(office, owner, granted)
    with office.store.write() as tx:
        take_out_dataset(tx, office.clock, owner, "sales", "wrong one")

    def states() -> dict[str, str]:
        with office.store.read() as tx:
            return {row.id: row.state for row, _ in list_grants(tx, ada, office.clock.now()).items}

    assert states() == {granted: "revoked", waiting: "denied", other: "requested"}
    with office.store.read() as tx:
        told = [row.text for row in tx.scalars(select(NoticeRow).where(NoticeRow.user_id == kim.id))]
    assert "the dataset was taken out of the catalogue: wrong one" in told[-1]
    office.clock.advance(1)
    publish(office, ada, "owner")
    again = ask(office, kim, hers)
    assert again != waiting
    approve(office, owner, again)
    assert list(reader(office, hers).granted) == ["sales"]


def test_an_explanation_of_a_datasets_name_says_who_may_read_it(office: OfficeForTests) -> None:
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    publish(office, ada, "ada")
    publish(office, ada, "ada", "closed", samples=[])
    publish(office, ada, "ada", "people", classification="pii")
    session = office.ready(jane)

    def explained(host: str) -> tuple[bool, str]:
        with office.store.read() as tx:
            policy = session_policy(tx, office.settings, jane, session, office.clock.now())
            found = explain_host(tx, office.clock.now(), policy, host)
        return found.decision.allowed, f"{found.words} {found.note}"

    allowed, words = explained("sales.data.nbkeep")
    assert allowed
    assert "only the sample of sales is open without a grant" in words
    assert "nbkeep dataset request sales" in words
    allowed, words = explained("http://closed.data.nbkeep/a.csv")
    assert not allowed
    assert "the dataset closed needs a grant" in words
    approve(office, ada, ask(office, jane, session, "closed"))
    assert explained("closed.data.nbkeep") == (
        True,
        "closed.data.nbkeep:80 is allowed: it is the dataset closed, and all of it is granted. ",
    )
    allowed, words = explained("people.data.nbkeep")
    assert not allowed
    assert "people is pii" in words
    assert explained("none.data.nbkeep")[1].startswith(
        "none.data.nbkeep:80 is refused: there is no dataset none."
    )


def test_a_dataset_that_cannot_be_read_closes_no_other(office: OfficeForTests) -> None:
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    publish(office, ada, "ada")
    publish(office, ada, "ada", "people")
    session = office.ready(jane)
    with office.store.read() as tx:
        told = live_readers(tx, live_datasets(tx, office.clock.now())).as_json()
    told["sources"][0].pop("host")
    found = Told.from_json(told)
    assert [one.name for one in found.sources] == ["sales"]
    assert session in found.readers


def test_reading_raises_the_class_once_and_pii_closes_the_internet(any_office: OfficeForTests) -> None:
    office = any_office
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    set_profile(office, classification="pii", public_internet=True, egress_dry_run=True)
    first, second = publish(office, ada, "ada"), publish(office, ada, "ada", "people", classification="pii")
    session, elsewhere = office.ready(jane), office.ready(jane, name="other")

    def policy_of(which: str) -> tuple[bool, bool]:
        with office.store.read() as tx:
            found = live_policies(tx, office.settings, office.clock.now())
        one = next(one for one in found if one.session_id == which)
        return one.public_internet, one.dry_run

    assert [read(office, session, first) for _ in range(2)] == [False, False]
    assert policy_of(session) == (True, True)
    assert [read(office, session, second) for _ in range(2)] == [True, True]
    read(office, session, first)
    assert policy_of(session) == (False, False)
    assert policy_of(elsewhere) == (True, True)
    with office.store.read() as tx:
        assert class_of(tx, session) == "pii"
        assert class_of(tx, elsewhere) == ""
    raised = recorded(office, "session.class-raised")
    assert [(one["data"]["before"], one["data"]["after"]) for one in raised] == [
        ("", "internal"),
        ("internal", "pii"),
    ]
    assert [one["data"]["name"] for one in recorded(office, "data.read")] == ["sales", "people"]


def test_a_rule_that_allows_everything_is_the_internet_too(office: OfficeForTests) -> None:
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    set_profile(office, classification="pii", egress_allowlist=["*", "db.acme.local:5432", "0.0.0.0/0"])
    dataset, session = publish(office, ada, "ada", classification="pii"), office.ready(jane)
    assert read(office, session, dataset) is True
    with office.store.read() as tx:
        (found,) = live_policies(tx, office.settings, office.clock.now())
        assert found == session_policy(tx, office.settings, jane, session, office.clock.now())
        words = reach_words_of(tx, office.settings, tx.get_one(SessionRow, session))
    assert [rule.host for rule in found.rules] == ["db.acme.local"]
    assert words == "Reaches only db.acme.local:5432"


def test_a_class_that_this_release_does_not_know_closes_the_internet(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    set_profile(office, classification="pii", public_internet=True)
    session, elsewhere = office.ready(jane), office.ready(jane, name="other")
    with office.store.write() as tx:
        for which, classification in ((session, "secret"), (elsewhere, "confidential")):
            tx.add(DatasetReadRow(session_id=which, dataset_id="dat_x", dataset="x",
                                  classification=classification, first_at=office.clock.now()))  # fmt: skip
    with office.store.read() as tx:
        found = live_policies(tx, office.settings, office.clock.now())
        assert class_of(tx, session) == "secret"
    assert {one.session_id: one.public_internet for one in found} == {session: False, elsewhere: True}


def test_the_internet_stays_open_where_the_setting_says_so(office: OfficeForTests) -> None:
    office.settings = replace(office.settings, pii_closes_internet=False)
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    set_profile(office, classification="pii", public_internet=True)
    dataset, session = publish(office, ada, "ada", classification="pii"), office.ready(jane)
    assert read(office, session, dataset) is False
    with office.store.read() as tx:
        assert live_policies(tx, office.settings, office.clock.now())[0].public_internet


def test_the_office_refuses_to_record_what_may_not_be_read(office: OfficeForTests) -> None:
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    dataset, session = publish(office, ada, "ada", classification="pii"), office.ready(jane)
    for who, what, status in (
        (session, dataset, 403),
        (session, "dat_none", 404),
        ("ses_none", dataset, 404),
    ):
        with pytest.raises(Refused) as refusal:
            read(office, who, what)
        assert refusal.value.status == status


def test_keys_are_of_one_server_and_region_and_used_for_datasets_alone(any_office: OfficeForTests) -> None:
    office = any_office
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    keep(office, ada)
    session = office.ready(jane)
    with pytest.raises(Refused) as refusal:
        publish(office, ada, "ada", secret="lake", region="us-east-1")
    assert refusal.value.code == "secret-bound-otherwise"
    for to in ("everyone", "user:ada", "dataset:sales"):
        with pytest.raises(Refused), office.store.write() as tx:
            secrets.grant_secret(tx, office.clock, ada, "lake", to)
    publish(office, ada, "ada", secret="lake")
    with office.store.read() as tx:
        (lease,) = [
            one for one in live_leases(tx, People(tx), office.clock.now()) if one.session_id == session
        ]
        assert lease.binding.kind == "s3"
    assert list(reader(office, session).leases.values()) == [lease.lease_id]
    with office.store.write() as tx:
        change.remove_dataset(tx, office.clock, ada, "sales")
    with office.store.read() as tx:
        assert live_leases(tx, People(tx), office.clock.now()) == []


def test_keys_of_datasets_are_shown_to_who_keeps_them_alone(any_office: OfficeForTests) -> None:
    """All sessions are leased them, for the gateway; they tell where datasets lie."""
    office = any_office
    ada, jane = office.user("ada", Role.ADMIN), office.user("jane")
    keep(office, ada)
    publish(office, ada, "jane", secret="lake")
    office.ready(jane)
    with office.store.read() as tx:
        assert len(live_leases(tx, People(tx), office.clock.now())) == 1
        assert [row.name for row in list_secrets(tx, ada)] == ["lake"]
        assert [secret.name for _, secret, _, _ in list_leases(tx, ada)] == ["lake"]
        assert list_secrets(tx, jane) == list_leases(tx, jane) == []
        with pytest.raises(Refused) as refusal:
            find_secret(tx, jane, "lake")
    assert refusal.value.status == 404


def test_the_catalogue_shows_what_it_is_and_not_where(office: OfficeForTests) -> None:
    ada, owner, jane = office.user("ada", Role.ADMIN), office.user("owner"), office.user("jane")

    def api(actor: Actor) -> Any:
        with office.store.write() as tx:
            _, token = tokens.create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 3600)
        return client_for(office.app(), token)

    wanted = {"name": "sales", "s3": "s3://lake/sales", "classification": "internal", "owner": "owner",
              "purpose": "Reports", "samples": ["*.csv"], "endpoint": ENDPOINT}  # fmt: skip
    assert api(jane).post("/api/v1/datasets", json=wanted).status_code == 403
    assert api(ada).post("/api/v1/datasets", json=wanted).status_code == 201
    assert api(ada).post("/api/v1/datasets", json=wanted).status_code == 409
    assert api(ada).post("/api/v1/datasets", json=wanted | {"owner": "nobody"}).status_code == 404
    office.user("later", status="invited")
    answer = api(ada).post("/api/v1/datasets", json=wanted | {"name": "clicks", "owner": "later"})
    assert (answer.status_code, "later is invited" in answer.text) == (409, True)
    seen = api(jane).get("/api/v1/datasets/sales").json()
    assert (seen["owner"], seen["purpose"], seen["address"]) == (
        "owner",
        "Reports",
        "http://sales.data.nbkeep/",
    )
    assert (seen["place"], seen["endpoint"], seen["may_change"]) == (None, None, False)
    assert api(owner).get("/api/v1/datasets/sales").json()["place"] == "s3://lake/sales/"
    assert api(jane).delete("/api/v1/datasets/sales").status_code == 403
    assert api(owner).delete("/api/v1/datasets/sales").status_code == 204
    with office.store.read() as tx, pytest.raises(Refused):
        find_dataset(tx, ada, "sales")
