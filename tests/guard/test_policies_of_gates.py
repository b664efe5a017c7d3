"""Policies as officers set them: what is kept and recorded, to whose documents it applies, what sessions are told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from guard_parts import PROFILE, change_profile, judged, policy_events, renew_profile, say, unsay
from nbkeep.guard.view import defaults, explain, list_policies
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Found, Gate
from nbkeep.profiles import profiles
from nbkeep.sessions.view import own_view
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.guard_tables import GatePolicyRow
from nbkeep.store.tables import SessionRow
from office_parts import client_for
from project_parts import leave, make

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

SECRET, PERSONAL, UNREAD, NOTHING = Found


def test_the_strictest_of_all_scopes_decides_on_the_documents_they_are_for(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane, john = office.user("jane"), office.user("john")
    make(office, "orion", "jane")
    assert judged(office, jane, SECRET) == ("review", "default")
    say(office, "everywhere", secret="redact")
    assert judged(office, jane, SECRET) == ("redact", "everywhere")
    say(office, "project:orion", secret="review")
    say(office, f"profile:{PROFILE}", "export,share", secret="allow", personal="allow")
    say(office, "class:confidential", "all", secret="deny", nothing="review")
    assert judged(office, jane, SECRET) == ("review", "project:orion")
    assert judged(office, john, SECRET) == ("redact", "everywhere")
    assert judged(office, john, SECRET, profile=PROFILE) == ("redact", "everywhere")
    assert judged(office, john, PERSONAL, profile=PROFILE) == ("allow", f"profile:{PROFILE}")
    assert judged(office, john, SECRET, gate=Gate.SHARE, profile=PROFILE)[0] == "allow"
    assert judged(office, john, SECRET, classification="internal")[0] == "redact"
    assert judged(office, john, SECRET, classification="pii") == ("deny", "class:confidential")
    assert judged(office, john, NOTHING, gate=Gate.DOWNLOAD, classification="confidential")[0] == "review"
    assert judged(office, john, NOTHING, gate=Gate.SAVE, classification="pii") == ("allow", "default")
    leave(office, OPERATOR, "jane")
    assert judged(office, jane, SECRET) == ("redact", "everywhere")
    assert unsay(office, "everywhere") == 1
    assert judged(office, jane, SECRET) == ("review", "default")


def test_what_is_set_and_unset_is_on_record_once(office: OfficeForTests) -> None:
    for _ in range(2):
        assert say(office, "class:pii", "export,share", secret="deny", personal="review") == []
    say(office, "class:pii", secret="review")
    assert unsay(office, "class:pii", "share", "secret") == 1
    assert [unsay(office, "class:pii") for _ in range(2)] == [3, 0]
    first = {"secret": [None, "deny"], "personal": [None, "review"]}
    pii = {"scope": "class:pii"}
    assert policy_events(office) == [
        {"type": "policy.set", **pii, "gate": "export", "decisions": first},
        {"type": "policy.set", **pii, "gate": "share", "decisions": first},
        {"type": "policy.set", **pii, "gate": "export", "decisions": {"secret": ["deny", "review"]}},
        {"type": "policy.unset", **pii, "gate": "share", "decisions": {"secret": "deny"}, "why": ""},
        {
            "type": "policy.unset",
            **pii,
            "gate": "export",
            "decisions": {"personal": "review", "secret": "review"},
            "why": "",
        },
        {"type": "policy.unset", **pii, "gate": "share", "decisions": {"personal": "review"}, "why": ""},
    ]


@pytest.mark.parametrize(
    ("scope", "gates", "decisions", "status", "said"),
    [
        ("profile:nowhere", "export", {"secret": "deny"}, 404, "There is no profile 'nowhere'"),
        ("project:nowhere", "export", {"secret": "deny"}, 404, "There is no project 'nowhere'"),
        ("class:cosmic", "export", {"secret": "deny"}, 404, "There is no classification 'cosmic'"),
        ("class:", "export", {"secret": "deny"}, 404, "There is no classification ''"),
        ("team:x", "export", {"secret": "deny"}, 400, "Write everywhere, profile:NAME"),
        ("everywhere", "mail", {"secret": "deny"}, 400, "Gates: save, download, export, share, publish"),
        ("everywhere", "", {"secret": "deny"}, 400, "There is no gate ''"),
        ("everywhere", "export", {}, 400, "It says nothing of what is found"),
        ("everywhere", "export", {"viruses": "deny"}, 400, "What can be found: secret, personal"),
        ("everywhere", "export", {"secret": "perhaps"}, 400, "set allow or redact or review or deny"),
        ("everywhere", "export", {"unread": "redact"}, 400, "could not be read cannot be redacted"),
        ("everywhere", "share", {"nothing": "redact"}, 400, "nothing to redact"),
        ("everywhere", "save", {"secret": "review"}, 400, "For save and secret set allow or deny."),
        ("everywhere", "save", {"nothing": "deny"}, 400, "Where nothing is found, it is saved."),
        ("everywhere", "export,save", {"secret": "redact"}, 400, "neither redacted nor reviewed"),
    ],
)
def test_what_means_nothing_is_refused_with_what_would(
    office: OfficeForTests, scope: str, gates: str, decisions: dict[str, str], status: int, said: str
) -> None:
    with pytest.raises(Refused) as refusal:
        say(office, scope, gates, OPERATOR, **decisions)
    assert (refusal.value.status, said in str(refusal.value)) == (status, True), str(refusal.value)
    with office.store.read() as tx:
        assert list_policies(tx, OPERATOR) == [], "all of it or nothing"


def test_what_loosens_nothing_is_said_so(office: OfficeForTests) -> None:
    make(office, "orion")
    assert say(office, "project:orion", secret="allow") == [
        "Rules of projects only tighten. The default is stricter, and holds: export of secret."
    ]
    assert "classes above internal" in say(office, "class:internal", personal="redact")[0]
    assert say(office, "project:orion", "export,save", secret="deny") == []
    assert say(office, f"profile:{PROFILE}", secret="allow") == []


def test_everything_that_is_set_is_seen_by_who_may_and_changed_by_admins_alone(
    office: OfficeForTests,
) -> None:
    ada = office.user("ada", Role.ADMIN)
    aud, officer = office.user("aud", Role.AUDITOR), office.user("off", Role.OFFICER)
    jane = office.user("jane", Role.REVIEWER)
    make(office, "orion", lead="jane")
    say(office, "project:orion", by=ada, secret="deny")
    say(office, "everywhere", "save,export", by=ada, secret="deny")
    with office.store.read() as tx:
        for actor in (ada, aud, officer):
            found = list_policies(tx, actor)
            assert [(one["scope"], one["gate"], one["decisions"], one["set_by"]) for one in found] == [
                ("everywhere", "save", {"secret": "deny"}, "ada"),
                ("everywhere", "export", {"secret": "deny"}, "ada"),
                ("project:orion", "export", {"secret": "deny"}, "ada"),
            ]
        with pytest.raises(Refused) as listing:
            list_policies(tx, jane)
        with pytest.raises(Refused) as asking:
            explain(tx, jane, "export")
        assert (listing.value.status, asking.value.status) == (403, 403)
    assert defaults()["export"] == {
        "secret": "review",
        "personal": "review",
        "unread": "review",
        "nothing": "allow",
    }

    def refused(actor: Actor) -> None:
        for act in (say, unsay):
            with pytest.raises(Refused) as refusal:
                act(office, "everywhere", "export", **({"secret": "allow"} if act is say else {}), by=actor)
            assert (refusal.value.status, refusal.value.code) == (403, "missing-scope")

    for actor in (aud, officer, jane, replace(ada, scopes=ada.scopes - {"admin:releases"})):
        refused(actor)


def test_one_may_ask_beforehand_what_decides_and_why(office: OfficeForTests) -> None:
    make(office, "orion")
    say(office, "class:internal", secret="deny", nothing="review")
    say(office, "project:orion", personal="allow")
    with office.store.read() as tx:
        told = explain(tx, OPERATOR, "export", projects=["orion"], classification="pii",
                       found=["secret", "personal"])  # fmt: skip
        open_ = explain(tx, OPERATOR, "share", profile=PROFILE)
        for wrong in (
            {"gate": "mail"},
            {"gate": "export", "found": ["x"]},
            {"gate": "export", "profile": "nowhere"},
            {"gate": "export", "projects": ["nowhere"]},
            {"gate": "export", "classification": "cosmic"},
        ):
            with pytest.raises(Refused):
                explain(tx, OPERATOR, **wrong)  # pyright: ignore[reportArgumentType]  one wrong word each
    assert told["words"] == (
        "Export is denied: secrets (rule of the class internal); also found: personal data."
    )
    assert [(one["found"], one["decision"], one["words"]) for one in told["because"]] == [
        ("secret", "deny", "rule of the class internal"),
        ("personal", "review", "default"),
    ]
    assert {(one["scope"], one["decision"], one["may_loosen"]) for one in told["rules"]} == {
        ("class:internal", "deny", False),
        ("class:internal", "review", False),
        ("project:orion", "allow", False),
    }
    assert (open_["decision"], open_["words"], len(open_["because"])) == (None, "", 4)


def test_a_session_is_told_what_it_may_save_and_let_out_as_it_is_now(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    session, token = office.launched(jane)
    api = client_for(office.app(), token)

    def told() -> dict[str, dict[str, dict[str, str]]]:
        return api.get("/internal/v1/session").json()["leaving"]

    allowed = {"decision": "allow", "scope": "default"}
    review = {"decision": "review", "scope": "default"}
    free = {found.value: allowed for found in Found}
    asked_for = {found.value: review for found in Found} | {"nothing": allowed}
    assert told() == {"save": free, "download": free, "export": asked_for, "share": asked_for,
                      "publish": asked_for}  # fmt: skip
    change_profile(office, downloads="review")
    by_profile = {"decision": "review", "scope": f"downloads:{PROFILE}"}
    assert told()["download"] == {
        "secret": by_profile,
        "personal": by_profile,
        "unread": by_profile,
        "nothing": allowed,
    }
    say(office, "class:internal", "save,download", secret="deny")
    assert told()["save"]["secret"] == allowed, "it has read nothing of that class"
    with office.store.write() as tx:
        tx.add(DatasetReadRow(session_id=session, dataset_id="dat_x", dataset="x",
                              classification="confidential", first_at=office.clock.now()))  # fmt: skip
    say(office, "class:internal", "share", nothing="deny")
    by_class = {"decision": "deny", "scope": "class:internal"}
    assert {found: one["decision"] for found, one in told()["share"].items()} == dict.fromkeys(free, "deny")
    assert (told()["save"]["secret"], told()["download"]["secret"]) == (by_class, by_class)
    with office.store.read() as tx:
        view = own_view(tx, office.clock, office.settings, tx.get_one(SessionRow, session))
    assert view["leaving"] == told()
    for word in ("allow", "perhaps"):
        with office.store.write() as tx:
            tx.execute(update(GatePolicyRow).values(decision=word))
        assert told()["save"]["secret"]["decision"] == {"allow": "allow", "perhaps": "deny"}[word]


def test_rules_of_a_deleted_profile_hold_for_what_is_left_of_it_and_not_for_the_next_of_its_name(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane = office.user("jane")
    say(office, f"profile:{PROFILE}", secret="deny")
    change_profile(office, downloads="deny")
    with office.store.write() as tx:
        profiles.delete_profile(tx, office.clock, OPERATOR, PROFILE)
    assert judged(office, jane, SECRET, profile=PROFILE)[0] == "deny"
    assert judged(office, jane, NOTHING, profile=PROFILE, gate=Gate.DOWNLOAD)[0] == "deny"
    with office.store.read() as tx:
        assert [one["is_deleted"] for one in list_policies(tx, OPERATOR)] == [True]
    with pytest.raises(Refused):
        say(office, f"profile:{PROFILE}", secret="allow")
    assert unsay(office, f"profile:{PROFILE}") == 1
    assert judged(office, jane, NOTHING, profile="never-there", gate=Gate.DOWNLOAD)[0] == "deny"


def test_a_new_profile_of_an_old_name_begins_without_its_rules(office: OfficeForTests) -> None:
    jane = office.user("jane")
    say(office, f"profile:{PROFILE}", secret="allow")
    assert judged(office, jane, SECRET, profile=PROFILE)[0] == "allow"
    renew_profile(office)
    assert judged(office, jane, SECRET, profile=PROFILE) == ("review", "default")
    assert policy_events(office)[-1] == {
        "type": "policy.unset",
        "scope": f"profile:{PROFILE}",
        "gate": "export",
        "decisions": {"secret": "allow"},
        "why": "a new profile has this name",
    }


def test_what_a_profile_says_of_downloads_is_one_of_three_words(office: OfficeForTests) -> None:
    for word in ("redact", "", "ALLOW", "x" * 500):
        with pytest.raises(Refused) as refusal:
            change_profile(office, downloads=word)
        assert (refusal.value.status, refusal.value.code) == (400, "invalid-downloads")
        assert "allow, review, deny" in str(refusal.value)
    change_profile(office, downloads="review")
    with office.store.read() as tx:
        profile, _flavor = profiles.get_profile(tx, OPERATOR, PROFILE)
    assert profile.downloads == "review"
