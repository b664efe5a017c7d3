"""Every page over real rooms: who sees what, what a form does, and what is said when it cannot."""

from __future__ import annotations

import re

import pytest

from nbkeep.audit.verify import verify_lines
from nbkeep.backends.interface import Capacity, Volume
from nbkeep.model.actor import OPERATOR, ROLE_SCOPES, Actor, Role
from nbkeep.model.session import StopReason
from nbkeep.people import users
from nbkeep.people.invitations import accept
from nbkeep.people.tokens import actor_of_token
from nbkeep.sessions.marks import mark_ended
from nbkeep.store.tables import SessionRow, UserRow
from portal_parts import SAME_ORIGIN, Portal

OWN_PAGES = ("/", "/files", "/files/usage", "/models", "/secrets", "/connections", "/projects", "/account")
AUDIT_PAGES = ("/admin/audit",)
ADMIN_PAGES = (
    "/admin/sessions",
    "/admin/users",
    "/admin/users/jane",
    "/admin/profiles",
    "/admin/profiles/new",
    "/admin/profiles/new?like=notebook-cpu-small",
    "/admin/profiles/notebook-cpu-small",
    "/admin/flavors",
    "/admin/classifications",
    "/admin/flavors/new",
    "/admin/flavors/notebook-cpu-small",
    "/admin/volumes",
    "/admin/volumes?find=jane",
    "/admin/host",
    "/admin/config",
    "/admin/config/file",
)


def test_an_admin_can_open_every_page(portal: Portal) -> None:
    portal.office.user("jane")
    ops = portal.person("ops", Role.ADMIN)
    for path in OWN_PAGES + AUDIT_PAGES + ADMIN_PAGES:
        assert "Traceback" not in ops.get(path)


@pytest.mark.parametrize("path", AUDIT_PAGES + ADMIN_PAGES)
def test_a_user_cannot_open_the_pages_of_others(portal: Portal, path: str) -> None:
    answer = portal.person().client.get(f"/portal{path}")
    assert answer.status_code == 403
    assert "missing-scope" in answer.text


def test_an_auditor_sees_the_audit_and_nothing_else_to_act_on(portal: Portal) -> None:
    portal.office.user("jane")
    ada = portal.person("ada", Role.AUDITOR)
    assert ada.client.get("/portal/", follow_redirects=False).headers["location"] == "/portal/admin/audit"
    html = ada.get("/admin/audit")
    assert "/portal/admin/users" not in html
    for path in ADMIN_PAGES:
        assert ada.client.get(f"/portal{path}").status_code == 403, path


@pytest.mark.parametrize("path", ["/", "/account", "/admin/users", "/sessions/ses_x", "/live/sessions"])
def test_a_stranger_is_led_to_the_sign_in(portal: Portal, path: str) -> None:
    answer = portal.stranger().get(f"/portal{path}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"][:15]) == (303, "/portal/sign-in")


def test_every_answer_forbids_foreign_script_frames_and_copies(portal: Portal) -> None:
    jane = portal.person()
    for path in ("/portal/", "/portal/nowhere", "/portal/sign-in", "/portal/static/nope.css"):
        headers = jane.client.get(path, follow_redirects=False).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
    found = re.search(r'href="(/portal/static/nbkeep.css[^"]+)"', jane.get("/"))
    assert found
    assert "immutable" in jane.client.get(found[1]).headers["cache-control"]


def test_no_page_holds_script_or_style_of_its_own(portal: Portal) -> None:
    portal.office.user("jane")
    ops = portal.person("ops", Role.ADMIN)
    for path in OWN_PAGES + AUDIT_PAGES + ADMIN_PAGES:
        html = ops.get(path)
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style|javascript:", html), path


def test_the_start_page_tells_newcomers_how_to_begin(portal: Portal) -> None:
    jane = portal.person()
    html = jane.get("/")
    assert "Welcome, jane" in html
    assert "Nothing is running" in html
    jane.post("/welcome")
    assert "Welcome, jane" not in jane.get("/")


