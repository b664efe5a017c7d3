"""An auditor and a security officer try every way in of the API and of the portal, with every method that changes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from evidence_parts import ask, work
from nbkeep.audit import events, journal
from nbkeep.doors.portal.router import PAGES
from nbkeep.model.actor import OPERATOR, ROLE_SCOPES, Role
from nbkeep.people.tokens import create_token
from nbkeep.store.tables import Table
from office_parts import OfficeForTests, client_for
from portal_parts import Portal, portal

__all__ = ["portal"]
pytestmark = pytest.mark.attack
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
# What readers may: their own account, tokens and notices, and taking copies, which is on record.
OWN = re.compile(
    r"/(api/v1/)?(me|tokens|notices|account|evidence|sign-in|sign-out|join|reset|welcome|tour)\b|/admin/audit/(verify|export)"
    r"|/api/v1/rules/test\b"  # tries rules on a sample, and keeps neither
)
# What changes by being looked at.
TOUCHED = {"last_used_at", "last_seen_at"}


def everything(office: OfficeForTests) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    found: dict[str, list[tuple[object, ...]]] = {}
    with office.store.read() as tx:
        for table in Table.metadata.sorted_tables:
            columns = [column for column in table.columns if column.name not in TOUCHED]
            found[table.name] = sorted((tuple(row) for row in tx.execute(select(*columns))), key=repr)
    return found


def assert_nothing_changed(office: OfficeForTests, before: dict[str, list[tuple[object, ...]]]) -> None:
    """Assert it of every table. That they wanted a session and were refused is on record, as anybody's wish is."""
    after = everything(office)
    for name in set(before) - {"audit_journal", "audit_head"}:
        assert after[name] == before[name], name
    assert {row[2] for row in set(after["audit_journal"]) - set(before["audit_journal"])} <= {
        "session.refused"
    }


def body_of(call: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a body that has what a call demands, so that it is not refused for its form alone."""
    for content in call.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        return {
            name: value_of(name, schema["properties"][name], schemas) for name in schema.get("required", [])
        }
    return {}


def value_of(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    named = {"email": "x@acme.com", "role": "notebook.admin", "resource": "flavor:notebook-cpu-small", "price": "1",
             "user": "jane", "reason": "because", "image": "base", "flavor": "notebook-cpu-small"}  # fmt: skip
    if "$ref" in schema:
        return body_of({"requestBody": {"content": {"x": {"schema": schema}}}}, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    kinds = [schema, *schema.get("anyOf", [])]
    kind = next((one["type"] for one in kinds if "type" in one), "string")
    match kind:
        case "integer" | "number":
            return 3600
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return {}
        case _:
            return named.get(name, "notebook-cpu-small")


def filled(path: str, session_id: str) -> str:
    """Return a path with what is there in the place of its names."""
    known = {"session_id": session_id, "user_name": "jane", "user": "jane", "profile_name": "notebook-cpu-small",
             "flavor_name": "notebook-cpu-small"}  # fmt: skip

    def one(found: re.Match[str]) -> str:
        name = found[1].partition(":")[0]
        near = "jane" if "user" in path or "volume" in path else session_id if "session" in path else ""
        return known.get(name) or near or "notebook-cpu-small"

    return re.sub(r"\{([^}]+)\}", one, path)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OFFICER])
def test_by_the_api(portal: Portal, role: Role) -> None:
    office, app = portal.office, portal.app
    session_id = office.ready(office.user("jane"))
    reader = office.user("anna", role)
    with office.store.write() as tx:
        token = create_token(
            tx, office.clock, reader, name="t", scopes=sorted(ROLE_SCOPES[role]), valid_s=3600
        )[1]
    described = app.openapi()
    before = everything(office)
    statuses: list[int] = []
    with client_for(app, token) as client:
        for path, calls in described["paths"].items():
            if OWN.search(path):
                continue
            for method in CHANGING:
                body = body_of(calls.get(method.lower(), {}), described["components"]["schemas"])
                for sent in ({}, body):
                    answer = client.request(method, filled(path, session_id), json=sent)
                    assert answer.status_code >= 400, (method, path, sent, answer.text)
                    assert answer.status_code < 500, (method, path, sent, answer.text)
                    if method.lower() in calls:
                        statuses.append(answer.status_code)
    assert_nothing_changed(office, before)
    assert len(statuses) > 80
    assert statuses.count(403) > len(statuses) / 3  # not only refused for their form


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OFFICER])
def test_by_the_portal(portal: Portal, role: Role) -> None:
    office = portal.office
    session_id = office.ready(office.user("jane"))
    anna = portal.person("anna", role)
    fields = {"name": "x1", "email": "x@acme.com", "role": "notebook.admin", "reason": "because", "user": "jane",
              "profile": "notebook-cpu-small", "display_name": "X", "image": "base", "flavor": "notebook-cpu-small"}  # fmt: skip
    before, tried = everything(office), 0
    for path in portal_paths():
        if OWN.search(path):
            continue
        place = filled(path, session_id)
        answer = anna.post(place, **fields)
        assert answer.status_code >= 400, (path, answer.status_code, answer.headers.get("location"))
        assert answer.status_code < 500, (path, answer.text[:500])
        for method in ("PUT", "PATCH", "DELETE"):
            other = anna.client.request(method, f"/portal{place}", headers={"X-CSRF-Token": anna.csrf})
            assert 400 <= other.status_code < 500, (method, path)
        tried += 1
    assert_nothing_changed(office, before)
    assert tried > 25


def portal_paths() -> list[str]:
    """Return the paths of the portal that take forms."""
    routes = [route for module in PAGES for route in module.router.routes]
    return [
        str(getattr(route, "path", ""))
        for route in routes
        if "POST" in (getattr(route, "methods", None) or ())
    ]


def test_what_an_officer_may_read(portal: Portal) -> None:
    """All that is on record, and evidence of it; neither settings nor people."""
    office = portal.office
    with office.store.write() as tx:
        journal.append(tx, office.clock, OPERATOR, events.SignInFailed(user="jane", reason="wrong-password"))
    id_ = ask(office)
    work(office)
    omar = portal.person("omar", Role.OFFICER)
    for path, words in (("/admin/audit", "wrong-password"), ("/network", "Network"), ("/usage", "Usage"),
                        ("/models", "Models"), ("/evidence", id_)):  # fmt: skip
        assert words in omar.get(path), path
    answer = omar.post(f"/evidence/{id_}/download")
    assert (answer.status_code, answer.content[:2]) == (200, b"PK")
    assert (
        omar.post(
            "/evidence", framework="owasp-nhi", **{"from": "2026-01-01", "to": "2026-01-01"}
        ).status_code
        == 303
    )
    for path in (
        "/admin/users",
        "/admin/profiles",
        "/admin/config",
        "/admin/host",
        "/admin/volumes",
        "/admin/sessions",
    ):
        assert omar.client.get(f"/portal{path}").status_code == 403, path
