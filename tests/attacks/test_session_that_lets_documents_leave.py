"""Attack: what runs in a session asks by the session's own token that a document leaves, or takes one.

Scripts in a notebook's output share the origin of the session's server, and can have it do what it may do. So
it may do none of this: a person asks, in the portal, where such a script is nobody.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from nbkeep.store.release_tables import ReleaseRow
from office_parts import client_for, office
from release_parts import CLEAN, PATH, ask, run

if TYPE_CHECKING:
    from office_parts import OfficeForTests

__all__ = ["office"]
pytestmark = pytest.mark.attack
_WAYS_OUT = re.compile(r"release|share|review|gallery")
_ASKED = {"path": PATH, "gate": "export", "reason": "for the board"}


def test_the_token_of_a_session_opens_no_door_by_which_documents_leave(office: OfficeForTests) -> None:
    jane = office.user("jane")
    session_id, token = office.launched(jane)
    release_id = ask(office, jane, session_id=session_id)
    run(office)
    app = office.app()
    inside = client_for(app, token)
    assert inside.get("/internal/v1/session").status_code == 200, "the token itself is a good one"
    tried = 0
    described = app.openapi()["paths"]
    hidden = {"/internal/v1/session/releases": ("get", "post"),
              "/internal/v1/session/releases/{release_id}": ("get",),
              "/internal/v1/session/releases/{release_id}/document": ("get",),
              "/internal/v1/session/releases/{release_id}/withdraw": ("post",)}  # fmt: skip
    for path, methods in {**described, **hidden}.items():
        if not _WAYS_OUT.search(path):
            continue
        address = re.sub(r"\{\w+\}", release_id, path)
        for method in methods:
            answer = inside.request(method, address, json=_ASKED if method in {"post", "put"} else None)
            assert answer.status_code in {401, 404}, (method, address, answer.text)
            assert CLEAN not in answer.content
            tried += 1
    assert tried > 20
    with office.store.read() as tx:
        assert tx.scalar(select(func.count()).select_from(ReleaseRow)) == 1
        assert tx.get_one(ReleaseRow, release_id).state == "ready"
