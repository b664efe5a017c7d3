"""Incidents and the inventory from the command line: what is loud, and what must not steer a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from incident_parts import opened
from nbkeep.incidents.steps import advance
from nbkeep.inventory import look
from nbkeep.inventory.look import things
from nbkeep.model.actor import OPERATOR
from nbkeep.people.tokens import create_token

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
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


def test_names_that_anybody_chose_steer_no_terminal_in_csv(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    jane = served.user()
    with served.store.write() as tx:
        for name in ("a\x1b[2J\x9bm", "=HYPERLINK(1)"):
            create_token(tx, served.clock, jane, name=name, scopes=["self"], valid_s=86400)
    told = nbkeep("inventory", "--kind", "non-human-credentials", "--csv").out
    assert "a\\x1b[2J\\x9bm" in told
    assert "'=HYPERLINK(1)" in told
    assert [char for char in told if not char.isprintable() and char not in "\r\n"] == []


def test_the_inventory_is_made_once_for_all_of_its_lines(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user()
    with served.store.write() as tx:
        for number in range(1100):
            create_token(tx, served.clock, jane, name=f"t{number}", scopes=["self"], valid_s=86400)
    made: list[object] = []

    def counted(*args: Any) -> list[Any]:
        made.append(args)
        return things(*args)

    monkeypatch.setattr(look, "things", counted)
    found = nbkeep("inventory", "--kind", "non-human-credentials", "--json").json
    assert len([one for one in found if one["name"].startswith("t")]) == 1100
    assert len(made) == 1
