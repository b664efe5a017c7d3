"""Incidents: everything is taken away at once, what is to be done outside is tried until it is done."""

from __future__ import annotations

import errno
import json
import zipfile
from typing import TYPE_CHECKING

import pytest

from incident_parts import (
    checked,
    closed,
    events_of,
    leases_of,
    opened,
    person,
    rotated,
    secret,
    shown,
    step,
    used,
)
from nbkeep.backends.interface import HomeFile
from nbkeep.doors.worker.loops import Worker
from nbkeep.incidents import evidence
from nbkeep.incidents.concerned import find_target
from nbkeep.incidents.open import open_incident
from nbkeep.incidents.radius import preview
from nbkeep.incidents.steps import advance
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.outbox.notices import list_notices
from nbkeep.people.users import change_user
from nbkeep.store.incident_tables import IncidentHoldRow
from nbkeep.store.tables import NoticeRow, SecretRow, SessionRow, UserRow
from nbkeep.vault.change import revoke_secret
from nbkeep.vault.sources.embedded import EmbeddedSource

if TYPE_CHECKING:
    from pathlib import Path

    from office_parts import OfficeForTests

DAY_S = 86400


def test_looking_shows_what_would_be_done_and_changes_nothing(any_office: OfficeForTests) -> None:
    office = any_office
    jane, root = office.user(), office.user("root", Role.ADMIN)
    secret(office, root, "user:jane")
    session_id = office.ready(jane)
    used(office, session_id)
    before = len(events_of(office, ""))
    with office.store.read() as tx:
        seen = preview(tx, office.clock, root, "user", "jane")
    assert [one["session_id"] for one in seen["could"]["sessions"]] == [session_id]
    assert [one["name"] for one in seen["could"]["secrets"]] == ["openai"]
    assert [one["session_id"] for one in seen["did"]["secrets"]] == [session_id]
    assert any("Freeze 1 session" in one for one in seen["will"])
    assert "sk-live" not in json.dumps(seen)
    assert office.row(session_id).state == "ready"
    assert len(events_of(office, "")) == before


def test_an_incident_about_a_person_takes_everything_in_one_transaction(any_office: OfficeForTests) -> None:
    office = any_office
    jane, root = office.user(), office.user("root", Role.ADMIN)
    secret(office, root, "user:jane")
    session_id = office.ready(jane)
    incident_id = opened(office, root, "user", "jane")
    # Before anything outside of the database was done:
    assert leases_of(office, session_id) == []
    row = office.row(session_id)
    assert (row.state, row.held_by) == ("frozen", incident_id)
    with office.store.read() as tx:
        user = tx.get_one(UserRow, jane.id)
        assert (user.status, user.held_by) == ("disabled", incident_id)
    assert not office.backend.frozen
    assert advance(office, incident_id, quick=True) == 1
    assert office.backend.frozen == {session_id}
    assert advance(office) == 1
    assert checked(office, incident_id).ok
    assert [one["type"] for one in events_of(office, "incident.")] == [
        "incident.opened", "incident.step-done", "incident.evidence-kept", "incident.step-done",
    ]  # fmt: skip


