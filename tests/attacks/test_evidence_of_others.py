"""Users and reviewers want evidence packs: they cannot build one, list them, see one, or read one."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from evidence_parts import NIST, ask, work
from nbkeep.evidence import packs
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.people.tokens import create_token
from office_parts import OfficeForTests, client_for, office
from portal_parts import Portal, portal

__all__ = ["office", "portal"]
pytestmark = pytest.mark.attack
WANTED = {"framework": NIST, "from": "2026-01-01", "to": "2026-01-31"}


@pytest.mark.parametrize("role", [Role.USER, Role.REVIEWER])
def test_by_the_api(office: OfficeForTests, role: Role) -> None:
    id_ = ask(office)
    work(office)
    actor = office.user("jane", role)
    with office.store.write() as tx:
        token = create_token(tx, office.clock, actor, name="t", scopes=["self", "sessions"], valid_s=3600)[1]
    before = _journal(office)
    with client_for(office.app(), token) as client:
        answers = [
            client.post("/api/v1/evidence", json=WANTED),
            client.get("/api/v1/evidence"),
            client.get(f"/api/v1/evidence/{id_}"),
            client.get(f"/api/v1/evidence/{id_}/file"),
            client.get("/api/v1/evidence/evd_00000000000000000000"),
        ]
    assert {one.status_code for one in answers} == {403}
    assert not any(one.content.startswith(b"PK") for one in answers)
    assert _journal(office) == before


@pytest.mark.parametrize("role", [Role.USER, Role.REVIEWER])
def test_by_the_portal(portal: Portal, role: Role) -> None:
    id_ = ask(portal.office)
    work(portal.office)
    jane = portal.person("jane", role)
    assert "/portal/evidence" not in jane.get("/account")
    before = _journal(portal.office)
    assert jane.client.get("/portal/evidence").status_code == 403
    assert jane.post("/evidence", **WANTED).status_code == 403
    answer = jane.post(f"/evidence/{id_}/download")
    assert (answer.status_code, answer.content.startswith(b"PK")) == (403, False)
    assert _journal(portal.office) == before


@pytest.mark.parametrize("id_", ["../../secrets/audit-key", "..%2f..%2fsecrets", "evd_x", "%00", "a" * 4000])
def test_ids_that_are_paths(office: OfficeForTests, id_: str) -> None:
    """An auditor may read packs, and nothing else of the host by their names."""
    auditor = office.user("anna", Role.AUDITOR)
    with pytest.raises(Refused) as refused:
        packs.take(office.store, office.clock, office.settings, auditor, id_)
    assert refused.value.status == 404
    with office.store.write() as tx:
        token = create_token(tx, office.clock, auditor, name="t", scopes=["audit:read"], valid_s=3600)[1]
    with client_for(office.app(), token) as client:
        assert client.get(f"/api/v1/evidence/{id_}/file").status_code in {404, 405, 422}


def _journal(office: OfficeForTests) -> list[tuple[object, ...]]:
    with office.store.read() as tx:
        return [tuple(row) for row in tx.execute(text("SELECT seq, hash FROM audit_journal"))]
