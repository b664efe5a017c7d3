"""Sessions and homes."""

from __future__ import annotations

import threading
import time

from cli_parts import Nbkeep

from nbkeep.backends.interface import Volume
from nbkeep.model.actor import SYSTEM
from nbkeep.model.session import StopReason
from nbkeep.sessions.end import end_session
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ready
from nbkeep.store.tables import SessionRow
from office_parts import OfficeForTests


def test_a_session_is_listed_shown_and_explained(nbkeep: Nbkeep, served: OfficeForTests):
    session_id = served.ready(served.user("jane"))
    line = nbkeep("session", "list").out.splitlines()[1].split()
    assert line[:4] == [session_id, "jane", "notebook-cpu-small", "ready"]
    assert "notebook-cpu-small" in nbkeep("session", "show", session_id).out
    told = nbkeep("session", "diagnose", "--session", session_id)
    assert told.code == 0
    assert "Running" in told.out.splitlines()[0]
    assert nbkeep("session", "diagnose", session_id, "--json").json["state"] == "ready"


def suspended(served: OfficeForTests, session_id: str) -> None:
    """Save and end a session as its node does."""
    served.backend.saves("jane", session_id, served.clock.now())
    served.backend.running.pop(session_id, None)
    end_session(served, SYSTEM, session_id, StopReason.USER)


def test_a_suspended_session_says_what_is_kept_and_is_listed(nbkeep: Nbkeep, served: OfficeForTests):
    session_id = served.ready(served.user("jane"))
    helper = threading.Thread(target=lambda: (threading.Event().wait(0.5), suspended(served, session_id)))
    helper.start()
    done = nbkeep("session", "suspend", session_id)
    helper.join()
    assert done.code == 0, done.err
    assert "3 variables are kept until" in done.err
    assert "1 could not be" in done.err
    listed = nbkeep("session", "checkpoints", session_id)
    assert "churn.ipynb" in listed.out
    assert "sock: A socket cannot be kept." in listed.out
    assert session_id in nbkeep("session", "list").out
    assert "kept until" in nbkeep("session", "show", session_id).out
    assert "Resume it" in nbkeep("session", "diagnose", session_id).out
    assert nbkeep("session", "resume", session_id, "--no-wait").code == 0
    assert served.row(session_id).state == "requested"


def test_a_suspend_that_kept_nothing_says_so(nbkeep: Nbkeep, served: OfficeForTests):
    session_id = served.ready(served.user("jane"))

    def end() -> None:
        deadline_s = time.monotonic() + 30
        while served.row(session_id).state != "stopping" and time.monotonic() < deadline_s:
            time.sleep(0.05)
        end_session(served, SYSTEM, session_id, StopReason.USER)

    helper = threading.Thread(target=end)
    helper.start()
    done = nbkeep("session", "suspend", session_id)
    helper.join()
    assert done.code == 1
    assert "could not be saved" in done.err
    assert (
        "Nothing is saved"
        in nbkeep("session", "checkpoints", session_id).err + nbkeep("session", "checkpoints", session_id).out
    )


def test_discarding_a_suspended_session_ends_it_for_good(nbkeep: Nbkeep, served: OfficeForTests):
    session_id = served.ready(served.user("jane"))
    suspended(served, session_id)
    assert "is stopped" in nbkeep("session", "stop", session_id, "--discard-state", "--yes").err
    refused = nbkeep("session", "resume", session_id)
    assert refused.code == 1
    assert "nothing is kept" in refused.err


def test_start_tells_each_step_until_the_session_is_ready(nbkeep: Nbkeep, served: OfficeForTests):
    jane = served.user("jane")

    def become_ready() -> None:
        """Do what hub and spawner do."""
        for _ in range(200):
            with served.store.read() as tx:
                row = tx.query(SessionRow).one_or_none()
            if row is not None:
                launch(served, user="jane", server_name=row.name, session_id=row.id, profile=None, env={})
                with served.store.write() as tx:
                    mark_ready(tx, served.clock, SYSTEM, tx.get_one(SessionRow, row.id))
                return
            threading.Event().wait(0.05)

    helper = threading.Thread(target=become_ready)
    helper.start()
    done = nbkeep(
        "session", "start", "--profile", "notebook-cpu-small", "--user", jane.name, "--name", "churn"
    )
    helper.join()
    assert done.code == 0, done.err
    assert "·" in done.err
    assert "ready" in done.out
    assert "churn" in done.out


def test_a_start_that_fails_says_why(nbkeep: Nbkeep, served: OfficeForTests):
    served.user("jane")
    served.hub.says_no = True
    refused = nbkeep("session", "start", "--profile", "notebook-cpu-small", "--user", "jane")
    assert refused.code == 1
    assert refused.err.startswith(("·", "Error:"))
    assert nbkeep("session", "start", "--profile", "none", "--user", "jane").code == 1


def test_stop_asks_unless_told_yes_and_gives_the_reason_to_the_user(nbkeep: Nbkeep, served: OfficeForTests):
    session_id = served.ready(served.user("jane"))
    assert nbkeep("session", "stop", session_id).code == 2
    done = nbkeep("session", "stop", session_id, "--yes", "--no-wait", "--reason", "Maintenance")
    assert done.code == 0, done.err
    assert "Maintenance" in nbkeep("session", "diagnose", session_id).out


def test_extend_moves_the_idle_stop(nbkeep: Nbkeep, served: OfficeForTests):
    session_id = served.ready(served.user("jane"))
    served.clock.advance(1500)
    before = nbkeep("session", "show", session_id, "--json").json["idle_stop_at"]
    after = nbkeep("session", "extend", session_id, "--json").json["idle_stop_at"]
    assert after > before


def test_an_admins_visit_needs_a_reason(nbkeep: Nbkeep, served: OfficeForTests):
    session_id = served.ready(served.user("jane"))
    assert nbkeep("session", "access", session_id).code == 2
    refused = nbkeep("session", "access", session_id, "--reason", "x")
    assert refused.code == 1
    done = nbkeep("session", "access", session_id, "--reason", "Ticket 4711: cannot save")
    assert done.code == 0, done.err
    assert done.out.startswith("http://")


def test_one_session_must_be_named_in_one_way(nbkeep: Nbkeep):
    assert nbkeep("session", "show").code == 2
    assert nbkeep("session", "show", "ses_a", "--session", "ses_b").code == 2
    assert nbkeep("session", "show", "ses_a").code == 1


def test_a_plain_folder_shows_its_own_use_and_whose_the_free_space_is(nbkeep: Nbkeep, served: OfficeForTests):
    """The disk's size is not the home's."""
    served.user("jane")
    served.backend.volumes["jane"] = Volume("folder", 0, 3 << 20, 40 << 30)
    listed = nbkeep("volume", "list").out.splitlines()[1]
    assert listed.split() == ["jane", "folder", "no", "limit", "3", "MiB", "40", "GiB", "on", "disk", "-"]
    assert "40 GiB on disk" in nbkeep("volume", "show", "jane").out


def test_homes_are_listed_and_grow(nbkeep: Nbkeep, served: OfficeForTests):
    served.ready(served.user("jane"))
    assert nbkeep("volume", "list").out.splitlines()[1].split()[:4] == ["jane", "xfs", "10", "GiB"]
    assert nbkeep("volume", "resize", "jane", "20GiB", "--json").json["size_bytes"] == 20 << 30
    assert nbkeep("volume", "show", "jane").code == 0
    assert nbkeep("volume", "usage", "jane").code == 0
    refused = nbkeep("volume", "resize", "jane", "1GiB")
    assert refused.code == 1
    assert "never made smaller" in refused.err