def test_a_profile_says_what_it_is_and_why_it_cannot_start(portal: Portal) -> None:
    html = portal.person().get("/")
    card = html[html.index('data-profile="notebook-cpu-small"') :]
    for words in ("2 CPU", "8 GiB memory", "no GPU", "0.10 EUR/h", "after 30 min without work", "8 h", "No network",
                  "Data up to internal", "Start<"):  # fmt: skip
        assert words in card, words
    gpu = html[html.index('data-profile="notebook-gpu-a100"') :]
    assert "No capacity here: notebook-gpu-a100 needs 1 GPU of type a100" in gpu
    assert "Pick a profile without that GPU" in gpu


def test_start_shows_each_step_and_then_the_address_of_the_session(portal: Portal) -> None:
    jane = portal.person()
    answer = jane.post("/sessions", profile="notebook-cpu-small", name="churn")
    where = answer.headers["location"].removeprefix("/portal")
    assert where.endswith("?opening=1")
    assert portal.office.hub.calls == [("start", "jane", "churn")]
    html = jane.get(where)
    assert 'class="now" aria-current="step"' in html
    assert '<meta http-equiv="refresh"' in html  # inside noscript: works with scripts off
    session_id = where.split("/")[2].partition("?")[0]
    with portal.office.store.write() as tx:
        row = tx.get_one(SessionRow, session_id)
        row.state, row.ready_at, row.ends_at = "ready", portal.office.clock.now(), portal.office.clock.now()
    assert "http://jane.localhost:8000/user/jane/churn/lab" in jane.get(f"/sessions/{session_id}")


def test_a_hub_that_says_no_is_shown_on_the_page_of_the_session(portal: Portal) -> None:
    jane = portal.person()
    portal.office.hub.says_no = True
    where = jane.post("/sessions", profile="notebook-cpu-small").headers["location"].removeprefix("/portal")
    html = jane.get(where)
    assert "too many servers are starting" in html
    assert 'data-state="failed"' in html
    assert "Start again" in html


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"profile": "nope"}, 404, "There is no profile"),
        ({"profile": "notebook-cpu-small", "name": "Not A Name"}, 400, "is not a name for a session"),
        ({"profile": "notebook-gpu-a100"}, 403, "No capacity here"),
        ({}, 404, "There is no profile"),
    ],
)
def test_a_refused_start_says_why_and_what_to_do(
    portal: Portal, fields: dict[str, str], status: int, words: str
) -> None:
    answer = portal.person().post("/sessions", **fields)
    assert answer.status_code == status
    assert words in answer.text


def test_without_the_node_nothing_starts_and_the_page_still_stands(portal: Portal) -> None:
    portal.office.backend.is_away = True
    html = portal.person().get("/")
    assert "The node does not answer" in html
    assert ">Start<" not in html


def test_a_running_session_shows_its_limits_cost_and_what_can_be_done(portal: Portal) -> None:
    jane = portal.person()
    session_id = portal.office.ready(jane.actor, name="churn")
    portal.office.clock.advance(1200)
    html = jane.get("/")
    for words in (
        "churn",
        "Running",
        "for <time",
        "in 10 min",
        "in 7 h 40 min",
        "0.03 EUR so far",
        "Keep working",
    ):
        assert words in html, words
    assert jane.post(f"/sessions/{session_id}/extend").status_code == 303
    assert "in 30 min" in jane.get("/")


def test_stopping_twice_is_harmless_and_the_reason_is_told(portal: Portal) -> None:
    jane = portal.person()
    session_id = portal.office.ready(jane.actor)
    assert jane.post(f"/sessions/{session_id}/stop").status_code == 303
    assert jane.post(f"/sessions/{session_id}/stop").status_code == 303
    with portal.office.store.write() as tx:
        mark_ended(tx, portal.office.clock, OPERATOR, tx.get_one(SessionRow, session_id), StopReason.USER)
    assert "Stopped by its user." in jane.get("/")


