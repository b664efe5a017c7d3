"""Documents sent to /api/v1/inspections/upload: how much, from whom, by which name, and who sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from nbkeep.inspections import rules
from nbkeep.people import tokens
from nbkeep.store.inspection_tables import InspectionRow
from office_parts import client_for
from render_parts import needs_a_jail

if TYPE_CHECKING:
    import httpx

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

INSPECTIONS = "/api/v1/inspections"
UPLOAD = f"{INSPECTIONS}/upload"
NOBODYS = "ins_00000000000000000000"


def client(office: OfficeForTests, actor: Actor, *scopes: str) -> httpx.Client:
    """Return a client of somebody with a token, of all their scopes or of these."""
    with office.store.write() as tx:
        _, token = tokens.create_token(tx, office.clock, actor, "test", scopes or sorted(actor.scopes), 86400)
    return client_for(office.app(), token)


def sent(by: httpx.Client, name: str, data: bytes = b"import os\nos.system('id')\n") -> httpx.Response:
    """Send a document to be looked into."""
    return by.post(UPLOAD, params={"name": name}, content=data)


def nothing_is_kept(office: OfficeForTests) -> bool:
    """Tell whether no inspection and no copy of a document is there."""
    with office.store.read() as tx:
        count = tx.scalar(select(func.count()).select_from(InspectionRow))
    return count == 0 and not [*office.settings.documents_dir.glob("inspected/??/*")]


@pytest.mark.parametrize("size", [0, rules.MOST_BYTES + 1])
def test_an_empty_document_and_one_too_large_are_refused_with_the_bound(
    office: OfficeForTests, size: int
) -> None:
    answer = sent(client(office, office.user()), "plan.ipynb", b"#" * size)
    assert answer.status_code == 400
    assert "16 MiB" in answer.json()["message"]
    assert "outputs" in answer.json()["remedy"]
    assert nothing_is_kept(office)


def test_who_may_not_start_sessions_is_refused_before_the_document_is_read(office: OfficeForTests) -> None:
    """The refusal is about the scope, though the document is too large as well."""
    jane = office.user()
    answer = sent(client(office, jane, "self"), "plan.ipynb", b"#" * (rules.MOST_BYTES + 1))
    assert answer.status_code == 403
    assert rules.SCOPE in answer.text
    assert sent(client_for(office.app(), None), "plan.ipynb").status_code == 401
    assert nothing_is_kept(office)


@needs_a_jail
def test_nobody_reaches_what_somebody_else_sent(office: OfficeForTests) -> None:
    """What is another's answers as what is not there, word for word but for the id, and stays."""
    hers, his = client(office, office.user()), client(office, office.user("bob"))
    made = sent(hers, "plan.py")
    assert made.status_code == 201, made.text
    of_jane = made.json()["id"]
    for method, path in (("GET", ""), ("GET", "/page"), ("POST", "/quarantine"), ("DELETE", "")):
        theirs, nobodys = (
            his.request(method, f"{INSPECTIONS}/{one}{path}", json={} if method == "POST" else None)
            for one in (of_jane, NOBODYS)
        )
        assert (theirs.status_code, nobodys.status_code) == (404, 404), (method, path)
        assert theirs.json()["message"].replace(of_jane, NOBODYS) == nobodys.json()["message"]
    assert his.get(INSPECTIONS).json()["items"] == []
    assert hers.get(f"{INSPECTIONS}/{of_jane}").json()["name"] == "plan.py"


@needs_a_jail
def test_a_name_is_kept_without_its_folders_and_never_becomes_a_path(office: OfficeForTests) -> None:
    made = sent(client(office, office.user()), "../../etc/cron.d\\<b>plän 1%2f.py ")
    assert made.status_code == 201, made.text
    assert (made.json()["name"], made.json()["path"]) == ("<b>plän 1%2f.py", None)
    on_disk = [one.name for one in office.settings.documents_dir.rglob("*") if one.is_file()]
    assert on_disk
    assert all("pl" not in one for one in on_disk), "on the disk it is called by its hash"


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/", "a\\", "x\n.py", "x\0.py", "x\u202egnp.py", "x" * 201]
)
def test_what_is_no_name_of_a_file_is_refused(office: OfficeForTests, name: str) -> None:
    answer = sent(client(office, office.user()), name)
    assert answer.status_code == 400
    assert "plan.ipynb" in answer.json()["remedy"]
    assert nothing_is_kept(office)


def test_a_name_must_be_given_once_and_not_be_endless(office: OfficeForTests) -> None:
    by = client(office, office.user())
    assert by.post(UPLOAD, content=b"1").status_code == 400
    assert sent(by, "x" * 401).status_code == 400
    assert nothing_is_kept(office)
