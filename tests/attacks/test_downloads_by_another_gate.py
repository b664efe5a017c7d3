"""Attack: take home what a profile lets nobody download, as an export, by a share, by a milder session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guard_parts import PROFILE, change_profile, judged
from nbkeep.guard.rules import strictest_of
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Decision, Found
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.leaving import leaving_rules
from nbkeep.shares.look import look
from nbkeep.shares.values import FILE, PAGE
from office_parts import any_office, office
from release_parts import CLEAN, LEAKY, ask, asked, policy, row
from share_parts import in_browser, with_anyone

if TYPE_CHECKING:
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
pytestmark = pytest.mark.attack
LAX = "lax"


def lax_profile(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        wanted = {"name": LAX, "image": "base", "flavor": "notebook-cpu-small"}
        profiles.create_profile(tx, office.clock, OPERATOR, wanted, known_to(office.settings))


def refused(office: OfficeForTests, who: Any, **wanted: Any) -> Refused:
    with pytest.raises(Refused) as told:
        ask(office, who, **wanted)
    return told.value


@pytest.mark.parametrize("form", ["original", "ipynb", "html"])
def test_what_may_not_be_downloaded_is_not_exported(office: OfficeForTests, form: str) -> None:
    jane = office.user("jane")
    office.ready(jane)
    change_profile(office, downloads="deny")
    gone = row(office, asked(office, jane, CLEAN, gate="export", form=form))
    assert (gone.state, gone.because[0]["scope"]) == ("denied", f"downloads:{PROFILE}")
    change_profile(office, downloads="review")
    policy(office, OPERATOR, "export", f"profile:{PROFILE}", secret="allow")
    assert row(office, asked(office, jane, LEAKY, gate="export", form=form)).state == "waiting"
    assert judged(office, jane, Found.NOTHING, profile=PROFILE)[0] == "allow"


def test_a_share_is_no_way_to_take_it_oneself(any_office: OfficeForTests) -> None:
    office = any_office
    jane, bob = office.user("jane"), office.user("bob")
    office.ready(jane)
    change_profile(office, downloads="deny")
    for audience in (("user:jane",), ("user:bob", "user:jane")):
        for gate in ("share", "publish"):
            told = refused(office, jane, gate=gate, audience=audience)
            assert (told.status, told.code) == (400, "invalid-to"), told
    shared = row(office, asked(office, jane, CLEAN, gate="share", form="ipynb", audience=("user:bob",)))
    assert shared.state == "released"
    for her in (in_browser(jane), jane):
        with pytest.raises(Refused) as told:
            look(office, her, shared.share_id, FILE)
        assert (told.value.status, told.value.code) == (403, "own-share-not-taken")
        assert PROFILE in told.value.message
        assert "--gate download" in told.value.remedy
    assert look(office, in_browser(jane), shared.share_id, PAGE).data == CLEAN
    assert look(office, in_browser(bob), shared.share_id, FILE).data == CLEAN
    change_profile(office, downloads="review")
    assert look(office, in_browser(jane), shared.share_id, FILE).data == CLEAN, "nothing was found in it"


def test_a_link_for_anyone_is_a_download(office: OfficeForTests) -> None:
    jane = office.user("jane")
    with_anyone(office)
    office.ready(jane)
    assert row(office, asked(office, jane, CLEAN, gate="share", audience=("anyone",))).state == "released"
    change_profile(office, downloads="deny")
    told = row(office, asked(office, jane, CLEAN, gate="share", audience=("anyone",), reason="again"))
    assert told.state == "denied"


def test_a_milder_session_lets_nothing_out_while_a_stricter_one_is_not_over(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane = office.user("jane")
    lax_profile(office)
    policy(office, OPERATOR, "export", f"profile:{LAX}", secret="allow")
    strict = office.ready(jane)
    office.clock.advance(1)
    lax = office.ready(jane, LAX, "second")
    change_profile(office, downloads="deny")
    for state in ("ready", "frozen", "suspended", "stopping"):
        office.change(strict, state=state)
        for named in (lax, "", strict):
            office.clock.advance(1)
            told = row(office, asked(office, jane, CLEAN, session_id=named, reason=f"{state} {named}"))
            assert told.state == "denied", (state, named)
    office.change(strict, state="stopped")
    told = row(office, asked(office, jane, LEAKY, session_id=lax))
    assert told.state == "ready", "the rule loosens what it does for all that are not over"


def test_jupyterlab_of_a_milder_session_is_told_the_stricter_rules(office: OfficeForTests) -> None:
    jane = office.user("jane")
    lax_profile(office)
    strict, lax = office.ready(jane), office.ready(jane, LAX, "second")
    change_profile(office, downloads="deny")
    policy(office, OPERATOR, "save", f"profile:{PROFILE}", secret="deny")

    def told() -> dict[str, Any]:
        with office.store.read() as tx:
            return leaving_rules(tx, office.row(lax))

    assert told()["download"]["nothing"] == {"decision": "deny", "scope": f"downloads:{PROFILE}"}
    assert told()["save"]["secret"]["decision"] == "allow", "what is saved does not leave"
    office.clock.advance(1)
    office.change(office.ready(jane, LAX, "third"), state="stopped")
    office.change(strict, state="stopped")
    assert told()["download"]["nothing"]["decision"] == "allow"


def test_a_rule_of_one_profile_does_not_loosen_what_another_one_holds(office: OfficeForTests) -> None:
    jane = office.user("jane")
    lax_profile(office)
    policy(office, OPERATOR, "export", f"profile:{LAX}", secret="allow")
    office.ready(jane)
    lax = office.ready(jane, LAX, "second")
    told = row(office, asked(office, jane, LEAKY, session_id=lax))
    assert (told.state, told.because[0]["scope"]) == ("waiting", "default")


def test_a_session_that_is_over_is_not_named(office: OfficeForTests) -> None:
    jane = office.user("jane")
    lax_profile(office)
    old = office.ready(jane, LAX)
    office.change(old, state="stopped")
    assert row(office, ask(office, jane, session_id=old)).session_id == old, "it is the latest one"
    office.clock.advance(1)
    latest = office.ready(jane, name="second")
    for state in ("ready", "stopped"):
        office.change(latest, state=state)
        told = refused(office, jane, session_id=old, reason="again")
        assert (told.status, told.code) == (400, "invalid-session")
        assert "nbkeep session list" in told.remedy
    office.change(old, state="suspended")
    assert ask(office, jane, session_id=old, reason="again")


def test_no_judgement_is_a_denial() -> None:
    assert strictest_of([]).decision is Decision.DENY
