"""Attack: use the catalogue's door in JupyterLab for somebody else, for more than one may, or from the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.data import change, parse
from nbkeep.grants.decide import approve_grant
from nbkeep.model.actor import OPERATOR, Role
from office_parts import OfficeForTests, client_for, office
from sandboxes import Target

if TYPE_CHECKING:
    import httpx

__all__ = ["office"]
pytestmark = pytest.mark.attack
PATH = "/internal/v1/session/catalogue"
ASKED = {"reason": "Totals", "duration": "2h"}


def publish(office: OfficeForTests, owner: str = "owner", classification: str = "internal") -> None:
    office.user(owner)
    source = parse.source("sales", "s3://lake/sales", classification, region="eu-central-1",
                          endpoint="https://s3.acme.local:9000", samples=["*.csv"])  # fmt: skip
    with office.store.write() as tx:
        change.add_dataset(tx, office.clock, OPERATOR, source, purpose="Orders", owner=owner, secret=None)


def grants(office: OfficeForTests) -> list[dict[str, Any]]:
    answer = client_for(office.app(), "operator-token-of-this-test").get("/api/v1/grants")
    found: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return found


def seen(client: httpx.Client) -> dict[str, Any]:
    (found,) = client.get(PATH).raise_for_status().json()["datasets"]
    return found


@pytest.mark.parametrize("more", [{"user": "john"}, {"session": "ses_1"}, {"session_id": "ses_1"}, {"profile": "notebook-cpu-large"}, {"host": "evil.example"}])  # fmt: skip
def test_a_request_names_nobody_else(office: OfficeForTests, more: dict[str, str]) -> None:
    publish(office)
    office.user("john")
    _, token = office.launched(office.user("jane"))
    client = client_for(office.app(), token)
    assert client.post(f"{PATH}/datasets/sales/ask", json=ASKED | more).status_code == 400
    assert grants(office) == []


def test_the_requests_and_grants_of_another_are_neither_seen_nor_ended(office: OfficeForTests) -> None:
    publish(office)
    jane, mallory = office.user("jane"), office.user("mallory")
    hers, theirs = (client_for(office.app(), office.launched(one)[1]) for one in (jane, mallory))
    hers.post(f"{PATH}/datasets/sales/ask", json=ASKED).raise_for_status()
    assert seen(theirs)["asked"] is None
    assert theirs.post(f"{PATH}/datasets/sales/withdraw", json={}).status_code == 404
    (request,) = grants(office)
    with office.store.write() as tx:
        approve_grant(tx, office.clock, office.settings, OPERATOR, request["id"])
    assert (seen(hers)["level"], seen(theirs)["level"]) == ("whole", "sample")
    assert theirs.post(f"{PATH}/datasets/sales/withdraw", json={}).status_code == 404
    assert seen(hers)["level"] == "whole"


def test_a_session_of_an_admin_or_owner_approves_nothing_and_opens_nothing_for_itself(
    office: OfficeForTests,
) -> None:
    publish(office)
    _, token = office.launched(office.user("ada", Role.ADMIN))
    client = client_for(office.app(), token)
    client.post(f"{PATH}/datasets/sales/ask", json=ASKED).raise_for_status()
    (request,) = grants(office)
    for path in (f"/api/v1/grants/{request['id']}/approve", f"{PATH}/datasets/sales/approve"):
        assert client.post(path, json={}).status_code in {401, 404, 405}
    assert seen(client)["level"] == "sample"


def test_a_class_above_the_profiles_cannot_be_asked_for(office: OfficeForTests) -> None:
    publish(office, classification="pii")
    _, token = office.launched(office.user("jane"))
    client = client_for(office.app(), token)
    assert client.post(f"{PATH}/datasets/sales/ask", json=ASKED).status_code == 403
    assert grants(office) == []


@pytest.mark.parametrize("name", ["..", "%2e%2e", "sales%2F..%2Fx", "nothing", "SALES'--", "x" * 101])
def test_odd_names_ask_for_nothing(office: OfficeForTests, name: str) -> None:
    publish(office)
    _, token = office.launched(office.user("jane"))
    client = client_for(office.app(), token)
    for verb in ("ask", "withdraw"):
        assert client.post(f"{PATH}/datasets/{name}/{verb}", json=ASKED).status_code in {400, 403, 404}
    assert grants(office) == []


@pytest.mark.parametrize(
    "token", ["", "x", "hub-token-of-this-test", "operator-token-of-this-test", "nbks_x"]
)
def test_no_other_token_opens_the_door(office: OfficeForTests, token: str) -> None:
    publish(office)
    client = client_for(office.app(), token)
    assert client.get(PATH).status_code == 401
    assert client.post(f"{PATH}/datasets/sales/ask", json=ASKED).status_code == 401


def test_it_is_not_there_through_the_public_proxy(office: OfficeForTests) -> None:
    _, token = office.launched(office.user("jane"))
    client = client_for(office.app(), token)
    assert client.get(PATH, headers={"x-forwarded-for": "127.0.0.1"}).status_code == 404


def test_an_ended_session_asks_for_nothing(office: OfficeForTests) -> None:
    publish(office)
    session, token = office.launched(office.user("jane"))
    office.change(session, state="stopped")
    client = client_for(office.app(), token)
    assert client.post(f"{PATH}/datasets/sales/ask", json=ASKED).status_code == 401


def test_neither_the_sessions_server_nor_the_office_is_within_reach_of_the_sandbox(target: Target) -> None:
    """Code in a kernel would ask in its user's name: it finds no socket to ask at."""
    target.refused("""
        import os, socket
        found = []
        for folder, _, names in os.walk("/run"):
            for name in names:
                path = os.path.join(folder, name)
                probe = socket.socket(socket.AF_UNIX)
                probe.settimeout(2)
                try:
                    probe.connect(path)
                    probe.sendall(b"GET /internal/v1/session/catalogue HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
                    if b"catalogue" in probe.recv(65536) or b"datasets" in probe.recv(65536): found.append(path)
                except OSError: pass
                finally: probe.close()
        raise SystemExit(repr(found) if found else 0)
    """)