def test_somebody_elses_session_looks_as_if_it_were_not_there(portal: Portal) -> None:
    session_id = portal.office.ready(portal.office.user("bob"))
    jane = portal.person()

    def said(path: str) -> tuple[int, str]:
        answer = jane.client.get(f"/portal{path}")
        return answer.status_code, re.sub(r"ses_\w+", "ID", answer.text)

    absent = session_id[:-1] + ("0" if session_id[-1] != "0" else "1")
    for tail in ("", "/live", "/diagnose", "/stop"):
        there, nowhere = said(f"/sessions/{session_id}{tail}"), said(f"/sessions/{absent}{tail}")
        if tail != "/live":
            assert there[0] == 404
            assert re.sub('content="[^"]*"', "", there[1]) == re.sub('content="[^"]*"', "", nowhere[1])
    for verb in ("extend", "stop", "enter"):
        assert jane.post(f"/sessions/{session_id}/{verb}", reason="just looking").status_code == 404


def test_an_admin_enters_only_with_a_reason_which_the_user_reads(portal: Portal) -> None:
    jane = portal.person()
    session_id = portal.office.ready(jane.actor, name="churn")
    ops = portal.person("ops", Role.ADMIN)
    empty = ops.post(f"/sessions/{session_id}/enter", reason="  ")
    assert empty.status_code == 400
    assert "needs a reason" in empty.text
    entered = ops.post(f"/sessions/{session_id}/enter", reason="Ticket 4711: plot is empty")
    assert "http://jane.localhost:8000/user/jane/churn/lab" in entered.text
    assert "Ticket 4711: plot is empty" in jane.get("/")
    found = re.search(r'action="/portal(/notices/[^"]+/dismiss)"', jane.get("/"))
    assert found
    jane.post(found[1])
    assert "Ticket 4711" not in jane.get("/")


def test_an_admin_stops_somebodys_session_only_with_a_reason(portal: Portal) -> None:
    session_id = portal.office.ready(portal.office.user("jane"))
    ops = portal.person("ops", Role.ADMIN)
    assert ops.post(f"/sessions/{session_id}/stop").status_code == 400
    assert ops.post(f"/sessions/{session_id}/stop", reason="Maintenance at noon").status_code == 303
    assert portal.office.row(session_id).stop_detail == "Maintenance at noon"


