"""The page "What may leave" as admins and auditors see it, and what nobody else does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guard_parts import PROFILE, judged, renew_profile, say
from nbkeep.guard.view import list_policies
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.gates import Found
from nbkeep.profiles import profiles
from portal_parts import HOSTILE
from project_parts import make

if TYPE_CHECKING:
    from portal_parts import Portal

PAGE = "/admin/policies"


def table(html: str, scope: str, gate: str) -> list[str]:
    """Return the words of a row of a scope's table: the gate, what each kind means, and who set it."""
    section = html.partition(f'data-scope="{scope}"')[2].partition("</section>")[0]
    row = section.partition(f'data-gate="{gate}"')[2].partition("</tr>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]


def test_an_admin_sets_and_unsets_what_may_leave(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    make(portal.office, "orion")
    shown = ops.get(PAGE)
    assert table(shown, "everywhere", "export") == [
        "Export", "Review", "Review", "Review", "Allow", "default"
    ]  # fmt: skip
    assert table(shown, "everywhere", "save")[1:5] == ["Allow"] * 4
    saved = ops.client.post(
        f"/portal{PAGE}",
        data={
            "csrf": ops.csrf,
            "scope": "class:pii",
            "gates": ["export", "share"],
            "secret": "deny",
            "personal": "redact",
            "unread": "",
            "nothing": "unset",
        },
        headers={"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"},
        follow_redirects=False,
    )
    assert (saved.status_code, saved.headers["location"]) == (303, f"/portal{PAGE}?done=saved")
    shown = ops.get(PAGE)
    assert table(shown, "class:pii", "share")[:5] == ["Sharing", "Deny", "Redact", "\u2013", "\u2013"]
    assert "by ops" in table(shown, "class:pii", "export")[5]
    assert table(shown, "class:pii", "publish") == []
    assert ops.post(PAGE, scope="class:pii", gates="share", secret="unset").status_code == 303
    assert table(ops.get(PAGE), "class:pii", "share")[1:3] == ["\u2013", "Redact"]
    assert ops.post(f"{PAGE}/unset", scope="class:pii").status_code == 303
    assert 'data-scope="class:pii"' not in ops.get(PAGE)
    noted = ops.post(PAGE, scope="project:orion", gates="export", secret="allow")
    assert (noted.status_code, "Rules of projects only tighten" in noted.text) == (200, True)


def test_what_is_typed_wrongly_is_said_beside_it_and_changes_nothing(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    for fields, error in (
        ({"scope": "everywhere", "secret": "deny"}, "e-gate"),
        ({"scope": "everywhere", "secret": "unset"}, "e-gate"),
        ({"scope": "everywhere", "gates": "save", "secret": "review"}, "e-secret"),
        ({"scope": "team:x", "gates": "export", "secret": "deny"}, "e-scope"),
        ({"scope": HOSTILE, "gates": "export", "secret": "deny"}, "e-scope"),
        ({"scope": "everywhere", "gates": HOSTILE, "secret": "deny"}, "e-gate"),
        ({"scope": "everywhere", "gates": "export", "secret": HOSTILE}, "e-secret"),
        ({"scope": "everywhere", "gates": "export"}, "It says nothing of what is found"),
        ({"scope": "project:nowhere", "gates": "export", "secret": "deny"}, "There is no project"),
    ):
        wrong = ops.post(PAGE, **fields)
        assert wrong.status_code in {400, 404}, fields
        assert error in wrong.text, fields
        assert "<img src=x" not in wrong.text
    with portal.office.store.read() as tx:
        assert list_policies(tx, OPERATOR) == []


def test_the_page_says_what_decides_for_a_document(portal: Portal) -> None:
    aud = portal.person("aud", Role.AUDITOR)
    say(portal.office, "class:internal", secret="deny")
    told = aud.get(f"{PAGE}?gate=export&classification=pii&found=secret&found=personal")
    assert "Export is denied: secrets (rule of the class internal); also found: personal data." in told
    assert "rule of the class internal: secret deny (tightens only)" in told
    assert "Unset all" not in told
    assert 'id="set"' not in told, "who reads only has no form"
    assert "What may leave" in aud.get("/admin/audit")
    assert "There is no gate" in aud.get(f"{PAGE}?gate=mail")
    assert "There is no profile" in aud.get(f"{PAGE}?gate=export&profile={HOSTILE}").replace("&#39;", "'")


def test_rules_of_a_deleted_profile_are_shown_as_such_and_can_be_unset(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    say(portal.office, f"profile:{PROFILE}", secret="deny")
    with portal.office.store.write() as tx:
        profiles.delete_profile(tx, portal.office.clock, OPERATOR, PROFILE)
    assert "until a new profile has the name" in ops.get(PAGE)
    assert ops.post(f"{PAGE}/unset", scope=f"profile:{PROFILE}").status_code == 303
    assert judged(portal.office, ops.actor, Found.SECRET, profile=PROFILE)[0] == "review"


def test_nobody_else_sees_or_sets_it(portal: Portal) -> None:
    jane, aud = portal.person(), portal.person("aud", Role.AUDITOR)
    assert jane.client.get(f"/portal{PAGE}").status_code == 403
    assert "/admin/policies" not in jane.get("/")
    for person in (jane, aud):
        assert person.post(PAGE, scope="everywhere", gates="export", secret="allow").status_code == 403
        assert person.post(f"{PAGE}/unset", scope="everywhere").status_code == 403


def test_a_profiles_form_says_what_is_downloaded(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    form = ops.get(f"/admin/profiles/{PROFILE}")
    assert '<option value="allow" selected>Files may be downloaded' in form
    renew_profile(portal.office)

    def fields(html: str) -> dict[str, str]:
        return dict(re.findall(r'<input [^>]*name="(\w+)" type="text" value="([^"]*)"', html))

    given = fields(ops.get(f"/admin/profiles/{PROFILE}"))
    whole = {
        **given,
        "flavor": "notebook-cpu-small",
        "image": "base",
        "classification": "internal",
        "state_key": "platform",
        "roles": "notebook.user",
    }
    assert ops.post(f"/admin/profiles/{PROFILE}", **whole, downloads="review").status_code == 303
    assert '<option value="review" selected>' in ops.get(f"/admin/profiles/{PROFILE}")
    wrong = ops.post(f"/admin/profiles/{PROFILE}", **whole, downloads="redact")
    assert (wrong.status_code, "says nothing of downloads" in wrong.text) == (400, True)
    assert ops.post(f"/admin/profiles/{PROFILE}", **whole).status_code == 303
    assert '<option value="review" selected>' in ops.get(f"/admin/profiles/{PROFILE}"), "not said: as it was"
