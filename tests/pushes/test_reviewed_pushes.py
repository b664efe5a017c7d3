"""A push that needs a review is held, decided by somebody else, and passes once: exactly these commits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from guard_parts import say
from nbkeep.model.actor import ROLE_SCOPES, Role
from nbkeep.model.errors import Refused
from nbkeep.outbox.notices import list_notices
from nbkeep.pushes.decide import approve_push, deny_push, send_back_push, withdraw_push, withdraw_pushes_of
from nbkeep.pushes.forget import forget_pages, lapse_pushes
from nbkeep.pushes.records import find_push, list_pushes
from nbkeep.pushes.view import page_of, push_view
from nbkeep.rendering.kept import Documents
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import UserRow
from office_parts import assert_looks_absent
from push_parts import make_repository, needs_git
from scan_parts import KEY

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from push_parts import Pushing

pytestmark = needs_git


def review_secrets(at_work: Pushing) -> Actor:
    """Have secrets reviewed; return a reviewer."""
    say(at_work.office, "everywhere", "push", secret="review", personal="review", unread="review")
    at_work.judge_now()
    return at_work.office.user("rita", Role.REVIEWER)


def held(at_work: Pushing, *words: str) -> str:
    """Push, which is held; return the id of the request."""
    done = at_work.push(*words)
    assert done.returncode != 0
    assert "this push was not sent yet. Pushing commits needs a review: " in done.stderr, done.stderr
    assert "nbkeep: waits for a review" in done.stderr
    return re.findall(r"psh_[0-9a-z]{20}", done.stderr)[0]


def row(at_work: Pushing, push_id: str) -> PushRow:
    with at_work.office.store.read() as tx:
        return tx.get_one(PushRow, push_id)


def approve(at_work: Pushing, rita: Actor, push_id: str) -> None:
    office, fingerprint = at_work.office, row(at_work, push_id).fingerprint
    with office.store.write() as tx:
        approve_push(tx, office.clock, office.settings, rita, push_id, fingerprint=fingerprint)


@pytest.mark.usefixtures("without_a_jail")
def test_what_was_approved_passes_once_and_exactly(at_work: Pushing) -> None:
    rita, office = review_secrets(at_work), at_work.office
    tip = at_work.commit(text=f'key = "{KEY}"\n', message="Add the key")
    push_id = held(at_work)
    again = at_work.push()
    assert f"waits for a reviewer ({push_id}" in again.stderr, "the same is asked for once"
    with office.store.read() as tx:
        assert [one.id for one, _ in list_pushes(tx, rita, office.clock.now(), show="to-review").items] == [
            push_id
        ]
        assert any("wants to push 1 commit" in one.text for one in list_notices(tx, rita))
        seen = push_view(rita, office.clock.now(), *find_push(tx, rita, push_id))
    assert seen["repository"] == at_work.url
    assert [(one["path"], one["line"], one["commit"]) for one in seen["findings"]] == [("a.py", 1, tip)]
    documents = Documents(office.settings.pushes_dir)
    page = page_of(office.store, office.clock, documents, rita, push_id)
    assert [text for text, _ in page["commits"][0]["message"]] == ["Add the key\n"]
    (file,) = page["files"]
    assert [title for _, title in file["parts"][0]["pieces"] if title] == ["AWS access key ID"]
    assert KEY not in str(page), "values are masked"
    assert KEY not in str(seen)
    page_of(office.store, office.clock, documents, rita, push_id)
    assert len(at_work.events("push.looked")) == 1

    approve(at_work, rita, push_id)
    other = at_work.commit("b.py", f'other = "{KEY}"\n')
    assert held(at_work) != push_id, "other commits are another push"
    assert held(at_work, "origin", f"{tip}:refs/heads/elsewhere") != push_id, "another branch is, too"
    assert at_work.refs == {}
    done = at_work.push("origin", f"{tip}:refs/heads/main")
    assert done.returncode == 0, done.stderr
    assert at_work.refs == {"refs/heads/main": tip}
    at_work.outside.report()
    assert row(at_work, push_id).state == "pushed"
    (passed,) = at_work.events("push.passed")
    assert passed["push_id"] == push_id

    at_work.forge.seen.clear()
    assert at_work.push("--force", "origin", f"{other}:refs/heads/main").returncode != 0
    assert at_work.forge.pushed == [], "nor do others by force"


@pytest.mark.usefixtures("without_a_jail")
def test_the_same_commits_pass_to_no_other_repository_and_not_a_second_time(at_work: Pushing) -> None:
    rita = review_secrets(at_work)
    at_work.commit(text=f'key = "{KEY}"\n')
    approve(at_work, rita, held(at_work))
    make_repository(at_work.forge.folder / "public.git")
    elsewhere = at_work.url.replace("risk.git", "public.git")
    assert at_work.push(elsewhere, "main").returncode != 0
    assert at_work.forge.pushed == []
    assert at_work.push().returncode == 0
    at_work.outside.report()
    # The forge forgets it, so that git sends exactly the same again.
    (at_work.forge.folder / "risk.git/refs/heads/main").unlink()
    assert held(at_work) != "", "an approval is used up"
    assert len(at_work.forge.pushed) == 1


def test_nobody_reviews_their_own_and_strangers_see_nothing(at_work: Pushing) -> None:
    review_secrets(at_work)
    at_work.commit(text=f'key = "{KEY}"\n')
    push_id, office = held(at_work), at_work.office
    jane = replace(at_work.jane, scopes=ROLE_SCOPES[Role.REVIEWER])
    with pytest.raises(Refused, match="themselves"):
        approve(at_work, jane, push_id)
    stranger = office.user("mallory")

    def look(of: str) -> object:
        with office.store.read() as tx:
            return find_push(tx, stranger, of)

    assert_looks_absent(look, push_id)


@pytest.mark.usefixtures("without_a_jail")
def test_a_no_holds_for_the_same_push_and_says_who_said_it(at_work: Pushing) -> None:
    rita, office = review_secrets(at_work), at_work.office
    at_work.commit(text=f'key = "{KEY}"\n')
    push_id = held(at_work)
    with office.store.write() as tx:
        deny_push(tx, office.clock, rita, push_id, "Never a key.")
    done = at_work.push()
    assert f"rita has denied this push ({push_id}): Never a key." in done.stderr
    at_work.git("commit", "-q", "--amend", "-m", "Another message")
    other = held(at_work)
    with office.store.write() as tx:
        send_back_push(tx, office.clock, rita, other, "Take it out first.")
    assert "rita has sent back this push" in at_work.push().stderr
    assert at_work.forge.pushed == []


@pytest.mark.usefixtures("without_a_jail")
def test_an_approval_ends_with_its_time_a_denial_of_the_policies_and_an_incident(at_work: Pushing) -> None:
    rita, office = review_secrets(at_work), at_work.office
    at_work.commit(text=f'key = "{KEY}"\n')
    push_id = held(at_work)
    approve(at_work, rita, push_id)
    office.clock.advance(office.settings.release_valid_s + 1)
    office.beat(at_work.session_id)
    second = held(at_work)
    assert lapse_pushes(office.store, office.clock) == 1
    assert lapse_pushes(office.store, office.clock) == 0
    assert row(at_work, push_id).state == "lapsed"
    approve(at_work, rita, second)
    say(office, "everywhere", "push", secret="deny")
    assert "denied by policy" in at_work.push().stderr
    assert row(at_work, second).state == "approved"
    with office.store.write() as tx:
        assert withdraw_pushes_of(tx, office.clock, rita, tx.get_one(UserRow, at_work.jane.id)) == 1
    say(office, "everywhere", "push", secret="review")
    third = held(at_work)
    with office.store.write() as tx:
        withdraw_push(tx, office.clock, at_work.jane, third)
    with pytest.raises(Refused, match="does not wait"):
        approve(at_work, rita, third)
    assert at_work.forge.pushed == []
    office.clock.advance(timedelta(days=100).total_seconds())
    documents = Documents(office.settings.pushes_dir)
    assert forget_pages(office.store, office.clock, office.settings, documents) >= 1
    assert list(documents.names()) == []
