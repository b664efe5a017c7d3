"""Somebody wants to learn from the platform's metrics who works on what, or to drown them in names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrics_parts import OPERATOR_TOKEN, scrape
from nbkeep.model.actor import Role
from nbkeep.people import tokens
from office_parts import OfficeForTests, client_for, make_office, office

__all__ = ["office"]
pytestmark = pytest.mark.attack

SCRAPE_TOKEN = "scrape-token-of-prometheus-0123456789"


def test_nobody_gets_metrics_without_a_token_that_may(tmp_path: Path, short_dir: Path) -> None:
    file = tmp_path / "scrape-token"
    file.write_text(f"{SCRAPE_TOKEN}\n")
    file.chmod(0o600)
    office = make_office(short_dir, metrics_token=f"file:{file}")
    app, admin, jane = office.app(), office.user("ann", Role.ADMIN), office.user()

    def status(token: str | None) -> int:
        return client_for(app, token).get("/metrics").status_code

    def token(owner: object, *scopes: str) -> str:
        with office.store.write() as tx:
            return tokens.create_token(tx, office.clock, owner, "prometheus", scopes, 3600)[1]  # pyright: ignore[reportArgumentType]

    assert (status(None), status("nbk_nonsense"), status("x")) == (401, 401, 401)
    assert status(token(jane, "sessions")) == 403
    assert status(token(admin, "self")) == 403
    assert status(token(admin, "metrics:read")) == 200
    assert status(SCRAPE_TOKEN) == 200
    assert client_for(app, SCRAPE_TOKEN).get("/api/v1/sessions").status_code == 401  # it opens nothing else
    file.chmod(0o644)
    assert status(SCRAPE_TOKEN) == 401  # a secret that others may read is none
    file.unlink()
    assert status(SCRAPE_TOKEN) == 401
    office.close()


def test_requests_are_counted_by_route_and_never_by_path(office: OfficeForTests) -> None:
    app = office.app()
    client = client_for(app, OPERATOR_TOKEN)
    for path in ("/api/v1/sessions/ses_s3cret", "/s3cret", "/portal/join/s3cret", "/portal/static/s3cret"):
        client.get(path)
    client.request("S3CRET", "/api/v1/sessions")
    found = scrape(app)
    assert "s3cret" not in found.text.lower()
    route = "/api/v1/sessions/{session_id}"
    assert found.value("nbkeep_http_requests_total", route=route, status="404", method="GET") >= 1
    assert found.value("nbkeep_http_request_seconds_count", route=route) >= 1
    assert found.value("nbkeep_http_requests_total", route="/portal/join/{token}") >= 1
    assert found.value("nbkeep_http_requests_total", method="other") >= 1


def test_a_scrape_has_no_name_of_a_person_and_its_series_are_few(office: OfficeForTests) -> None:
    app = office.app()
    for number in range(10):
        office.ready(office.user(f"very-personal-{number}"))
    found = scrape(app)
    assert "very-personal" not in found.text
    assert "acme.com" not in found.text
    assert len(found.samples) < 3000