def test_what_a_name_means_is_decided_anew_when_an_incident_is_opened(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user()
    secret(office, jane)
    with office.store.read() as tx:
        seen = preview(tx, office.clock, root, "secret", "openai")
    with office.store.write() as tx:
        revoke_secret(tx, office.clock, EmbeddedSource(office.settings), jane, "openai")
    secret(office, root)
    with pytest.raises(Refused, match="means another secret"), office.store.write() as tx:
        open_incident(tx, office.clock, root, "secret", "openai", "leaked", seen)
    with office.store.read() as tx:
        seen = preview(tx, office.clock, root, "secret", "openai")
    with office.store.write() as tx:
        row, _ = open_incident(tx, office.clock, root, "secret", "openai", "leaked", seen)
        assert (row.radius["subject"], set(row.radius) & {"will", "refusal"}) == ("openai", set())


def test_opening_twice_is_the_same_incident(office: OfficeForTests) -> None:
    office.user()
    assert opened(office, OPERATOR, "user", "jane") == opened(office, OPERATOR, "user", "jane")
    assert len(events_of(office, "incident.opened")) == 1


@pytest.mark.parametrize(("kind", "name"), [("user", "nobody"), ("session", "ses_none"), ("secret", "none")])
def test_what_is_not_there_is_said(office: OfficeForTests, kind: str, name: str) -> None:
    with pytest.raises(Refused, match="There is no") as refusal, office.store.read() as tx:
        find_target(tx, kind, name)  # pyright: ignore[reportArgumentType]  each of them is a kind
    assert refusal.value.status == 404


def test_nobody_locks_themselves_or_the_last_admin_out(office: OfficeForTests) -> None:
    root = office.user("root", Role.ADMIN)
    with pytest.raises(Refused, match="shut you out yourself"):
        opened(office, root, "user", "root")
    with pytest.raises(Refused, match="last active admin"):
        opened(office, OPERATOR, "user", "root")
    session_id = office.ready(root)
    with pytest.raises(Refused, match="shut you out yourself"):
        opened(office, root, "session", session_id)
    office.user("eve", Role.ADMIN)
    assert opened(office, OPERATOR, "user", "root")


def test_no_loop_ends_or_thaws_what_is_held_and_its_time_stands_still(office: OfficeForTests) -> None:
    jane = person(office)
    session_id = office.ready(jane)
    incident_id = opened(office, OPERATOR, "user", "jane")
    worker = Worker(office, "boot")
    advance(office)
    for _ in range(4):
        office.clock.advance(DAY_S)
        worker.round()
    assert office.row(session_id).state == "frozen"
    assert office.backend.frozen == {session_id}
    assert office.hub.calls[-1][0] == "start"
    # The node lost it meanwhile: what the row says is done again.
    office.backend.frozen.clear()
    worker.round()
    assert office.backend.frozen == {session_id}
    said = closed(office, OPERATOR, incident_id, "thaw", let_in=True)
    assert any("goes on where it was" in one for one in said)
    advance(office)
    worker.round()
    row = office.row(session_id)
    assert (row.state, row.stop_reason, row.stop_detail) == ("ready", None, None)  # its time was given back
    assert not office.backend.frozen


def test_a_suspended_session_is_neither_resumed_nor_forgotten(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.backend.saves("jane", session_id, office.clock.now())
    office.change(session_id, state="suspended", ended_at=office.clock.now(), kept_until=office.clock.now(),
                  kept={"saved_at": office.clock.now().isoformat(), "bytes": 1, "kernels": []})  # fmt: skip
    office.backend.running.clear()
    incident_id = opened(office, OPERATOR, "user", "jane")
    office.clock.advance(30 * DAY_S)
    Worker(office, "boot").round()
    row = office.row(session_id)
    assert (row.state, row.discard_state) == ("suspended", False)
    closed(office, OPERATOR, incident_id)
    kept_until = office.row(session_id).kept_until
    assert kept_until is not None
    assert kept_until > office.clock.now()


def test_a_secret_is_out_of_use_until_it_is_rotated(any_office: OfficeForTests) -> None:
    office = any_office
    root, jane, joe = office.user("root", Role.ADMIN), office.user(), office.user("joe")
    kept = secret(office, root, "everyone")
    using, other = office.ready(jane), office.ready(joe)
    used(office, using)
    incident_id = opened(office, root, "secret", "openai")
    advance(office)
    # Who has used it is frozen; who has not goes on, without it. Nobody is shut out.
    assert (office.row(using).state, office.row(other).state) == ("frozen", "ready")
    assert leases_of(office, using) == leases_of(office, other) == []
    later = office.ready(joe, name="later")
    assert leases_of(office, later) == []
    closed(office, root, incident_id, "thaw")
    advance(office)
    assert office.row(using).state == "ready"
    assert leases_of(office, using) == []
    with office.store.read() as tx:
        assert tx.get_one(SecretRow, kept.id).held_by == incident_id
    rotated(office, root)
    assert all(leases_of(office, one) for one in (using, other, later))


def test_a_node_that_is_away_is_asked_again_and_what_was_revoked_stays_so(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    office.backend.is_away = True
    incident_id = opened(office, OPERATOR, "user", "jane")
    assert advance(office) == 0
    failed = step(office, incident_id, "freeze")
    assert failed["state"] == "waiting"
    assert "does not answer" in failed["problem"]
    office.clock.advance(1)
    assert advance(office) == 0
    assert step(office, incident_id, "freeze")["tries"] == 1  # not before its time
    office.backend.is_away = False
    office.clock.advance(10)
    assert advance(office) == 2
    assert office.backend.frozen == {session_id}
    assert len(events_of(office, "incident.step-failed")) == 2  # one for each problem, not for each try


def test_a_home_that_cannot_be_listed_for_long_does_not_keep_the_rest_from_being_evidence(
    office: OfficeForTests,
) -> None:
    office.ready(office.user())
    incident_id = opened(office, OPERATOR, "user", "jane")
    advance(office, quick=True)
    office.backend.is_away = True
    for _ in range(9):
        advance(office)
        office.clock.advance(600)
    report = checked(office, incident_id)
    assert report.ok
    assert "The home of jane is missing" in report.notes[0]


def test_a_session_that_cannot_be_frozen_is_ended(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    office.backend.cannot_freeze = True
    incident_id = opened(office, OPERATOR, "session", session_id)
    advance(office)
    assert office.row(session_id).state == "stopping"
    assert "could not freeze" in step(office, incident_id, "freeze")["said"]
    assert office.hub.calls[-1][0] == "stop"


def test_a_session_that_ends_meanwhile_holds_nothing_up(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.ready(jane)
    office.backend.is_away = True
    incident_id = opened(office, OPERATOR, "user", "jane")
    advance(office)
    office.backend.is_away = False
    office.backend.die(session_id, "sandbox-died", "It was killed.")
    Worker(office, "boot").round()
    office.clock.advance(10)
    advance(office)
    assert shown(office, incident_id)["steps_waiting"] == 0
    closed(office, OPERATOR, incident_id, "thaw", let_in=True)


def test_a_session_that_was_only_starting_never_begins(office: OfficeForTests) -> None:
    session_id = office.requested(office.user())
    opened(office, OPERATOR, "user", "jane")
    advance(office, quick=True)
    assert office.row(session_id).state == "stopping"


def test_a_full_disk_keeps_the_incident_open_and_is_tried_again(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = office.ready(office.user())
    incident_id = opened(office, OPERATOR, "user", "jane")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(evidence, "written", full)
        advance(office)
    assert office.backend.frozen == {session_id}
    assert "No space left" in step(office, incident_id, "preserve")["problem"]
    assert list(office.settings.incidents_dir.iterdir()) == []  # nothing half
    office.clock.advance(10)
    assert advance(office) == 1
    assert checked(office, incident_id).ok


def test_evidence_holds_what_is_on_record_and_no_value(office: OfficeForTests, tmp_path: Path) -> None:
    jane, root = office.user(), office.user("root", Role.ADMIN)
    secret(office, root, "user:jane")
    session_id = office.ready(jane)
    used(office, session_id)
    office.backend.files["jane"] = [HomeFile(f"n{one}.ipynb", 3, "2026-01-01", "ab" * 32) for one in range(5)]
    incident_id = opened(office, root, "user", "jane")
    advance(office)
    report = checked(office, incident_id)
    assert report.ok
    assert report.records >= 5
    file = evidence.path_of(office, incident_id)
    assert file.stat().st_mode & 0o777 == 0o400
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path)
    whole = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert len((tmp_path / "home-jane.jsonl").read_text().splitlines()) == 5
    assert session_id in (tmp_path / "sessions.jsonl").read_text()
    assert "incident.opened" in (tmp_path / "journal.jsonl").read_text()
    assert b"sk-live" not in whole
    assert b"token_hash" not in whole


@pytest.mark.parametrize("how", ["byte", "file", "manifest", "added", "cut"])
def test_evidence_that_was_changed_is_found(office: OfficeForTests, how: str, tmp_path: Path) -> None:
    office.ready(office.user())
    incident_id = opened(office, OPERATOR, "user", "jane")
    advance(office)
    file = evidence.path_of(office, incident_id)
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    match how:
        case "byte":
            files["journal.jsonl"] = files["journal.jsonl"].replace(b"jane", b"john")
        case "file":
            del files["network.jsonl"]
        case "manifest":
            assert b'"notes":[]' in files["manifest.txt"]
            files["manifest.txt"] = files["manifest.txt"].replace(b'"notes":[]', b'"notes":["fine"]')
        case "added":
            files["more.txt"] = b"more"
        case _:
            pass
    data = tmp_path / "changed.zip"
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    if how == "cut":
        data.write_bytes(file.read_bytes()[:-200])
    file.chmod(0o600)
    file.write_bytes(data.read_bytes())
    assert not checked(office, incident_id).ok


def test_what_two_incidents_hold_stays_until_both_are_closed(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), person(office)
    secret(office, root, "user:jane")
    session_id = office.ready(jane)
    used(office, session_id)
    about_secret = opened(office, root, "secret", "openai")
    about_jane = opened(office, root, "user", "jane")
    advance(office)
    assert any("stays held" in one for one in closed(office, root, about_secret, "thaw"))
    assert office.row(session_id).held_by == about_jane
    assert office.row(session_id).state == "frozen"
    closed(office, root, about_jane, "thaw", let_in=True)
    assert office.row(session_id).state == "ready"
    with office.store.read() as tx:
        assert tx.get_one(UserRow, jane.id).status == "active"


def test_somebody_who_is_held_cannot_be_let_in_around_the_incident(office: OfficeForTests) -> None:
    office.user()
    incident_id = opened(office, OPERATOR, "user", "jane")
    with pytest.raises(Refused, match=incident_id), office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="active")


def test_sessions_go_on_only_with_their_user(office: OfficeForTests) -> None:
    session_id = office.ready(office.user())
    incident_id = opened(office, OPERATOR, "user", "jane")
    with pytest.raises(Refused, match="stays shut out"):
        closed(office, OPERATOR, incident_id, "thaw")
    assert shown(office, incident_id)["state"] == "open"
    said = closed(office, OPERATOR, incident_id)
    assert any("nbkeep user enable jane" in one for one in said)
    assert office.row(session_id).state == "stopping"


def disabled(office: OfficeForTests, name: str = "jane") -> None:
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, name, status="disabled", reason="left")


def is_refused(office: OfficeForTests, incident_id: str, remedy: str) -> None:
    """Closing with sessions that go on is refused with a remedy; nothing is changed by it."""
    with pytest.raises(Refused, match="stays shut out") as refusal:
        closed(office, OPERATOR, incident_id, "thaw", let_in=True)
    assert remedy in refusal.value.remedy
    assert shown(office, incident_id)["state"] == "open"
    for _ in range(3):
        Worker(office, "boot").round()
        office.clock.advance(60)


def test_letting_in_lets_no_session_go_on_whose_user_this_incident_does_not_hold(
    office: OfficeForTests,
) -> None:
    """It would be killed at once, and its memory lost: the incident is about a secret, its user left since."""
    root, jane = office.user("root", Role.ADMIN), person(office)
    secret(office, root, "user:jane")
    session_id = office.ready(jane)
    used(office, session_id)
    incident_id = opened(office, root, "secret", "openai")
    advance(office)
    disabled(office)
    is_refused(office, incident_id, "nbkeep user enable jane")
    assert office.row(session_id).state == "frozen"
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="active")
    closed(office, root, incident_id, "thaw")
    advance(office)
    Worker(office, "boot").round()
    assert office.row(session_id).state == "ready"


def test_letting_in_lets_no_session_go_on_whose_user_was_disabled_before(office: OfficeForTests) -> None:
    session_id = office.ready(person(office))
    disabled(office)
    incident_id = opened(office, OPERATOR, "user", "jane")
    advance(office)
    is_refused(office, incident_id, "End the sessions (`--sessions end`)")
    assert office.row(session_id).state == "frozen"
    said = closed(office, OPERATOR, incident_id)
    assert any("nbkeep user enable jane" in one for one in said)


def test_letting_in_lets_no_session_go_on_whose_user_another_incident_shuts_out(
    office: OfficeForTests,
) -> None:
    """The session alone was held by one, its user by two."""
    session_id = office.ready(person(office))
    first = opened(office, OPERATOR, "session", session_id)
    advance(office)
    other = opened(office, OPERATOR, "user", "jane")
    with office.store.write() as tx:
        tx.delete(tx.get_one(IncidentHoldRow, (other, "session", session_id)))
    is_refused(office, first, f"Close {other} first")
    assert office.row(session_id).state == "frozen"


def test_people_are_told_that_it_is_frozen_and_not_why(office: OfficeForTests) -> None:
    jane, root = office.user(), office.user("root", Role.ADMIN)
    session_id = office.ready(jane)
    incident_id = opened(office, OPERATOR, "user", "jane")
    with office.store.read() as tx:
        (hers,) = [one.text for one in tx.query(NoticeRow).filter_by(user_id=jane.id)]
        (theirs,) = [one.text for one in list_notices(tx, root)]
    assert incident_id in hers
    assert "4711" not in hers
    assert "4711" in theirs
    closed(office, OPERATOR, incident_id)
    with office.store.read() as tx:
        assert list_notices(tx, root) == []
        assert tx.get_one(SessionRow, session_id).held_by is None
