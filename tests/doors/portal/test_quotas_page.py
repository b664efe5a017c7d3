"""The page of quotas: one's own with what is left, more asked for and answered; set and overridden by admins."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.people.projects import add_project, join_project
from portal_parts import HOSTILE, SAME_ORIGIN
from quota_parts import live, override, set_quota, standing, told

if TYPE_CHECKING:
    from httpx import Response

    from nbkeep.model.actor import Actor
    from portal_parts import Person, Portal

HOUR_US = 3_600_000_000
NEW = {"kind": "user", "name": "jane", "limits": "hours=3h/day, sessions=2"}
MORE = {"kind": "user", "name": "jane", "limits": "hours=6h/day", "for": "8h", "reason": "a paper"}


def project(portal: Portal, *people: str, name: str = "nlp") -> None:
    with portal.office.store.write() as tx:
        add_project(tx, portal.office.clock, OPERATOR, name)
        for one in people:
            join_project(tx, portal.office.clock, OPERATOR, name, one)


def found(page: str, name: str) -> list[str]:
    """Return the values of an attribute, in the order of the page."""
    return [html.unescape(one) for one in re.findall(rf'data-{name}="([^"]*)"', page)]


def words(page: str) -> str:
    """Return what a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def typed(page: str, form: str) -> dict[str, str]:
    """Return what stands in the fields of a form, as whoever sent it sees it again."""
    inside = page.partition(form)[2].partition("</form>")[0]
    chosen = re.search(r'<select [^>]*name="([^"]+)".*?<option value="([^"]*)" selected', inside, re.DOTALL)
    values = dict(re.findall(r'<input [^>]*name="([^"]+)"[^>]*? value="([^"]*)"', inside))
    values |= {chosen[1]: chosen[2]} if chosen else {}
    return {name: html.unescape(value) for name, value in values.items() if name != "csrf"}


def done(answer: Response, what: str) -> None:
    assert (answer.status_code, answer.headers.get("location")) == (303, f"/portal/quotas?done={what}"), (
        words(answer.text)
    )


def refused(answer: Response, what: str, remedy: str, status: int = 400) -> str:
    """Assert that the page itself says why not and what to do, and return it."""
    assert answer.status_code == status
    told = re.search(r'role="alert" id="refused">(.*?)</div></div>', answer.text, re.DOTALL)
    assert told, words(answer.text)
    assert what in words(told[1])
    assert remedy in words(told[1])
    assert "<h1>Quotas</h1>" in answer.text
    return answer.text


def test_people_see_their_own_with_what_is_left(portal: Portal) -> None:
    jane = portal.person()
    page = jane.get("/quotas")
    assert "No quota limits you." in page
    assert 'id="ask"' not in page
    project(portal, "jane")
    set_quota(portal.office, "hours=1h/day", "sessions=3", user="jane")
    set_quota(portal.office, "cost=0.10/month", project="nlp")
    live(portal.office, 3000, portal.office.ready(jane.actor))
    page = jane.get("/quotas")
    own = page.partition('id="own"')[2].partition("</section>")[0]
    assert found(own, "quota") == ["hours/day", "sessions", "cost/month"]
    assert found(own, "level") == ["warn", "", "warn"]
    assert [one for one in re.findall(r'aria-label="([^"]+)"', own) if "used" in one] == [
        "83 % used", "33 % used", "83 % used",
    ]  # fmt: skip
    assert '<rect width="83.00"' in own
    said = words(own)
    assert "50 min of 1 h" in said
    assert "10 min left; at this pace" in said
    assert "2 left" in said
    assert "(project nlp, all together)" in said
    assert own.count("Ask for more") == 3
    live(portal.office, 600)
    assert "bad" in found(jane.get("/quotas"), "level")


