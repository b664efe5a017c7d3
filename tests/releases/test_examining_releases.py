"""Nothing leaves without a result: what breaks, lies or never ends counts as unread."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbkeep.doors.worker.releases import ReleaseExaminer
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.releases import rules
from nbkeep.releases.found import found_in
from nbkeep.releases.interface import Make
from nbkeep.releases.values import State
from nbkeep.rendering.interface import Made, Order
from nbkeep.rendering.job import make as make_in_a_jail
from nbkeep.scanning.documents.image import NO_OCR
from nbkeep.scanning.values import NotRead, Place
from nbkeep.store.class_tables import ClassifiedFileRow, ClassWalkRow
from release_parts import (
    CLEAN,
    LEAKY,
    PATH,
    approve,
    ask,
    documents,
    events_of,
    make,
    notebook,
    policy,
    row,
    run,
    told,
)
from render_parts import needs_a_jail
from scan_parts import KEY

if TYPE_CHECKING:
    from office_parts import OfficeForTests


# Threads of a test cannot be killed: one that exits has written nothing more, either.
KILLS = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def crashes(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
    """A renderer that dies."""
    raise RuntimeError("boom")


def never_ends(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
    """What `job.make` says once its time is over."""
    return Made(problem=f"The document was not ready within {timeout_s:.0f} seconds.")


def lies(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
    """A renderer that examined something else than what it hands over."""
    made = make(source, order, into, timeout_s=timeout_s)
    if made.plain is not None:
        made.plain.file.write_bytes(LEAKY)
    return made


def points_elsewhere(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
    """A renderer that hands over a file of the office."""
    made = make(source, order, into, timeout_s=timeout_s)
    if made.plain is not None:
        data = b"of the office"
        (into.parent / "elsewhere").write_bytes(data)
        (into / "link").symlink_to(into.parent / "elsewhere")
        sha256 = hashlib.sha256(data).hexdigest()
        made.plain = replace(made.plain, file=into / "link", sha256=sha256, size_bytes=len(data))
    return made


@pytest.mark.parametrize("by", [crashes, never_ends, lies, points_elsewhere])
def test_a_renderer_that_breaks_or_lies_lets_nothing_out(office: OfficeForTests, by: Make) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    policy(office, root, "export", unread="allow")
    release_id = ask(office, jane, form="html")
    run(office, by)
    failed = row(office, release_id)
    assert (failed.state, failed.plain_sha256, failed.found[-1:]) == ("failed", "", ["unread"])
    assert "boom" not in failed.problem
    assert failed.problem in told(office, jane)[0]


def test_a_file_that_nobody_could_read_is_let_out_by_a_reviewer_alone(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    release_id = ask(office, jane, b"\0\1\2", path="model.bin")
    run(office, crashes)
    waits = row(office, release_id)
    assert (waits.state, waits.found) == ("waiting", ["unread"])
    assert waits.problem
    approve(office, rita, release_id)
    assert row(office, release_id).approved_sha256 == hashlib.sha256(b"\0\1\2").hexdigest()


def test_what_is_denied_unread_is_denied(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    policy(office, root, "export", unread="deny")
    release_id = ask(office, jane, b"\0\1\2", path="model.bin")
    run(office, crashes)
    assert row(office, release_id).state == "denied"


@KILLS
def test_a_killed_office_goes_on_and_gives_up_after_some_times(office: OfficeForTests) -> None:
    jane = office.user("jane")
    release_id = ask(office, jane, form="html")

    def killed(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
        raise SystemExit  # ends this thread as a kill ends the office: nothing is written any more

    for _ in range(rules.MOST_TRIES):
        loop = ReleaseExaminer(office, killed)
        loop.round()
        loop.wait(30)
        assert row(office, release_id).state == "examining"
    run(office)
    failed = row(office, release_id)
    assert failed.state == "failed"
    assert "no end" in failed.problem


@KILLS
def test_a_restart_in_the_middle_goes_on_with_the_same_copy(office: OfficeForTests) -> None:
    jane = office.user("jane")
    release_id = ask(office, jane)

    def killed(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
        raise SystemExit

    loop = ReleaseExaminer(office, killed)
    loop.round()
    loop.wait(30)
    office.backend.held["jane", PATH] = LEAKY  # changed since
    run(office)
    assert row(office, release_id).approved_sha256 == hashlib.sha256(CLEAN).hexdigest()
    assert not list((office.settings.documents_dir / "work").iterdir())


def test_while_the_node_is_away_it_waits_and_what_is_not_there_fails(office: OfficeForTests) -> None:
    jane = office.user("jane")
    release_id = ask(office, jane)
    missing = ask(office, jane, None, path="nothing.csv")
    office.backend.is_away = True
    loop = run(office)
    assert row(office, release_id).state == "copying"
    office.backend.is_away = False
    office.clock.advance(60)
    run(office, examiner=loop)
    assert row(office, release_id).state == "ready"
    failed = row(office, missing)
    assert (failed.state, events_of(office, missing)[-1][0]) == ("failed", "release.failed")
    assert "There is no file 'nothing.csv'" in failed.problem


def test_one_person_with_many_documents_does_not_hold_up_another(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    for number in range(4):
        ask(office, jane, path=f"{number}.ipynb")
        office.clock.advance(1)
    his = ask(office, bob)
    loop = ReleaseExaminer(office, make)
    loop.round()
    loop.wait(30)
    assert row(office, his).state == "ready"


def test_the_class_of_the_file_decides_with_the_policies_and_never_falls(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    policy(office, root, "export", "class:confidential", nothing="review")
    session = office.ready(jane)
    first = ask(office, jane)
    run(office)
    assert row(office, first).state == "ready"
    with office.store.write() as tx:
        tx.add(ClassifiedFileRow(
            user_id=jane.id, key=hashlib.sha256(PATH.encode()).hexdigest(), path=PATH, classification="pii",
            session_id=session, changed_at=office.clock.now(), bytes=1, note="", seen_at=office.clock.now(),
        ))  # fmt: skip
    second, other = ask(office, jane, reason="again"), ask(office, jane, path="other.ipynb")
    run(office)
    assert (row(office, second).state, row(office, second).classification) == ("waiting", "pii")
    assert (row(office, other).state, row(office, other).classification) == ("ready", "")
    with office.store.write() as tx:
        tx.add(ClassWalkRow(session_id=session, user_id=jane.id, classification="confidential",
                            place="", whole="more than 100,000 files were changed", fresh=0, failures=0,
                            over_run=0, final_run=0, left_out=True))  # fmt: skip
    third = ask(office, jane, path="other.ipynb", reason="again")
    run(office)
    assert (row(office, third).state, row(office, third).classification) == ("waiting", "confidential")


@needs_a_jail
def test_the_real_renderer_in_its_jail_lets_a_redacted_page_out(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    policy(office, root, "export", secret="redact")
    release_id = ask(office, jane, notebook("x = 1", f'key = "{KEY}"'), form="html")
    run(office, make_in_a_jail)
    done = row(office, release_id)
    assert (done.state, done.variant, done.problem) == ("ready", "redacted", "")
    page = documents(office).read(done.approved_sha256)
    assert KEY.encode() not in page
    assert b"<html" in page.lower()
    assert KEY.encode() in documents(office).read(done.plain_sha256)
    assert done.pages["redacted"]["name"] == "churn.html"


def test_pictures_in_a_notebook_are_no_reason_for_a_review_but_other_unread_parts_are() -> None:
    picture = NotRead("a.ipynb", Place(cell=3), NO_OCR, partly=True)
    assert found_in(Made(not_read=[picture])) == [Found.NOTHING]
    for other in (
        NotRead("a.png", Place(), NO_OCR, partly=True),
        NotRead("a.ipynb", Place(cell=3), "is broken JSON", partly=True),
        NotRead("a.zip", Place(), "is encrypted"),
    ):
        assert found_in(Made(not_read=[picture, other])) == [Found.UNREAD]
    assert found_in(Made(problem="It broke.")) == [Found.UNREAD]


@pytest.mark.parametrize(
    ("decision", "found", "has_redacted", "state", "variant"),
    [
        (Decision.ALLOW, Found.SECRET, True, State.READY, "plain"),
        (Decision.REDACT, Found.SECRET, True, State.READY, "redacted"),
        (Decision.REDACT, Found.SECRET, False, State.WAITING, ""),
        (Decision.REDACT, Found.UNREAD, True, State.WAITING, ""),
        (Decision.REVIEW, Found.NOTHING, True, State.WAITING, ""),
        (Decision.DENY, Found.NOTHING, True, State.DENIED, ""),
    ],
)
def test_what_follows_from_a_decision(
    decision: Decision, found: Found, has_redacted: bool, state: State, variant: str
) -> None:
    told = rules.outcome(decision, Gate.EXPORT, [found], has_plain=True, has_redacted=has_redacted)
    assert (told.state, told.variant) == (state, variant)
    nothing = rules.outcome(decision, Gate.EXPORT, [found], has_plain=False, has_redacted=False)
    assert nothing.state is (State.DENIED if decision is Decision.DENY else State.FAILED)


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "a/../../b", "..", "a\nb", "a\0b", "\u202egpj.exe", "a" * 300, "a/" * 3000 + "b",
             "zero\u200bwidth"]
)  # fmt: skip
def test_a_path_that_cannot_be_read_in_one_way_is_refused(path: str) -> None:
    with pytest.raises(Refused) as refused:
        rules.read_path(path)
    assert refused.value.status == 400
