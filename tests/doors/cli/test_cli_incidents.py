"""Incidents and the inventory from the command line: what is loud, and what must not steer a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from incident_parts import opened
from nbkeep.incidents.steps import advance
from nbkeep.model.actor import OPERATOR

if TYPE_CHECKING:
    from pathlib import Path

    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_evidence_of_a_journal_that_somebody_changed_is_verified_with_a_loud_warning(
    nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path
) -> None:
    public, file = tmp_path / "audit.pem", tmp_path / "evidence.zip"
    public.write_text(nbkeep("audit", "key").out)
    served.ready(served.user())
    incident_id = opened(served, OPERATOR, "user", "jane")
    with served.store.write() as tx:
        tx.execute(text("DROP TRIGGER audit_journal_no_update"))
        tx.execute(text("UPDATE audit_journal SET record = replace(record, 'jane', 'john')"))
    advance(served)
    assert nbkeep("incident", "evidence", incident_id, "-o", str(file)).code == 0
    verified = nbkeep("incident", "verify", str(file), "--key", str(public))
    assert (verified.code, "Intact: evidence of" in verified.out) == (0, True), verified.err
    assert "WARNING: The journal was changed by somebody" in verified.err
    assert "did not fit its hash when this was signed" in verified.err
    told = nbkeep("incident", "verify", str(file), "--key", str(public), "--json")
    assert (told.json["ok"], bool(told.json["warning"]), "WARNING" in told.err) == (True, True, True)
    assert "The journal was changed by somebody" in nbkeep("incident", "show", incident_id).out