def test_a_user_sees_nothing_of_others(portal: Portal) -> None:
    jane, joe = portal.person(), portal.person("joe")
    project(portal, "joe", name="secret")
    set_quota(portal.office, "hours=7h/day", user="joe")
    set_quota(portal.office, "gpu=9", project="secret")
    set_quota(portal.office, "sessions=4", everyone=True)
    override(portal.office, 8, user="joe")
    done(joe.post("/quotas/ask", quota="hours/day", reason="a paper"), "asked")
    for path in ("/quotas", "/quotas?user=joe", "/quotas?ask_for=gpu+project+secret"):
        page = jane.get(path)
        assert found(page, "quota") == ["sessions"], "everyone's, which is hers"
        for other in ("joe", "secret", "a paper", "7 h", "a deadline", "How somebody stands", "What is set"):
            assert other not in page.partition("<main")[2]
    assert "a deadline" in joe.get("/quotas"), "his own override"
    assert "/end" not in joe.get("/quotas")


def test_more_is_asked_for_and_given(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    set_quota(portal.office, "hours=1h/day", user="jane")
    assert 'id="requests"' not in ops.get("/quotas")
    done(jane.post("/quotas/ask", quota="hours/day", reason="A paper is due"), "asked")
    hers = jane.get("/quotas?done=asked")
    assert "You asked for more hours of compute a day" in words(hers)
    assert "A paper is due Waits for an answer" in words(hers)
    page = ops.get("/quotas")
    (request,) = found(page, "request")
    assert "jane asks for more hours of compute a day" in words(page)
    assert "A paper is due" in page
    assert f"/requests/{request}/give" in page
    assert f"/requests/{request}/deny" in page
    assert f"/requests/{request}/" not in hers, "nobody answers their own"
    done(ops.post(f"/quotas/requests/{request}/give", limit="hours=4h/day", **{"for": "1d"}), "more-given")
    assert 'id="requests"' not in ops.get("/quotas")
    assert standing(portal.office, jane.actor).allowed == 4 * HOUR_US
    assert "You may use more until 2 January, 00:00 UTC: hours=4h/day." in told(portal.office, jane.actor)[0]
    page = jane.get("/quotas")
    assert found(page, "request") == []
    assert "of 4 h" in words(page)
    assert "more than usual for now" in words(page)
    assert "Asked for by jane: A paper is due" in words(page)


def test_more_of_a_project_is_asked_for_by_its_name(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    project(portal, "jane")
    set_quota(portal.office, "hours=1h/day", user="jane")
    set_quota(portal.office, "hours=2h/day", project="nlp")
    assert typed(jane.get("/quotas?ask_for=hours/day+project+nlp"), 'action="/portal/quotas/ask"')[
        "quota"
    ] == ("hours/day project nlp")
    done(jane.post("/quotas/ask", quota="hours/day project nlp", reason="ours"), "asked")
    page = ops.get("/quotas")
    assert "jane asks for more hours of compute a day (project nlp)" in words(page)
    (request,) = found(page, "request")
    done(ops.post(f"/quotas/requests/{request}/give", limit="", **{"for": "8h"}), "more-given")
    assert [standing(portal.office, jane.actor, number).allowed for number in (0, 1)] == [HOUR_US, None]


def test_more_is_denied_with_a_reason_that_is_told(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    set_quota(portal.office, "hours=1h/day", user="jane")
    done(jane.post("/quotas/ask", quota="hours/day", reason="A paper is due"), "asked")
    (request,) = found(ops.get("/quotas"), "request")
    path = f"/quotas/requests/{request}/deny"
    refused(ops.post(path, reason=" "), "It needs a reason", "Say why; they are told.")
    assert found(ops.get("/quotas"), "request") == [request]
    done(ops.post(path, reason="The month is over soon"), "denied")
    assert found(ops.get("/quotas"), "request") == []
    assert standing(portal.office, jane.actor).allowed == HOUR_US
    assert "The answer is no: The month is over soon" in words(jane.get("/"))
    refused(ops.post(path, reason="no"), "ops has answered it already.", "--answered", 409)


def test_an_admin_sets_and_removes(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    project(portal, "jane")
    assert "No quotas" in ops.get("/quotas")
    done(ops.post("/quotas", **NEW), "saved")
    done(ops.post("/quotas", kind="everyone", name="", limits="gpu=8h/day"), "saved")
    done(ops.post("/quotas", kind="project", name="nlp", limits="cost=500/month"), "saved")
    page = ops.get("/quotas")
    table = page.partition('<table class="stacking" id="quotas">')[2].partition("</table>")[0]
    assert found(table, "quota") == ["gpu=8h/day", "cost=500.00/month", "hours=3h/day", "sessions=2"]
    said = words(table)
    for one in (
        "Each person 8 h of GPU a day",
        "project nlp 500.00 EUR a month",
        "jane 3 h of compute a day",
    ):
        assert one in said
    assert said.count("by ops") == 4
    assert "of 3 h" in words(jane.get("/quotas"))
    buttons = re.findall(r'action="/portal/quotas/remove".*?</form>', table)
    assert len(buttons) == 4
    for button in buttons:
        done(ops.post("/quotas/remove", **typed(button, "method=")), "deleted")
    assert "No quotas" in ops.get("/quotas")
    assert "No quota limits you." in jane.get("/quotas")
    gone = ops.post("/quotas/remove", kind="user", name="jane", quota="hours/day")
    assert (gone.status_code, "There is no quota" in words(gone.text)) == (404, True)


def test_an_admin_overrides_and_ends_it(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    set_quota(portal.office, "hours=3h/day", user="jane")
    assert 'id="overrides"' not in ops.get("/quotas")
    done(ops.post("/quotas/override", **MORE), "saved")
    assert standing(portal.office, jane.actor).allowed == 6 * HOUR_US
    page = ops.get("/quotas")
    assert "jane hours=6h/day" in words(page)
    assert "a paper (ops)" in words(page)
    assert "a paper (ops)" in words(jane.get("/quotas"))
    (one,) = found(page, "override")
    assert jane.post(f"/quotas/overrides/{one}/end").status_code == 403
    assert standing(portal.office, jane.actor).allowed == 6 * HOUR_US
    for _ in range(2):
        done(ops.post(f"/quotas/overrides/{one}/end"), "saved")
    assert standing(portal.office, jane.actor).allowed == 3 * HOUR_US
    assert 'id="overrides"' not in ops.get("/quotas")
    gone = ops.post("/quotas/overrides/quv_1/end")
    assert (gone.status_code, "There is no override" in words(gone.text)) == (404, True)


def test_an_admin_looks_how_somebody_stands(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.office.user()
    portal.office.user("joe")
    set_quota(portal.office, "hours=3h/day", user="jane")
    live(portal.office, 1800, portal.office.ready(jane))
    for name in ("jane", "jane@acme.com", "Jane"):
        shown = ops.get(f"/quotas?user={name}").partition('id="standing"')[2]
        assert "30 min of 3 h" in words(shown)
        assert "Ask for more" not in shown
    assert "No quota limits them." in ops.get("/quotas?user=joe")
    page = ops.get("/quotas?user=<script>")
    assert "There is nobody named &lt;script&gt;." in page


@pytest.mark.parametrize(
    ("changed", "what", "remedy", "status"),
    [
        ({"limits": "hours=3h/week"}, "'hours=3h/week' is no quota.", "gpu-a100=8h/day", 400),
        ({"limits": "hours=many/day"}, "those are no hours", "Write them like 8h", 400),
        ({"limits": "sessions=2 sessions=3"}, "One limit is given twice.", "Give each once.", 400),
        ({"limits": ""}, "How much?", "Give a limit", 400),
        ({"name": ""}, "For whom is it?", "Give one user, one project, or everyone.", 400),
        ({"kind": "everyone"}, "Is it for jane, or for each person?", "or leave the name empty", 400),
        ({"kind": "all"}, "For whom is it?", "Give one user", 400),
        ({"name": "nobody"}, "There is no user 'nobody'.", "nbkeep user list", 404),
        ({"kind": "project", "name": "none"}, "There is no project 'none'.", "nbkeep project list", 404),
    ],
)
def test_what_cannot_be_set_is_told_and_what_was_typed_is_kept(
    portal: Portal, changed: dict[str, str], what: str, remedy: str, status: int
) -> None:
    portal.person()
    ops = portal.person("ops", Role.ADMIN)
    form = NEW | changed
    page = refused(ops.post("/quotas", **form), what, remedy, status)
    kept = typed(page, 'id="set-quota"')
    assert form | kept == form
    assert kept.keys() >= {"name", "limits"}
    assert "No quotas" in ops.get("/quotas")


@pytest.mark.parametrize(
    ("changed", "what", "remedy", "status"),
    [
        ({"for": ""}, "For how long?", "Write it like 8h or 7d.", 400),
        ({"for": "soon"}, "'soon' is not a duration.", "6h", 400),
        ({"for": "99999999d"}, "out of range", "366 days", 400),
        ({"reason": ""}, "An override needs a reason", "Say why; the audit keeps it.", 400),
        ({"limits": "hours=x/day"}, "those are no hours", "Write them like 8h", 400),
        ({"kind": "everyone", "name": ""}, "Everyone's quota is not overridden.", "Set it anew", 400),
        ({"name": "nobody"}, "There is no user 'nobody'.", "nbkeep user list", 404),
    ],
)
def test_what_cannot_be_overridden_is_told_and_what_was_typed_is_kept(
    portal: Portal, changed: dict[str, str], what: str, remedy: str, status: int
) -> None:
    portal.person()
    ops = portal.person("ops", Role.ADMIN)
    form = MORE | changed
    page = refused(ops.post("/quotas/override", **form), what, remedy, status)
    kept = typed(page, 'id="override-quota"')
    assert form | kept == form
    assert kept.keys() >= {"name", "limits", "for", "reason"}
    assert 'id="overrides"' not in ops.get("/quotas")


def test_what_cannot_be_asked_or_given_is_told_and_what_was_typed_is_kept(portal: Portal) -> None:
    jane, joe = portal.person(), portal.person("joe")
    ops = portal.person("ops", Role.ADMIN)
    set_quota(portal.office, "hours=1h/day", "sessions=2", everyone=True)
    asking = 'action="/portal/quotas/ask"'
    page = refused(
        jane.post("/quotas/ask", quota="sessions", reason="x" * 501), "1 to 500", "an admin reads it"
    )
    assert typed(page, asking) == {"quota": "sessions", "reason": "x" * 501}
    page = refused(
        jane.post("/quotas/ask", quota="cost/day", reason="a paper"), "no quota 'cost/day'", "list", 404
    )
    assert typed(page, asking)["reason"] == "a paper"
    assert found(ops.get("/quotas"), "request") == []

    for one in (jane, joe):
        done(one.post("/quotas/ask", quota="hours/day", reason="a paper"), "asked")
        portal.office.clock.advance(1)
    hers, his = found(ops.get("/quotas"), "request")
    giving = f'action="/portal/quotas/requests/{hers}/give"'
    for form, what, remedy in (
        ({"limit": "hours=9h/day", "for": "soon"}, "'soon' is not a duration.", "6h"),
        ({"limit": "cost=9/day", "for": "3d"}, "jane asked for hours/day.", "Give an amount of that"),
        ({"limit": "hours=1h/day", "for": "3d"}, "hours=1h/day is no more", "Give more than that"),
    ):
        page = refused(ops.post(f"/quotas/requests/{hers}/give", **form), what, remedy)
        assert typed(page, giving) == form
        assert typed(page, giving.replace(hers, his)) == {"limit": "", "for": "1d"}
    page = refused(ops.post(f"/quotas/requests/{hers}/deny", reason="n" * 501), "1 to 500", "they are told")
    assert typed(page, giving.replace("give", "deny")) == {"reason": "n" * 501}
    assert found(ops.get("/quotas"), "request") == [hers, his]
    assert standing(portal.office, jane.actor).override is None


def test_what_people_write_is_shown_as_text(portal: Portal) -> None:
    jane, ops = portal.person(), portal.person("ops", Role.ADMIN)
    set_quota(portal.office, "hours=1h/day", user="jane")
    done(jane.post("/quotas/ask", quota="hours/day", reason=HOSTILE), "asked")
    done(ops.post("/quotas/override", **MORE | {"reason": HOSTILE}), "saved")
    wrong = [
        ops.post("/quotas", kind="user", name=HOSTILE, limits=HOSTILE),
        ops.post("/quotas/override", **MORE | {"name": HOSTILE, "limits": HOSTILE}),
        ops.post("/quotas/requests/qur_1/give", limit=HOSTILE, **{"for": HOSTILE}),
        ops.post("/quotas/requests/qur_1/deny", reason=HOSTILE),
        jane.post("/quotas/ask", quota=HOSTILE, reason=HOSTILE),
    ]
    assert all(one.status_code in {400, 404} for one in wrong)
    pages = [one.text for one in wrong]
    pages += [
        ops.get("/quotas"),
        jane.get("/quotas"),
        ops.client.get("/portal/quotas", params={"user": HOSTILE}).text,
    ]
    for page in pages:
        assert "onerror" in page, "it is there"
        assert "<img src=x" not in page
        assert "<script>alert" not in page


def test_an_auditor_sees_all_and_has_no_buttons(portal: Portal) -> None:
    jane, vera = portal.person(), portal.person("vera", Role.AUDITOR)
    set_quota(portal.office, "hours=1h/day", user="jane")
    one = override(portal.office, 8, user="jane")
    done(jane.post("/quotas/ask", quota="hours/day", reason="A paper is due"), "asked")
    page = vera.get("/quotas?user=jane").partition("<main")[2].partition("</main>")[0]
    assert found(page, "override") == [one]
    (request,) = found(page, "request")
    for what in ("1 h of compute a day", "a deadline", "A paper is due"):
        assert what in page
    assert 'id="standing"' in page
    assert 'method="post"' not in page
    assert "Yours" not in page, "auditors use nothing"
    for path in ("", "/remove", "/override", f"/overrides/{one}/end", f"/requests/{request}/give",
                 f"/requests/{request}/deny", "/ask"):  # fmt: skip
        answer = vera.post(f"/quotas{path}", **MORE, quota="hours/day")
        assert answer.status_code == 403, path
        assert "This needs the scope" in words(answer.text)
    assert vera.get("/quotas?user=jane").partition("<main")[2].partition("</main>")[0] == page


def forms(portal: Portal, jane: Actor, ops: Person) -> list[str]:
    """Return the actions of all forms that the page has for an admin."""
    set_quota(portal.office, "hours=1h/day", user=jane.name)
    override(portal.office, 8, user=jane.name)
    done(portal.browser(jane).post("/quotas/ask", quota="hours/day", reason="a paper"), "asked")
    set_quota(portal.office, "hours=1h/day", user="ops")
    page = ops.get("/quotas").partition("<main")[2]
    return re.findall(r'<form [^>]*action="/portal([^"]+)" method="post"', page)


def test_no_form_works_without_its_token(portal: Portal) -> None:
    jane, ops = portal.office.user(), portal.person("ops", Role.ADMIN)
    actions = forms(portal, jane, ops)
    assert len(set(actions)) == 7
    main = ops.get("/quotas").partition("<main")[2]
    assert main.count('method="post"') == main.count('name="csrf"') == len(actions)
    for action in actions:
        for token in ({}, {"csrf": ""}, {"csrf": portal.browser(jane).csrf}):
            answer = ops.client.post(
                f"/portal{action}", data=MORE | {"quota": "hours/day"} | token, headers=SAME_ORIGIN,
                follow_redirects=False,
            )  # fmt: skip
            assert (answer.status_code, "did not come from a page of nbkeep" in words(answer.text)) == (
                403,
                True,
            )
    assert ops.get("/quotas").partition("<main")[2] == main, "nothing has changed"
