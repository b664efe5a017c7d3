"""What the hub may launch, and the session's own identity."""

from __future__ import annotations

import pytest

from nbkeep.model.errors import Refused
from nbkeep.model.session import StopReason
from nbkeep.sessions.identity import session_of
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ended
from nbkeep.store.tables import SessionRow, UserRow
from office_parts import OfficeForTests


def test_a_launch_carries_the_snapshot_and_a_token_and_passes_only_the_hubs_variables(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    session_id = office.requested(jane)
    answer = launch(office, user="jane", server_name="notebook-cpu-small", session_id=session_id, profile=None,
                    env={"JUPYTERHUB_API_TOKEN": "t", "PATH": "/evil", "LD_PRELOAD": "x", "NBKEEP_SESSION_ID": "ses_x"})  # fmt: skip
    spec = answer["launch"]
    assert (spec["memory_bytes"], spec["cpu_millis"], spec["image"], spec["user"]) == (
        8 << 30,
        2000,
        "base",
        "jane",
    )
    env = spec["server_env"]
    assert env["JUPYTERHUB_API_TOKEN"] == "t"
    assert env["NBKEEP_SESSION_ID"] == session_id
    assert "PATH" not in env
    assert "LD_PRELOAD" not in env
    with office.store.read() as tx:
        assert session_of(tx, env["NBKEEP_SESSION_TOKEN"]).id == session_id
    assert env["NBKEEP_SESSION_TOKEN"] not in str(vars(office.row(session_id)))


@pytest.mark.parametrize(
    ("user", "server", "whose"),
    [("mallory", "notebook-cpu-small", "jane"), ("jane", "other", "jane"), ("mallory", "other", "jane")],
)
def test_a_forged_session_id_is_refused(office: OfficeForTests, user: str, server: str, whose: str) -> None:
    office.user("mallory")
    session_id = office.requested(office.user(whose))
    with pytest.raises(Refused) as caught:
        launch(office, user=user, server_name=server, session_id=session_id, profile=None, env={})
    assert caught.value.code == "not-admitted"
    assert office.row(session_id).state == "requested"


@pytest.mark.parametrize("session_id", ["", "ses_00000000000000000000", "' OR 1=1 --"])
def test_a_made_up_session_id_is_refused(office: OfficeForTests, session_id: str) -> None:
    office.user()
    with pytest.raises(Refused):
        launch(
            office, user="jane", server_name="x", session_id=session_id, profile="notebook-cpu-small", env={}
        )


def test_an_ended_session_is_not_launched_again(office: OfficeForTests) -> None:
    jane = office.user()
    session_id, _ = office.launched(jane)
    with office.store.write() as tx:
        mark_ended(tx, office.clock, jane, tx.get_one(SessionRow, session_id), StopReason.SERVER_DIED)
    with pytest.raises(Refused):
        launch(
            office, user="jane", server_name="notebook-cpu-small", session_id=session_id, profile=None, env={}
        )


def test_the_hubs_own_start_page_passes_the_same_admission(office: OfficeForTests) -> None:
    office.user(max_sessions=1)
    answer = launch(
        office, user="jane", server_name="mine", session_id=None, profile="notebook-cpu-small", env={}
    )
    assert office.row(answer["session_id"]).state == "starting"
    with pytest.raises(Refused, match="1 of 1"):
        launch(office, user="jane", server_name="two", session_id=None, profile="notebook-cpu-small", env={})


@pytest.mark.parametrize(("profile", "code"), [(None, "no-profile"), ("no-such", "profile-not-found"),
                                               ("notebook-gpu-a100", "no-capacity")])  # fmt: skip
def test_the_hubs_own_start_page_without_a_valid_profile_is_refused(
    office: OfficeForTests, profile: str | None, code: str
) -> None:
    office.user()
    with pytest.raises(Refused) as caught:
        launch(office, user="jane", server_name="x", session_id=None, profile=profile, env={})
    assert caught.value.code == code


def test_a_disabled_users_admitted_session_is_not_launched(office: OfficeForTests) -> None:
    jane = office.user()
    session_id = office.requested(jane)
    with office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "disabled"
    with pytest.raises(Refused, match="not active"):
        launch(
            office, user="jane", server_name="notebook-cpu-small", session_id=session_id, profile=None, env={}
        )


def test_a_token_ends_with_its_session_and_others_never_work(office: OfficeForTests) -> None:
    jane = office.user()
    session_id, token = office.launched(jane)
    with office.store.write() as tx:
        assert session_of(tx, token).id == session_id
        mark_ended(tx, office.clock, jane, tx.get_one(SessionRow, session_id), StopReason.USER)
    for wrong in (token, token[:-1], "", "nbks_", "None"):
        with office.store.read() as tx, pytest.raises(Refused) as caught:
            session_of(tx, wrong)
        assert caught.value.status == 401
