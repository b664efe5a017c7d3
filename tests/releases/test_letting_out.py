"""A document is copied, examined, judged; it leaves as it was examined, once, and each step is on record."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.releases.decide import deny_release, send_back_release, withdraw_release
from nbkeep.releases.records import list_releases
from nbkeep.releases.take import comparison_of, preview_of, take_document
from nbkeep.releases.view import release_view
from nbkeep.shares.end import revoke_share
from nbkeep.store.share_tables import ShareRow
from nbkeep.store.tables import UserRow
from release_parts import (
    CLEAN,
    LEAKY,
    PATH,
    approve,
    ask,
    asked,
    documents,
    events_of,
    notebook,
    policy,
    row,
    run,
    told,
)
from scan_parts import KEY
from share_parts import project

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


def take(office: OfficeForTests, actor: Actor, release_id: str) -> bytes:
    return take_document(office.store, office.clock, documents(office), actor, release_id).data


def test_what_has_nothing_in_it_leaves_at_once_and_is_taken_once(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    release_id = asked(office, jane)
    ready = row(office, release_id)
    assert (ready.state, ready.found, ready.variant) == ("ready", ["nothing"], "plain")
    assert ready.approved_sha256 == hashlib.sha256(CLEAN).hexdigest()
    assert take(office, jane, release_id) == CLEAN
    with pytest.raises(Refused) as refused:
        take(office, jane, release_id)
    assert refused.value.code == "already-taken"
    assert f"nbkeep release request {PATH} --gate export" in refused.value.remedy
    assert [kind for kind, _ in events_of(office, release_id)] == [
        "release.requested", "release.examined", "release.taken"
    ]  # fmt: skip
    assert "once" in told(office, jane)[0]


def test_a_secret_waits_for_somebody_else_who_lets_it_out_redacted(any_office: OfficeForTests) -> None:
    office = any_office
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    release_id = asked(office, jane, LEAKY)
    waits = row(office, release_id)
    assert (waits.state, waits.found, waits.decision) == ("waiting", ["secret"], "review")
    assert any("jane wants to export" in one for one in told(office, rita))
    with office.store.read() as tx:
        view = release_view(tx, rita, office.clock.now(), waits, tx.get_one(UserRow, jane.id))
    assert view["may"] | {"withdraw": False, "take": False} == view["may"]
    assert view["may"]["approve_redacted"]
    assert view["findings"][0]["cell"] == 2
    assert KEY not in str(view)
    approve(office, rita, release_id, redacted=True)
    assert not any("wants to" in one for one in told(office, rita)), "nobody waits any more"
    [says] = told(office, jane)
    assert "approved by rita" in says
    left = take(office, jane, release_id)
    assert KEY.encode() not in left
    done = row(office, release_id)
    assert (done.state, done.variant, done.decided_by) == ("released", "redacted", "rita")
    assert hashlib.sha256(left).hexdigest() == done.approved_sha256
    journal = events_of(office, release_id)
    assert [kind for kind, _ in journal][-2:] == ["release.approved", "release.taken"]
    assert KEY not in str(journal)


def test_policies_let_out_redacted_or_deny_by_themselves(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    policy(office, root, "export", secret="redact")
    first = asked(office, jane, LEAKY)
    assert (row(office, first).state, row(office, first).variant) == ("ready", "redacted")
    assert KEY.encode() not in take(office, jane, first)
    policy(office, root, "export", secret="deny")
    second = asked(office, jane, LEAKY)
    denied = row(office, second)
    assert (denied.state, denied.decided_by) == ("denied", "")
    assert "1 secret" in denied.answer
    assert any("Take out what was found" in one for one in told(office, jane))
    assert events_of(office, second)[-1][1]["by_policy"] is True


def test_a_share_is_made_when_it_is_released_and_keeps_its_document(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    rita = office.user("rita", Role.REVIEWER)
    release_id = asked(office, jane, LEAKY, gate="share", form="ipynb", audience=("user:bob",), until="2d")
    assert not row(office, release_id).share_id
    approve(office, rita, release_id, redacted=True)
    done = row(office, release_id)
    assert done.state == "released"
    with office.store.read() as tx:
        share = tx.get_one(ShareRow, done.share_id)
    assert share.sha256 == done.redacted_sha256
    assert share.expires_at == office.clock.now() + timedelta(days=2)
    assert any("shared" in one for one in told(office, bob))
    with pytest.raises(Refused) as refused:
        take(office, jane, release_id)
    assert refused.value.code == "not-ready"
    # A share keeps its documents, however long ago they were released.
    object.__setattr__(office.settings, "releases_retention_s", 3600)
    office.clock.advance(86400)
    run(office)
    names = {done.source_sha256, done.redacted_sha256, done.preview_sha256}
    assert (set(documents(office).names()), row(office, release_id).forgotten_at) == (names, None)
    with office.store.write() as tx:
        revoke_share(tx, office.clock, jane, done.share_id, "")
    run(office)
    assert not list(documents(office).names())
    assert row(office, release_id).forgotten_at is not None


def test_a_reviewer_sends_back_with_words_for_cells_and_denies_with_a_reason(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    first, second = asked(office, jane, LEAKY), asked(office, jane, LEAKY, reason="again")
    with office.store.write() as tx:
        comments = [{"cell": 2, "text": "take the key out"}, {"cell": 1, "text": "say what it is"}]
        send_back_release(tx, office.clock, rita, first, comments=comments)
        deny_release(tx, office.clock, rita, second, "not for outside")
    back, denied = row(office, first), row(office, second)
    assert (back.state, [one["cell"] for one in back.comments]) == ("sent-back", [1, 2])
    assert (denied.state, denied.answer, denied.decided_by) == ("denied", "not for outside", "rita")
    said = told(office, jane)
    assert any("2 comments on its cells" in one for one in said)
    assert any("not for outside" in one for one in said)
    for release_id in (first, second):
        with pytest.raises(Refused):
            take(office, jane, release_id)
    third = asked(office, jane, LEAKY, reason="once more")
    with office.store.write() as tx, pytest.raises(Refused) as nothing:
        send_back_release(tx, office.clock, rita, third)
    assert nothing.value.status == 400


def test_the_author_withdraws_and_what_nobody_takes_or_decides_lapses(any_office: OfficeForTests) -> None:
    office = any_office
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    withdrawn, ready = asked(office, jane, LEAKY), asked(office, jane)
    waiting = asked(office, jane, LEAKY, reason="another")
    with office.store.write() as tx:
        withdraw_release(tx, office.clock, jane, withdrawn)
    assert row(office, withdrawn).state == "withdrawn"
    office.clock.advance(7 * 86400)
    with pytest.raises(Refused) as refused:
        take(office, jane, ready)  # over at its moment, whether or not that is on record
    assert refused.value.code == "not-ready"
    office.clock.advance(7 * 86400)
    run(office)
    assert (row(office, ready).state, row(office, waiting).state) == ("lapsed", "lapsed")
    assert events_of(office, waiting)[-1] == (
        "release.lapsed", {"release_id": waiting, "user": "jane", "gate": "export", "was": "waiting"}
    )  # fmt: skip
    assert not any("wants to" in one for one in told(office, rita))


def test_old_documents_are_deleted_and_what_a_killed_office_left(office: OfficeForTests) -> None:
    jane = office.user("jane")
    release_id = asked(office, jane)
    take(office, jane, release_id)
    documents(office).put(b"of nobody")
    loop = run(office)
    assert documents(office).holds(row(office, release_id).plain_sha256)
    assert len(list(documents(office).names())) == 2  # document and preview; the copy is the document here
    office.clock.advance(90 * 86400 + 1)
    run(office, examiner=loop)
    assert not list(documents(office).names())
    with pytest.raises(Refused) as refused:
        preview_of(office.store, office.clock, documents(office), jane, release_id)
    assert refused.value.status == 404
    assert row(office, release_id).approved_sha256, "what left stays on record"


def test_a_reviewer_sees_what_changed_since_the_file_left_before(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    root = office.user("root", Role.ADMIN)
    policy(office, root, "export", nothing="review")
    first = asked(office, jane, notebook("old = 1"), form="ipynb")
    with pytest.raises(Refused):
        comparison_of(office.store, office.clock, documents(office), rita, first)
    approve(office, rita, first)
    take(office, jane, first)
    second = asked(office, jane, notebook("new = 2", f'key = "{KEY}"'), form="ipynb")
    shown = comparison_of(office.store, office.clock, documents(office), rita, second).data.decode()
    assert "old" in shown
    assert "new" in shown
    assert KEY not in shown


def test_reviewers_see_what_is_theirs_to_review_and_nothing_else(any_office: OfficeForTests) -> None:
    office = any_office
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    ours, other = office.user("rita", Role.REVIEWER), office.user("otto", Role.REVIEWER)
    bob = office.user("bob")
    free = asked(office, jane, LEAKY)
    clean = asked(office, jane)
    project(office, root, "orion", jane, ours)
    bound = asked(office, jane, LEAKY, reason="for orion")

    def seen(actor: Actor, show: str = "all") -> set[str]:
        with office.store.read() as tx:
            return {one.id for one, _ in list_releases(tx, actor, show=show).items}

    assert row(office, bound).project == "orion", "the only one that she is in"
    assert seen(ours) == seen(ours, "to-review") == {free, bound}
    assert seen(other) == {free}
    assert seen(root) == {free, clean, bound}
    assert seen(root, "to-review") == {free, bound}
    assert seen(jane, "mine") == {free, clean, bound}
    assert seen(jane, "to-review") == seen(bob) == set()
    assert not any("orion" in one for one in told(office, other))
    assert any("for orion" in one for one in told(office, ours))


def test_in_several_projects_one_says_for_which_and_never_for_one_of_others(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    project(office, root, "orion", jane)
    project(office, root, "vega", jane)
    project(office, root, "lyra")
    with pytest.raises(Refused) as refused:
        ask(office, jane)
    assert "orion, vega" in refused.value.message
    with pytest.raises(Refused) as theirs:
        ask(office, jane, project="lyra")
    with pytest.raises(Refused) as nobodys:
        ask(office, jane, project="nowhere")
    assert theirs.value.message.replace("lyra", "X") == nobodys.value.message.replace("nowhere", "X")
    assert row(office, ask(office, jane, project="vega")).project == "vega"


def test_clicking_twice_asks_once(office: OfficeForTests) -> None:
    jane = office.user("jane")
    assert ask(office, jane) == ask(office, jane)
    assert ask(office, jane) != ask(office, jane, form="ipynb")