def test_an_invited_person_sets_a_password_by_a_link_that_works_once(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    shown = ops.post("/admin/users", email="kim@acme.com", role="notebook.user").text
    found = re.search(r'value="http://localhost:8000(/portal/join/[^"]+)"', shown)
    assert found
    link = found[1]
    kim = portal.stranger()
    assert "kim@acme.com" in kim.get(link).text
    for password, again, words in (
        ("short", "short", "it needs"),
        ("kim kim kim kim", "kim kim kim kim", "attackers try first"),
        ("marmot lends seven kites", "another one", "differ"),
    ):
        answer = kim.post(link, data={"password": password, "again": again}, headers=SAME_ORIGIN)
        assert (answer.status_code, words in answer.text) == (400, True), answer.text
        assert password not in answer.text
    good = "marmot lends seven kites"
    done = kim.post(link, data={"password": good, "again": good}, headers=SAME_ORIGIN, follow_redirects=False)
    assert done.headers["location"] == "/hub/login?username=kim&next=%2Fportal%2F"
    used = kim.get(link)
    assert (used.status_code, "was used already" in used.text) == (410, True)


def test_expired_replaced_and_invented_links_say_what_to_do(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    link = re.search(r"(/portal/join/[^\"]+)", ops.post("/admin/users", email="kim@acme.com").text)
    assert link
    stranger = portal.stranger()
    assert stranger.get("/portal/join/invented").status_code == 404
    newer = re.search(r"(/portal/join/[^\"]+)", ops.post("/admin/users/kim/reset-link").text)
    assert newer
    assert "replaced by a newer one" in stranger.get(link[1]).text
    portal.office.clock.advance(73 * 3600)
    old = stranger.get(newer[1])
    assert (old.status_code, "too old" in old.text) == (410, True)


def test_a_role_a_limit_and_a_status_are_changed_and_what_is_wrong_is_said_beside_it(portal: Portal) -> None:
    portal.office.user("jane")
    ops = portal.person("ops", Role.ADMIN)
    bad = ops.post("/admin/users/jane", role="notebook.user", max_sessions="many")
    assert 'id="e-max_sessions"' in bad.text
    assert ops.post("/admin/users/jane", role="notebook.auditor", max_sessions="7").status_code == 303
    assert ops.post("/admin/users/jane/status", status="disabled", reason="left").status_code == 303
    with portal.office.store.read() as tx:
        row = tx.query(UserRow).filter_by(name="jane").one()
    assert (row.role, row.max_sessions, row.status) == ("notebook.auditor", 7, "disabled")
    last = ops.post("/admin/users/ops/status", status="disabled")
    assert "last active admin" in last.text


def test_a_profile_is_made_changed_and_deleted_with_errors_beside_their_fields(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    fields = {"display_name": "Mine", "description": "", "image": "base", "flavor": "notebook-cpu-small",
              "idle_stop": "soon", "max_session": "8h", "max_extension": "0", "network": "none",
              "classification": "internal", "enabled": "on", "roles": "notebook.user", "keep_state": "on",
              "state_limit": "8GB", "state_retention": "3d"}  # fmt: skip
    bad = ops.post("/admin/profiles/new", name="mine", **fields)
    assert bad.status_code == 400
    assert 'id="e-idle_stop">&#39;soon&#39; is not a duration' in bad.text
    assert 'value="soon"' in bad.text
    fields["idle_stop"] = "15min"
    assert ops.post("/admin/profiles/new", name="mine", **fields).status_code == 303
    assert ops.post("/admin/profiles/new", name="mine", **fields).status_code == 409
    assert ops.post("/admin/profiles/mine", **fields | {"display_name": "Yours"}).status_code == 303
    assert "Yours" in ops.get("/admin/profiles")
    assert ops.post("/admin/profiles/mine/delete").status_code == 303
    assert "Yours" not in ops.get("/admin/profiles")


def test_a_flavor_is_made_changed_and_deleted(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    fields = {"cpu": "1.5", "memory": "4GiB", "gpu_type": "", "gpu_count": "0", "price_per_hour": "0.07"}
    bad = ops.post("/admin/flavors/new", name="tiny", **fields | {"memory": "much"})
    assert 'id="e-memory"' in bad.text
    assert ops.post("/admin/flavors/new", name="tiny", **fields).status_code == 303
    assert "1.5 CPU" in ops.get("/admin/flavors")
    assert ops.post("/admin/flavors/tiny", **fields | {"cpu": "3"}).status_code == 303
    assert 'value="3"' in ops.get("/admin/flavors/tiny")
    checked = 'name="needs_approval" checked'
    assert checked not in ops.get("/admin/flavors/tiny")
    assert ops.post("/admin/flavors/tiny", **fields | {"needs_approval": "on"}).status_code == 303
    assert checked in ops.get("/admin/flavors/tiny")
    assert "Needed" in ops.get("/admin/flavors")
    bad = ops.post("/admin/flavors/tiny", **fields | {"needs_approval": "on", "memory": "much"})
    assert checked in bad.text
    assert ops.post("/admin/flavors/tiny", **fields).status_code == 303
    assert checked not in ops.get("/admin/flavors/tiny")
    assert ops.post("/admin/flavors/notebook-cpu-small/delete").status_code == 409
    assert ops.post("/admin/flavors/tiny/delete").status_code == 303


def test_a_home_grows_and_never_shrinks(portal: Portal) -> None:
    portal.office.user("jane")
    portal.office.backend.volumes["jane"] = Volume("xfs", 10 << 30, 1 << 30, 9 << 30)
    ops = portal.person("ops", Role.ADMIN)
    assert ops.post("/admin/volumes/jane", size="20GiB").status_code == 303
    assert "20 GiB" in ops.get("/admin/volumes?find=jane")
    small = ops.post("/admin/volumes/jane", size="5GiB")
    assert "never made smaller" in small.text


def test_a_plain_folder_shows_its_own_use_and_not_the_disk_s(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    portal.office.backend.volumes["jane"] = Volume("folder", 0, 3 << 20, 40 << 30)
    own = jane.get("/files")
    assert ">3 MiB</span> used" in own
    assert "40 GiB are free on the disk that all homes share" in own
    row = ops.get("/admin/volumes?find=jane").partition('data-volume="jane"')[2].partition("</tr>")[0]
    assert "3 MiB" in row
    assert "no limit" in row


def test_a_token_is_shown_once_works_and_can_be_revoked(portal: Portal) -> None:
    jane = portal.person()
    made = jane.client.post(
        "/portal/account/tokens",
        data={"csrf": jane.csrf, "name": "laptop", "valid": "30d", "scopes": ["sessions", "self"]},
        headers=SAME_ORIGIN,
    )
    found = re.search(r'value="(nbk_[^"]+)"', made.text)
    assert found
    assert actor_of_token(portal.office.store, portal.office.clock, found[1]).scopes == {"sessions", "self"}
    page = jane.get("/account")
    assert found[1] not in page
    revoke = re.search(r'action="/portal(/account/tokens/[^"]+/revoke)"', page)
    assert revoke
    jane.post(revoke[1])
    assert "You have no tokens" in jane.get("/account")


def test_a_password_is_changed_and_only_this_browser_stays_signed_in(portal: Portal) -> None:
    clock, store = portal.office.clock, portal.office.store
    old, new = "marmot lends seven kites", "eleven lamps sing slowly"
    with store.write() as tx:
        row, link = users.invite(tx, clock, OPERATOR, "kim@acme.com", home_size_bytes=1 << 30)
    accept(store, clock, link.token, old)
    actor = Actor(row.id, row.name, ROLE_SCOPES[Role.USER])
    here, elsewhere = portal.browser(actor), portal.browser(actor)
    clock.advance(1)
    wrong = here.post("/account/password", old="not it at all", password=new, again=new)
    assert "old password is not right" in wrong.text
    done = here.post("/account/password", old=old, password=new, again=new)
    assert done.status_code == 303
    assert here.client.get("/portal/account", follow_redirects=False).status_code == 200
    assert elsewhere.client.get("/portal/account", follow_redirects=False).status_code == 303


def test_the_journal_is_searched_verified_and_exported(portal: Portal) -> None:
    jane = portal.office.user("jane")
    session_id = portal.office.ready(jane)
    ada = portal.person("ada", Role.AUDITOR)
    html = ada.get("/admin/audit?type=session")
    assert "session.requested" in html
    assert session_id in html
    assert "No such record" in ada.get("/admin/audit?actor=nobody")
    bad = ada.client.get("/portal/admin/audit?since=yesterday")
    assert (bad.status_code, "is not a moment" in bad.text) == (400, True)
    verdict = ada.post("/admin/audit/verify").text
    assert 'data-ok="yes"' in verdict
    copy = ada.post("/admin/audit/export").text
    assert verify_lines(copy.splitlines()).ok


def test_the_configuration_is_compared_before_it_is_applied(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    document = ops.get("/admin/config/file")
    same = ops.post("/admin/config", document=document, do="compare").text
    assert "it says what is so already" in same
    edited = document.replace("display_name: CPU small", "display_name: Little one")
    would = ops.post("/admin/config", document=edited, do="compare").text
    assert "It would change" in would
    assert "Little one" not in ops.get("/admin/profiles")
    ops.post("/admin/config", document=edited, do="apply")
    assert "Little one" in ops.get("/admin/profiles")
    bad = ops.post("/admin/config", document="flavors: [", do="apply")
    assert bad.status_code == 400


def test_a_gpu_that_is_here_can_be_started(portal: Portal) -> None:
    portal.office.backend.has = Capacity(cpu_millis=16000, memory_bytes=256 << 30, gpus={"a100": 1})
    html = portal.person().get("/")
    card = html[html.index('data-profile="notebook-gpu-a100"') :]
    assert "1 GPU A100" in card
    assert "Start<" in card[: card.index("</article>")]


def test_a_bug_shows_a_number_and_no_traceback(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Capacity:
        raise RuntimeError("secret detail of our inside")

    jane = portal.person()
    monkeypatch.setattr(portal.office.backend, "capacity", broken)
    answer = jane.client.get("/portal/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert re.search(r"flt_[0-9a-z]{20}", answer.text)


def test_words_in_an_address_are_never_put_on_a_page(portal: Portal) -> None:
    html = portal.person().get("/?done=Your+account+is+closed,+call+555")
    assert "call 555" not in html
