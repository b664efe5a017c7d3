"""The keys of saved variables: without its key nothing is resumed or started, and nothing is lost."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from nbkeep.doors.worker.loops import Worker
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.model.session import StopReason
from nbkeep.profiles.known import known_to
from nbkeep.profiles.profiles import change_profile
from nbkeep.sessions.end import end_session
from nbkeep.sessions.launch import launch
from nbkeep.sessions.restorable import hindrance
from nbkeep.sessions.resume import resume_session
from nbkeep.sessions.start import start_session
from nbkeep.sessions.state_keys import key_id, place_of
from nbkeep.sessions.suspend import suspend_session
from nbkeep.store.tables import JournalRow

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

SMALL = "notebook-cpu-small"


def file_of(office: OfficeForTests, name: str = "") -> Path:
    return Path(place_of(office.settings, name).where)


def new_key(office: OfficeForTests, name: str = "") -> str:
    return key_id(place_of(office.settings, name).add())


def key_of(office: OfficeForTests, jane: Actor, session_id: str) -> str:
    """Launch what was admitted and return the key that its trusted half is given."""
    row = office.row(session_id)
    answer = launch(office, user=jane.name, server_name=row.name, session_id=session_id, profile=None, env={})
    return str(answer["launch"]["server_env"]["NBKEEP_STATE_KEY"])


def suspended(office: OfficeForTests, jane: Actor, name: str) -> tuple[str, str]:
    """Run a session until it is suspended; return its id and the key that it had."""
    session_id = office.requested(jane, name=name)
    key = key_of(office, jane, session_id)
    office.change(session_id, state="ready", ready_at=office.clock.now())
    suspend_session(office, jane, session_id)
    office.backend.saves(jane.name, session_id, office.clock.now())
    end_session(office, jane, session_id, StopReason.USER)
    assert office.row(session_id).state == "suspended"
    return session_id, key


def test_a_key_that_is_away_stops_starts_and_resumes_and_costs_nothing(office: OfficeForTests) -> None:
    jane = office.user()
    session_id, key = suspended(office, jane, "one")
    file = file_of(office)
    assert hindrance(office.settings, office.row(session_id)) == ""
    away = file.rename(file.with_name("away"))

    assert "cannot be read" in hindrance(office.settings, office.row(session_id))
    for act in (lambda: resume_session(office, jane, session_id), lambda: start_session(office, jane, SMALL)):
        with pytest.raises(Refused, match="Nothing saved is lost") as refused:
            act()
        assert refused.value.code == "state-key-missing"
    assert office.row(session_id).state == "suspended"
    assert not file.exists()

    away.rename(file)
    resume_session(office, jane, session_id)
    assert key_of(office, jane, session_id) == key


@pytest.mark.parametrize(
    ("text", "mode", "why"), [("", 0o600, "empty"), ("short\n", 0o600, "too short"), (None, 0o640, "others")]
)
def test_a_file_that_is_no_key_or_no_secret_is_refused(
    office: OfficeForTests, text: str | None, mode: int, why: str
) -> None:
    jane = office.user()
    file = file_of(office)
    file.write_text(file.read_text() if text is None else text)
    file.chmod(mode)
    with pytest.raises(Refused, match=why):
        start_session(office, jane, SMALL)


def test_with_a_new_key_new_sessions_use_it_and_suspended_ones_go_on_with_theirs(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    old_secret = place_of(office.settings).read()[0]
    old, old_key = suspended(office, jane, "old")
    made = new_key(office)
    assert [key_id(one) for one in place_of(office.settings).read()] == [made, key_id(old_secret)]
    assert stat.S_IMODE(file_of(office).stat().st_mode) == 0o600
    new, its_key = suspended(office, jane, "new")
    assert its_key != old_key
    resume_session(office, jane, old)
    assert key_of(office, jane, old) == old_key

    # The earlier line is taken away too early: that is said, and it can be put back.
    file_of(office).write_text(f"{old_secret}\n")
    with pytest.raises(Refused, match="key with which its variables were saved"):
        resume_session(office, jane, new)
    assert office.row(new).state == "suspended"


def test_what_an_earlier_release_saved_is_resumed_with_the_oldest_key(office: OfficeForTests) -> None:
    jane = office.user()
    session_id, key = suspended(office, jane, "one")
    office.change(session_id, state_key_id=None)
    new_key(office)
    resume_session(office, jane, session_id)
    assert key_of(office, jane, session_id) == key


def test_the_key_may_lie_outside_and_not_inside_of_the_data_directory(
    office: OfficeForTests, tmp_path: Path
) -> None:
    jane = office.user()
    office.settings = replace(office.settings, state_key=f"file:{tmp_path}/key")
    with pytest.raises(Refused, match="cannot be read"):
        start_session(office, jane, SMALL)
    new_key(office)
    suspended(office, jane, "one")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    inside = f"file:{office.settings.data_dir}/secrets/state-key"
    with pytest.raises(Refused, match="beside what it is to protect"):
        replace(office.settings, state_key=inside)


def test_a_profile_has_a_key_of_its_own_and_a_saved_session_stays_with_its_key(
    office: OfficeForTests, tmp_path: Path
) -> None:
    jane = office.user()
    old, old_key = suspended(office, jane, "old")
    places = {"research": f"file:{tmp_path}/research", "elsewhere": "env:NBKEEP_NOT_SET"}
    office.settings = replace(office.settings, state_keys=places)

    def choose(name: str) -> None:
        with office.store.write() as tx:
            change_profile(tx, office.clock, OPERATOR, SMALL, {"state_key": name}, known_to(office.settings))

    with pytest.raises(Refused, match="no key 'finance'") as refused:
        choose("finance")
    assert "elsewhere, research" in refused.value.remedy
    for name, why in (("elsewhere", "NBKEEP_NOT_SET is not set"), ("research", "key research of saved")):
        choose(name)
        with pytest.raises(Refused, match=why):
            start_session(office, jane, SMALL)
    made = new_key(office, "research")
    new, its_key = suspended(office, jane, "new")
    assert office.row(new).state_key_id == made
    assert its_key != old_key

    # Both go on with the key that they were saved with, whatever the profile says now.
    resume_session(office, jane, old)
    assert key_of(office, jane, old) == old_key
    choose("platform")
    resume_session(office, jane, new)
    assert key_of(office, jane, new) == its_key
    assert set(recorded(office)) == {made, key_id(place_of(office.settings).read()[0])}


def test_a_key_of_which_the_settings_know_no_more_stops_its_sessions_only(
    office: OfficeForTests, tmp_path: Path
) -> None:
    jane = office.user()
    office.settings = replace(office.settings, state_keys={"research": f"file:{tmp_path}/research"})
    new_key(office, "research")
    with office.store.write() as tx:
        change_profile(
            tx, office.clock, OPERATOR, SMALL, {"state_key": "research"}, known_to(office.settings)
        )
    session_id, key = suspended(office, jane, "one")
    there, office.settings = office.settings, replace(office.settings, state_keys={})
    assert "key research of saved variables is not among the settings" in hindrance(
        office.settings, office.row(session_id)
    )
    with pytest.raises(Refused, match="not among the settings"):
        resume_session(office, jane, session_id)
    with pytest.raises(Refused, match="not among the settings"):
        start_session(office, jane, SMALL)
    with office.store.write() as tx:  # its other fields can be changed meanwhile
        change_profile(tx, office.clock, OPERATOR, SMALL, {"idle_stop": "5min"}, known_to(office.settings))
    office.settings = there
    resume_session(office, jane, session_id)
    assert key_of(office, jane, session_id) == key


def recorded(office: OfficeForTests) -> list[str]:
    with office.store.read() as tx:
        rows = tx.scalars(select(JournalRow.record).where(JournalRow.type == "state.key-added"))
        return [json.loads(one)["data"]["key_id"] for one in rows]


def test_each_key_is_in_the_journal_once_and_before_a_session_has_it(office: OfficeForTests) -> None:
    jane = office.user()
    first = key_id(place_of(office.settings).read()[0])
    suspended(office, jane, "one")
    assert recorded(office) == [first]
    second, third = new_key(office), new_key(office)
    worker = Worker(office)
    for _ in range(2):
        worker.round()
    Worker(office).round()  # after a restart
    assert recorded(office) == [first, second, third]
    with office.store.read() as tx:
        journaled = "".join(tx.scalars(select(JournalRow.record)))
    assert not any(secret in journaled for secret in place_of(office.settings).read())
    file_of(office).unlink()
    worker.round()
    assert recorded(office) == [first, second, third]
