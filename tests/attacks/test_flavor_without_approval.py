"""Attack: start, resume or keep what needs an approval without one, with another's, or with one's own word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flavor_parts import FLAVOR, LARGE, another_profile, ask_to_start, mark, revoke
from grants_parts import PROFILE, approve
from nbkeep.doors.worker import stops
from nbkeep.grants.decide import approve_grant
from nbkeep.model.actor import OPERATOR, SYSTEM, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.model.session import StopReason
from nbkeep.people import tokens
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.end import end_session
from nbkeep.sessions.launch import launch
from nbkeep.sessions.resume import request_resume
from nbkeep.sessions.start import request_session
from nbkeep.sessions.stop import stop_session
from office_parts import OfficeForTests, client_for, office

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpx import Client

__all__ = ["office"]
pytestmark = pytest.mark.attack
NEEDED = "needs-approval"


def api_of(office: OfficeForTests, actor: Actor) -> Client:
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, actor, "t", sorted(actor.scopes), 3600)
    return client_for(office.app(), secret)


def assert_refused(act: Callable[[], object], code: str = NEEDED) -> None:
    with pytest.raises(Refused) as refusal:
        act()
    assert refusal.value.code == code


def suspended(office: OfficeForTests, actor: Actor, profile: str) -> str:
    session = office.ready(actor, profile)
    stop_session(office, actor, session)
    office.backend.saves(actor.name, session, office.clock.now())
    office.backend.running.pop(session, None)
    end_session(office, SYSTEM, session, StopReason.USER)
    assert office.row(session).state == "suspended"
    return session


def nothing_runs(office: OfficeForTests) -> bool:
    return not office.hub.servers and not office.backend.running


def test_no_way_in_starts_it(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    mark(office)
    assert_refused(lambda: request_session(office, jane, PROFILE))
    assert_refused(lambda: request_session(office, ada, PROFILE))  # admins neither
    assert_refused(lambda: request_session(office, ada, PROFILE, user="jane"))
    assert_refused(lambda: request_session(office, OPERATOR, PROFILE, user="jane"))

    def by_the_hub(**more: str | None) -> object:
        asked: dict[str, str | None] = {"session_id": None, "profile": PROFILE} | more
        return launch(office, user="jane", server_name="mine", env={}, **asked)  # pyright: ignore[reportArgumentType]

    assert_refused(by_the_hub)
    assert_refused(lambda: by_the_hub(session_id="ses_00000000000000000000"), "not-admitted")
    hub = client_for(office.app(), "hub-token-of-this-test")
    body: dict[str, object] = {
        "user": "jane",
        "server_name": "mine",
        "profile": PROFILE,
        "needs_approval": False,
        "env": {},
    }
    answer = hub.post("/internal/v1/hub/launch", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, NEEDED)
    assert nothing_runs(office)


def test_a_forged_body_starts_and_unmarks_nothing(office: OfficeForTests) -> None:
    jane = office.user()
    mark(office)
    api = api_of(office, jane)
    for more in (
        {},
        {"needs_approval": False},
        {"approval": "granted", "approved_until": "2099-01-01T00:00:00+00:00"},
        {"flavor": "other", "profile_name": "other"},
        {"user": "jane"},
    ):
        answer = api.post("/api/v1/sessions", json={"profile": PROFILE} | more)
        assert answer.status_code in {403, 422}, more
    assert api.post("/api/v1/sessions", json={"profile": PROFILE}).json()["code"] == NEEDED
    for method, path, body in (
        ("PATCH", f"flavors/{FLAVOR}", {"needs_approval": False}),
        ("POST", "flavors", {"name": "mine", "cpu": 1, "memory": "1GiB", "needs_approval": False}),
        ("PATCH", f"profiles/{PROFILE}", {"needs_approval": False}),
    ):
        assert api.request(method, f"/api/v1/{path}", json=body).status_code in {400, 403}, path
    asked = {"flavor": FLAVOR, "profile": PROFILE, "reason": "x"}
    for more in ({"user": "ada"}, {"state": "granted"}, {"expires_at": "2099-01-01"}, {"kind": "host"}):
        assert api.post("/api/v1/grants", json=asked | more).status_code == 400, more
    for more in ({"host": "huggingface.co"}, {"dataset": "sales"}):
        assert api.post("/api/v1/grants", json=asked | more).status_code == 400, more
    assert api.get("/api/v1/grants").json()["items"] == []
    assert nothing_runs(office)


def test_a_resume_needs_it_too_also_on_another_profile(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    other = another_profile(office, flavor=LARGE)
    session = suspended(office, jane, PROFILE)
    mark(office, LARGE)
    assert_refused(lambda: request_resume(office, jane, session, other))
    assert_refused(lambda: request_resume(office, jane, session, LARGE))
    mark(office)
    assert_refused(lambda: request_resume(office, jane, session))
    assert_refused(lambda: request_resume(office, jane, session, PROFILE))
    assert_refused(lambda: request_resume(office, ada, session))
    answer = api_of(office, jane).post(f"/api/v1/sessions/{session}/resume", json={"needs_approval": False})
    assert (answer.status_code, answer.json()["code"]) == (403, NEEDED)
    assert office.row(session).state == "suspended"
    # That its profile is put on a flavor without that rule does not free what was saved on the marked one.
    mark(office, LARGE, needs=False)
    with office.store.write() as tx:
        profiles.change_profile(
            tx, office.clock, OPERATOR, PROFILE, {"flavor": LARGE}, known_to(office.settings)
        )
    with pytest.raises(Refused) as refusal:
        request_resume(office, jane, session)
    assert (refusal.value.code, "--profile" in refusal.value.remedy) == (NEEDED, True)
    assert "grant request" not in refusal.value.remedy  # nobody could ask for that any more
    assert request_resume(office, jane, session, other)


def test_an_approval_is_no_good_to_others_and_in_other_profiles(office: OfficeForTests) -> None:
    jane, mallory, ada = office.user(), office.user("mallory"), office.user("ada", Role.ADMIN)
    other = another_profile(office)
    mark(office)
    approve(office, ada, ask_to_start(office, jane, profile=other))
    assert_refused(lambda: request_session(office, jane, PROFILE))
    assert_refused(lambda: request_session(office, mallory, other))
    assert_refused(lambda: request_session(office, ada, other, user="mallory"))
    session = office.ready(jane, other)
    stop_session(office, jane, session)
    office.backend.saves("jane", session, office.clock.now())
    office.backend.running.pop(session, None)
    end_session(office, SYSTEM, session, StopReason.USER)
    assert_refused(lambda: request_resume(office, jane, session, PROFILE))
    assert request_resume(office, jane, session)
    # Its profile gets another flavor, which needs an approval of its own.
    mark(office, LARGE)
    with office.store.write() as tx:
        profiles.change_profile(
            tx, office.clock, OPERATOR, other, {"flavor": LARGE}, known_to(office.settings)
        )
    assert_refused(lambda: request_session(office, jane, other))


def test_nobody_approves_it_for_themselves(office: OfficeForTests) -> None:
    jane, ada, boss = office.user(), office.user("ada", Role.ADMIN), office.user("boss", Role.ADMIN)
    mark(office)
    request = ask_to_start(office, ada)
    assert_refused(lambda: approve(office, ada, request), "self-approval")
    with pytest.raises(Refused) as refusal, office.store.write() as tx:
        approve_grant(tx, office.clock, office.settings, jane, request)
    assert refusal.value.status == 404
    assert_refused(lambda: request_session(office, ada, PROFILE))
    assert_refused(lambda: approve(office, boss, request, "3h"), "longer-than-asked")
    approve(office, boss, request, "1h")
    office.ready(ada)


def test_what_was_revoked_or_is_over_starts_nothing_and_keeps_nothing(office: OfficeForTests) -> None:
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    mark(office)
    request = ask_to_start(office, jane)
    approve(office, ada, request)
    session = office.ready(jane)
    revoke(office, ada, request)
    assert_refused(lambda: request_session(office, jane, PROFILE))
    api = api_of(office, jane)
    for _ in range(3):
        answer = api.post(f"/api/v1/sessions/{session}/extend")
        assert (answer.status_code, answer.json()["code"]) == (403, "approval-ends")
    ask_to_start(office, jane)  # asking is no approval
    assert api.post(f"/api/v1/sessions/{session}/extend").status_code == 403
    office.clock.advance(120)
    assert stops.stop_what_is_due(office) == 1
    office.clock.advance(1)
    again = ask_to_start(office, jane)
    approve(office, ada, again, "10s")
    office.clock.advance(10)  # nobody has put on record that it is over
    assert_refused(lambda: request_session(office, jane, PROFILE))
