"""Attack: read a secret's value back, by every door that there is, by the records, or by the database's file."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from nbkeep.doors.api import create_app
from nbkeep.model.actor import Role
from nbkeep.people.tokens import create_token
from nbkeep.store.tables import Table
from nbkeep.vault import change, parse
from office_parts import OfficeForTests, client_for, office

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor

__all__ = ["office"]
pytestmark = pytest.mark.attack
VALUE = "sk-live-51-Xq7-nobody-reads-this"


def _forms() -> list[str]:
    return [VALUE, base64.b64encode(VALUE.encode()).decode(), VALUE.encode().hex()]


def _token(office: OfficeForTests, actor: Actor) -> str:
    with office.store.write() as tx:
        return create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 3600)[1]


def test_no_door_page_record_or_table_gives_a_value_back(office: OfficeForTests) -> None:
    ada = office.user("ada", Role.ADMIN)
    session = office.ready(ada)
    app = create_app(office)  # pyright: ignore[reportArgumentType]
    with client_for(app, _token(office, ada)) as client:
        body = {"name": "openai", "value": VALUE, "hosts": ["api.openai.example"], "header": "A: {}",
                "grants": ["user:ada", "everyone"]}  # fmt: skip
        made = client.post("/api/v1/secrets", json=body)
        assert made.status_code == 201, made.text
        secret_id = made.json()["id"]
        texts = [made.text]
        paths = [one for one in app.openapi()["paths"] if "secret" in one]
        assert len(paths) >= 6
        for path in paths:
            filled = path.replace("{which}", "openai").replace("{to}", "everyone")
            texts.append(client.get(filled).text)
        texts.append(client.post(f"/api/v1/secrets/{secret_id}/rotate", json={"value": "x"}).text)
        texts.append(client.post("/api/v1/secrets", json=body | {"hosts": 3}).text)
        texts.append(client.post("/api/v1/secrets", json=body | {"name": "A B"}).text)
        texts.append(client.post("/api/v1/secrets", json=body | {"value": [VALUE]}).text)
        texts += [client.get(one).text for one in ("/api/v1/secret-leases", "/api/v1/config", "/api/v1/audit/export",
                                                   f"/api/v1/sessions/{session}")]  # fmt: skip
        assert client.post("/api/v1/secrets/openai/grants", json={"to": "user:ada"}).status_code == 200
        assert client.delete("/api/v1/secrets/openai/grants/everyone").status_code == 200
        # The inner door is for gateways alone, and not for who has every scope.
        leases = client.get("/api/v1/secret-leases").json()["items"]
        asked = client.post(f"/internal/v1/gateway/leases/{leases[0]['id']}", json={"session_id": session})
        assert asked.status_code == 401, asked.text
        texts.append(asked.text)
    with office.store.read() as tx:
        for table in Table.metadata.sorted_tables:
            texts += [repr(row) for row in tx.execute(table.select()).all()]
    found = "\n".join(texts)
    assert "api.openai.example" in found
    assert [form for form in _forms() if form in found] == []


def test_the_database_file_and_its_journal_hold_no_value(office: OfficeForTests) -> None:
    jane = office.user()
    with office.store.write() as tx:
        change.set_secret(tx, office.clock, change.source_of(office.settings), jane, "openai", VALUE,
                          parse.binding(["api.openai.example"], query="key"))  # fmt: skip
    office.store.close()
    data = office.settings.data_dir
    files = [one for one in data.rglob("*") if one.is_file() and "images" not in one.parts]
    assert any(b"api.openai.example" in one.read_bytes() for one in files)
    for one in files:
        for form in _forms():
            assert form.encode() not in one.read_bytes(), one


def test_a_value_is_not_in_what_is_printed_of_it(office: OfficeForTests) -> None:
    """Objects that hold one must not show it where somebody logs them."""
    from nbkeep.doors.api.secrets import SecretWanted
    from nbkeep.egress.additions import Added
    from nbkeep.egress.leases import Lease

    wanted = SecretWanted.model_validate({"name": "x", "value": VALUE, "hosts": ["a.b"]})
    added = Added(Lease("lea_1", "ses_1", "x", 1, ("a.b:443",), "header", "A", "{}"), VALUE)
    assert VALUE not in repr(wanted) + repr(added) + json.dumps(wanted.model_dump(mode="json"))
