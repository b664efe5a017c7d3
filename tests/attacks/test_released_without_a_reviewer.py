"""Attack: let a document leave that nobody looked at, that is another one than was looked at, or twice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.people import projects
from nbkeep.releases.decide import approve_release, deny_release, send_back_release, withdraw_release
from nbkeep.releases.records import find_release
from nbkeep.releases.take import comparison_of, preview_of, take_document
from office_parts import any_office, office
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
)
from scan_parts import KEY
from share_parts import project

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
pytestmark = pytest.mark.attack
ABSENT = "rel_00000000000000000000"


def take(office: OfficeForTests, actor: Actor, release_id: str) -> bytes:
    return take_document(office.store, office.clock, documents(office), actor, release_id).data


def refused(act: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as told:
        act()
    return told.value


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
def test_nobody_reviews_their_own(office: OfficeForTests, role: Role) -> None:
    rita = office.user("rita", role)
    release_id = asked(office, rita, LEAKY)
    assert refused(lambda: approve(office, rita, release_id, redacted=True)).code == "self-review"
    with office.store.write() as tx:
        for act in (
            lambda: deny_release(tx, office.clock, rita, release_id, "no"),
            lambda: send_back_release(tx, office.clock, rita, release_id, reason="no"),
        ):
            assert refused(act).code == "self-review"
    assert row(office, release_id).state == "waiting"


def test_an_approval_counts_for_what_was_looked_at_alone(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    harmless = asked(office, jane, notebook("1", f'k = "{KEY}"'))
    harmful = asked(office, jane, notebook("2", f'k = "{KEY}"'), reason="another")
    seen = row(office, harmless)

    def with_hash(sha256: str, *, redacted: bool) -> None:
        with office.store.write() as tx:
            approve_release(
                tx, office.clock, office.settings, rita, harmful, sha256=sha256, redacted=redacted
            )

    for sha256 in (seen.plain_sha256, seen.redacted_sha256, "", "0" * 64, seen.plain_sha256.upper()):
        for redacted in (False, True):
            told = refused(lambda sha256=sha256, redacted=redacted: with_hash(sha256, redacted=redacted))
            assert (told.code, told.status) == ("other-content", 409)
    other = row(office, harmful)
    assert refused(lambda: with_hash(other.plain_sha256, redacted=True)).code == "other-content"
    assert row(office, harmful).state == "waiting"


def test_a_file_that_is_swapped_after_the_scan_does_not_leave(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    root = office.user("root", Role.ADMIN)
    policy(office, root, "export", nothing="review")
    release_id = asked(office, jane, CLEAN)
    office.backend.held["jane", PATH] = LEAKY
    approve(office, rita, release_id)
    office.backend.held["jane", PATH] = LEAKY
    assert take(office, jane, release_id) == CLEAN


def test_a_document_that_is_changed_on_the_disk_does_not_leave(office: OfficeForTests) -> None:
    jane = office.user("jane")
    release_id = asked(office, jane)
    sha256 = row(office, release_id).approved_sha256
    [file] = office.settings.documents_dir.glob(f"??/{sha256}")
    file.write_bytes(LEAKY)
    with pytest.raises(Unavailable):
        take(office, jane, release_id)
    assert row(office, release_id).state == "ready"
    assert events_of(office, release_id)[-1][0] == "release.examined"


def test_a_copy_that_is_changed_on_the_disk_is_not_examined(office: OfficeForTests) -> None:
    jane = office.user("jane")
    release_id = ask(office, jane)
    copied = documents(office).put(CLEAN)
    with office.store.write() as tx:
        mine, _ = find_release(tx, jane, release_id)
        mine.state, mine.source_sha256 = "examining", copied
    [file] = office.settings.documents_dir.glob(f"??/{copied}")
    file.write_bytes(LEAKY)
    run(office)
    assert row(office, release_id).state == "failed"


def test_releases_of_others_look_like_none(office: OfficeForTests) -> None:
    root, jane, bob = office.user("root", Role.ADMIN), office.user("jane"), office.user("bob")
    otto = office.user("otto", Role.REVIEWER)
    project(office, root, "orion", jane)
    clean, leaky = asked(office, jane), asked(office, jane, LEAKY, reason="another")
    store, docs = office.store, documents(office)
    for actor in (bob, otto):
        for release_id in (clean, leaky):
            with office.store.write() as tx:
                acts: tuple[Callable[[str], object], ...] = (
                    lambda which, tx=tx, actor=actor: find_release(tx, actor, which),
                    lambda which, tx=tx, actor=actor: withdraw_release(tx, office.clock, actor, which),
                    lambda which, tx=tx, actor=actor: deny_release(tx, office.clock, actor, which, "no"),
                    lambda which, tx=tx, actor=actor: approve_release(
                        tx, office.clock, office.settings, actor, which, sha256="0" * 64
                    ),
                )
                for act in acts:
                    _look_alike(act, release_id)
            for look in (preview_of, comparison_of):
                _look_alike(
                    lambda which, look=look, actor=actor: look(store, office.clock, docs, actor, which),
                    release_id,
                )
            _look_alike(lambda which, actor=actor: take(office, actor, which), release_id)
    assert refused(lambda: take(office, root, clean)).code == "not-yours", (
        "an admin sees it, and takes nothing"
    )
    assert refused(lambda: take(office, OPERATOR, clean)).code == "not-yours"


def _look_alike(act: Callable[[str], object], release_id: str) -> None:
    theirs, nobodys = refused(lambda: act(release_id)), refused(lambda: act(ABSENT))
    assert str(theirs).replace(release_id, "X") == str(nobodys).replace(ABSENT, "X")
    assert (theirs.code, theirs.status) == (nobodys.code, nobodys.status) == ("release-not-found", 404)


def test_a_reviewer_who_has_left_the_project_decides_no_more(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    rita = office.user("rita", Role.REVIEWER)
    project(office, root, "orion", jane, rita)
    release_id = asked(office, jane, LEAKY)
    with office.store.write() as tx:
        projects.leave_project(tx, office.clock, root, "orion", "rita")
    assert refused(lambda: approve(office, rita, release_id)).status == 404
    with office.store.write() as tx:
        projects.remove_project(tx, office.clock, root, "orion", take_grants=True)
    project(office, root, "orion", rita)  # another one of that name
    assert refused(lambda: approve(office, rita, release_id)).status == 404
    approve(office, root, release_id)


def test_what_is_denied_by_now_is_approved_by_nobody(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    root = office.user("root", Role.ADMIN)
    release_id = asked(office, jane, LEAKY)
    policy(office, root, "export", secret="deny")
    assert refused(lambda: approve(office, rita, release_id)).code == "denied-by-policy"
    assert row(office, release_id).state == "waiting"


def test_two_reviewers_at_once_decide_once(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    reviewers = [office.user(f"rita-{letter}", Role.REVIEWER) for letter in "ab"]
    release_id = asked(office, jane, LEAKY)
    together, ended = threading.Barrier(2), list[str]()

    def decide(actor: Actor, *, redacted: bool) -> None:
        together.wait(10)
        try:
            approve(office, actor, release_id, redacted=redacted)
            ended.append(actor.name)
        except Refused as error:
            ended.append(error.code)

    threads = [
        threading.Thread(target=decide, args=(one,), kwargs={"redacted": redacted})
        for one, redacted in zip(reviewers, (False, True), strict=True)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert "release-not-waiting" in ended
    assert row(office, release_id).decided_by in ended
    approvals = [data for kind, data in events_of(office, release_id) if kind == "release.approved"]
    assert [one["sha256"] for one in approvals] == [row(office, release_id).approved_sha256]


def test_taking_it_twice_at_once_gives_it_once(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    release_id = asked(office, jane)
    together, got = threading.Barrier(4), list[str]()

    def act() -> None:
        together.wait(10)
        try:
            take(office, jane, release_id)
            got.append("bytes")
        except NbkeepError as error:
            got.append(error.code)

    threads = [threading.Thread(target=act) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(got) == ["already-taken"] * 3 + ["bytes"]


def test_what_is_withdrawn_while_it_is_examined_does_not_come_back(office: OfficeForTests) -> None:
    jane = office.user("jane")
    release_id = ask(office, jane)

    def slow(source: object, order: object, into: object, *, timeout_s: float = 120) -> object:
        from release_parts import make

        with office.store.write() as tx:
            withdraw_release(tx, office.clock, jane, release_id)
        return make(source, order, into, timeout_s=timeout_s)  # pyright: ignore[reportArgumentType]  passed on

    run(office, slow)  # pyright: ignore[reportArgumentType]  it passes on what it was given
    assert row(office, release_id).state == "withdrawn"


def test_who_is_shut_out_gets_nothing_out(office: OfficeForTests) -> None:
    from nbkeep.people import users

    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    release_id, waits = ask(office, jane), asked(office, jane, LEAKY, reason="another", path="b.ipynb")
    rita = office.user("rita", Role.REVIEWER)
    second = ask(office, jane, reason="third")
    with office.store.write() as tx:
        users.change_user(tx, office.clock, root, "jane", status="disabled", reason="left")
    run(office)
    assert row(office, second).state == "failed"
    assert refused(lambda: approve(office, rita, waits)).code == "release-for-nobody"
    assert row(office, release_id).state in {"ready", "failed"}
