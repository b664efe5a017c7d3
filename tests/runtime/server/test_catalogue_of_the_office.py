"""The catalogue's doors of a session's server: what the office says, and no more than its user may ask."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server_peers import OTHER_TOKEN, VISITOR_TOKEN
from session_server import RunningServer

ASK = "nbkeep/api/catalogue/datasets/sales/ask"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


@pytest.fixture(autouse=True)
def quiet(server: RunningServer) -> None:
    server.office.asked.clear()
    server.office.refuses_data = False


def test_it_is_the_offices_answer(server: RunningServer) -> None:
    assert server.json("GET", "nbkeep/api/catalogue") == {"datasets": [{"name": "sales"}]}


def test_a_request_carries_its_reason_and_time_and_names_nobody(server: RunningServer) -> None:
    body = {
        "reason": "Totals",
        "duration": "2h",
        "user": "john",
        "session": "ses_2",
        "profile": "large",
        "kind": "host",
    }
    assert server.request("POST", ASK, json=body).status_code == 200
    assert server.office.asked == [("sales/ask", {"reason": "Totals", "duration": "2h"})]
    withdraw = ASK.replace("/ask", "/withdraw")
    assert server.request("POST", withdraw, json={"user": "john"}).status_code == 200
    assert server.office.asked[1:] == [("sales/withdraw", {})]


def test_a_visiting_admin_looks_but_asks_for_nothing(server: RunningServer) -> None:
    """They decide about requests: who could ask in another's name would agree with themselves."""
    assert server.request("GET", "nbkeep/api/catalogue", token=VISITOR_TOKEN).status_code == 200
    for path in (ASK, ASK.replace("/ask", "/withdraw")):
        answer = server.request("POST", path, token=VISITOR_TOKEN, json={"reason": "x", "duration": "2h"})
        assert (answer.status_code, answer.json()["code"]) == (403, "not-yours")
    assert server.office.asked == []


def test_somebody_else_is_refused(server: RunningServer) -> None:
    for token in (OTHER_TOKEN, "nobody"):
        assert server.request("GET", "nbkeep/api/catalogue", token=token).status_code == 403
        assert server.request("POST", ASK, token=token, json={}).status_code == 403
    assert server.office.asked == []


@pytest.mark.parametrize("path", ["catalogue/datasets/../ask", "catalogue/datasets/sales%2F..%2F..%2Fextend/ask",
                                  "catalogue/datasets/sales/approve", "catalogue/datasets//ask", f"catalogue/datasets/{'x' * 41}/ask"])  # fmt: skip
def test_other_paths_lead_nowhere(server: RunningServer, path: str) -> None:
    assert server.request("POST", f"nbkeep/api/{path}", json={}).status_code in {404, 405}
    assert server.office.asked == []


def test_a_refusal_comes_word_for_word_and_an_office_that_is_away_is_told(server: RunningServer) -> None:
    server.office.refuses_data = True
    refused = server.request("POST", ASK, json={"reason": "x", "duration": "2h"})
    assert (refused.status_code, refused.json()["message"]) == (403, "sales is pii.")
    server.office.is_down = True
    try:
        away = server.request("GET", "nbkeep/api/catalogue")
        assert (away.status_code, away.json()["code"]) == (503, "office-unreachable")
    finally:
        server.office.is_down = False


@pytest.mark.parametrize("body", ["[]", "5", "{", ""])
def test_what_is_no_object_asks_for_nothing(server: RunningServer, body: str) -> None:
    assert server.request("POST", ASK, content=body).status_code == 400
    assert server.office.asked == []
