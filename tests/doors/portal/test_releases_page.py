"""Pages of documents that leave: the form, what becomes of a request, and taking the file."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from nbkeep.model.actor import Role
from portal_parts import HOSTILE
from release_parts import CLEAN, LEAKY, PATH, approve, ask, asked, notebook, row, run
from scan_parts import KEY
from share_parts import project

if TYPE_CHECKING:
    from portal_parts import Person, Portal


def form(**changes: str) -> dict[str, str]:
    """Return the form as a browser sends it."""
    plain = {"path": PATH, "gate": "export", "form": "ipynb", "reason": "for the board", "keep": "code"}
    return plain | changes


def id_of(location: str) -> str:
    """Return the release that a redirect leads to."""
    return location.rpartition("/")[2].partition("?")[0]


def test_an_address_fills_the_form_and_asks_for_nothing(portal: Portal) -> None:
    jane = portal.person()
    page = jane.get(f"/releases/new?path={PATH}&gate=share&form=slides")
    assert re.search(r'name="gate" value="share"[^>]*checked', page)
    assert re.search(r'<option value="slides"[^>]*selected', page)
    odd = jane.get("/releases/new?path=%22%3E%3Cb%3E&gate=save&form=%22%3E%3Cb%3E")
    assert '"><b>' not in odd
    assert re.search(r'name="gate" value="export"[^>]*checked', odd)
    assert PATH not in jane.get("/releases")


def test_somebody_asks_follows_it_and_takes_the_file_once(portal: Portal) -> None:
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = CLEAN
    assert f'value="{PATH}"' in jane.get(f"/releases/new?path={PATH}")
    answer = jane.post("/releases", **form())
    assert answer.status_code == 303, answer.text
    release_id = id_of(answer.headers["location"])
    page = jane.get(f"/releases/{release_id}")
    assert "Being copied" in page
    assert f'data-live-url="/portal/releases/{release_id}/live?state=copying"' in page
    assert "churn.ipynb" in jane.get("/"), "the start page tells what is on its way"
    run(portal.office)
    page = jane.get(f"/releases/{release_id}")
    assert hashlib.sha256(CLEAN).hexdigest() in page
    assert "It is given <strong>once</strong>" in page
    file = jane.post(f"/releases/{release_id}/take")
    assert (file.status_code, file.content) == (200, CLEAN)
    assert file.headers["content-disposition"].startswith('attachment; filename="churn.ipynb"')
    assert file.headers["content-type"] == "application/octet-stream"
    again = jane.post(f"/releases/{release_id}/take")
    assert (again.status_code, "given once" in again.text) == (409, True)
    page = jane.get(f"/releases/{release_id}")
    assert "Take the file" not in page
    assert f"/portal/releases/new?again={release_id}" in page
    assert 'id="own-documents"' not in jane.get("/")


def test_what_is_not_ticked_is_not_kept(portal: Portal) -> None:
    jane = portal.person()
    release_id = id_of(jane.post("/releases", **form(keep="tags")).headers["location"])
    assert [name for name, kept in row(portal.office, release_id).keep.items() if kept] == ["tags"]


def test_bad_input_is_said_at_its_field_and_loses_nothing(portal: Portal) -> None:
    jane = portal.person()
    portal.office.user("bob")
    typed = {
        "title": "Q3 <b>",
        "description": "by region",
        "tags": "churn, q3",
        "until": "2d",
        "people": "bob",
    }
    wrong = {
        "path": "../etc/passwd",
        "gate": "burn",
        "form": "docx",
        "reason": "",
        "people": "nobody-by-that-name",
        "until": "next year",
        "tags": "two words;",
        "project": "not-mine",
    }
    for name, value in wrong.items():
        given = form(gate="share", form="html") | typed | {name: value}
        answer = jane.post("/releases", **given)
        assert answer.status_code in {400, 404}, (name, answer.status_code)
        field = {"people": "people"}.get(name, name)
        assert f'id="e-{field}"' in answer.text, name
        if name != "title":
            assert 'value="Q3 &lt;b&gt;"' in answer.text, name
        if name != "until":
            assert 'value="2d"' in answer.text, name
    answer = jane.post("/releases", **(form(gate="share", form="html") | typed | {"people": ""}))
    assert 'id="e-audience"' in answer.text, "for nobody"


def test_what_was_typed_for_a_share_does_not_hinder_a_download(portal: Portal) -> None:
    jane = portal.person()
    answer = jane.post(
        "/releases", **form(gate="download", people="bob", title="Q3", until="7d", everyone="yes")
    )
    assert answer.status_code == 303, answer.text
    assert row(portal.office, id_of(answer.headers["location"])).audience == []


def test_a_share_leads_to_its_page_and_to_who_looked(portal: Portal) -> None:
    jane = portal.person()
    portal.office.user("bob")
    portal.office.backend.held["jane", PATH] = CLEAN
    answer = jane.post("/releases", **form(gate="share", people="bob", title="Churn", until="2d"))
    release_id = id_of(answer.headers["location"])
    run(portal.office)
    page = jane.get(f"/releases/{release_id}")
    share_id = row(portal.office, release_id).share_id
    assert f'href="/portal/shared/{share_id}"' in page
    assert f'href="/portal/shared/{share_id}/views"' in page
    assert "Shared" in jane.get("/releases")


def test_one_is_told_what_was_found_where_and_what_decides(portal: Portal) -> None:
    office, jane = portal.office, portal.person()
    release_id = asked(office, jane.actor, LEAKY)
    page = jane.get(f"/releases/{release_id}")
    assert "Waits for a reviewer" in page
    assert "needs a review" in page
    assert 'data-cell="2"' in page
    assert "shown/preview" not in page, "what waits is shown to its author by its findings alone"
    assert KEY not in page
    assert jane.client.get(f"/portal/releases/{release_id}/shown/preview").status_code == 403
    for name in ("plain", "redacted"):
        assert jane.client.get(f"/portal/releases/{release_id}/shown/{name}").status_code == 404, name
    ready = asked(office, jane.actor, path="b.ipynb")
    assert f"/portal/releases/{ready}/shown/preview" in jane.get(f"/releases/{ready}")
    assert jane.client.get(f"/portal/releases/{ready}/shown/preview").status_code == 200
    assert jane.post(f"/releases/{release_id}/withdraw").status_code == 303
    assert "Withdrawn" in jane.get(f"/releases/{release_id}")


def test_the_same_can_be_asked_again_with_all_that_was_typed(portal: Portal) -> None:
    office, jane = portal.office, portal.person()
    project(office, office.user("root", Role.ADMIN), "orion", jane.actor)
    given = form(
        gate="share", form="html", projects="orion", title="Churn", until="2d", tags="q3", keep="outputs"
    )
    release_id = id_of(jane.post("/releases", **given).headers["location"])
    page = jane.get(f"/releases/new?again={release_id}")
    for part in (PATH, "for the board", 'value="Churn"', 'value="q3"', 'value="2d"', 'outputs" checked',
                 'value="orion" checked', 'value="share" required checked'):  # fmt: skip
        assert part in page, part
    assert 'value="code" checked' not in page


def test_the_list_has_pages_and_a_filter(portal: Portal) -> None:
    office, jane = portal.office, portal.person()
    for number in range(33):
        ask(office, jane.actor, None, path=f"a{number}.ipynb")
        office.clock.advance(1)
        if number % 15 == 14:
            run(office)  # there is no such file: it fails, and makes room for more
    first = jane.get("/releases")
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found
    assert "a32.ipynb" in first
    assert "a0.ipynb" not in first
    second = jane.get(found[1].replace("&amp;", "&").removeprefix("/portal"))
    assert "a0.ipynb" in second
    failed = jane.get("/releases?state=failed")
    assert "a32.ipynb" not in failed
    assert "There is no file" in failed
    assert jane.client.get("/portal/releases?state=lost").status_code == 400


def test_admins_see_what_everybody_let_leave(portal: Portal) -> None:
    office = portal.office
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    release_id = asked(office, jane.actor, LEAKY, path="work/keys.ipynb")
    assert "keys.ipynb" in ops.get("/admin/releases")
    assert "Waits for a reviewer" in ops.get(f"/releases/{release_id}")
    assert jane.client.get("/portal/admin/releases").status_code == 403
    assert portal.person("audra", Role.AUDITOR).client.get("/portal/admin/releases").status_code == 403


def test_the_home_folder_leads_to_the_form(portal: Portal) -> None:
    assert 'href="/portal/releases/new"' in portal.person().get("/files")


def test_no_text_of_a_release_becomes_more_than_text(portal: Portal) -> None:
    office, jane = portal.office, portal.person()
    ruth = portal.person("ruth", Role.REVIEWER)
    name = "<img src=x onerror=alert(1)>.ipynb"
    release_id = asked(office, jane.actor, notebook(f'token = "{KEY}"'), path=f"work/{name}", gate="share",
                       form="ipynb", reason=HOSTILE, title=HOSTILE[:90], description=HOSTILE, audience=("user:ruth",))  # fmt: skip
    pages = [jane.get(path) for path in (f"/releases/{release_id}", "/releases", "/",
                                         f"/releases/new?again={release_id}", f"/releases/new?path={name}")]  # fmt: skip
    pages += [ruth.get("/reviews"), ruth.get(f"/reviews/{release_id}")]
    answer = ruth.post(f"/reviews/{release_id}", decision="deny", reason="", **{"comment-1": HOSTILE})
    pages += [answer.text]
    approve(office, ruth.actor, release_id)
    pages += [jane.get(f"/releases/{release_id}"), ruth.get("/reviews?which=all")]
    for page in pages:
        assert "<img" not in page
        assert "alert(2)</script>" not in page


def _seen_by(person: Person, release_id: str) -> str:
    return person.client.get(f"/portal/releases/{release_id}").text.replace(release_id, "ID")


def test_not_yours_and_not_there_look_alike(portal: Portal) -> None:
    office, jane = portal.office, portal.person()
    release_id = asked(office, jane.actor, LEAKY)
    nobodys = "rel_00000000000000000000"
    for other in (portal.person("joe"), portal.person("audra", Role.AUDITOR)):
        assert _seen_by(other, release_id) == _seen_by(other, nobodys)
        for path in ("", "/live", "/shown/preview", "/shown/changes", "/shown/plain"):
            answers = [other.client.get(f"/portal/releases/{one}{path}") for one in (release_id, nobodys)]
            statuses = {one.status_code for one in answers}
            assert statuses <= {404, 200}, path  # a stream says `gone`
            assert len({one.text.replace(release_id, "ID").replace(nobodys, "ID") for one in answers}) == 1, (
                path
            )
        for act in ("withdraw", "take"):
            assert other.post(f"/releases/{release_id}/{act}").status_code == 404
        assert other.client.get(f"/portal/releases/new?again={release_id}").status_code in {403, 404}
