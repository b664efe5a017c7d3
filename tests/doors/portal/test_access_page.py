"""The page Access: ask, be decided about, end; the queue of those who decide; and the way there from a refusal."""

from __future__ import annotations

import re
from html import unescape

from flavor_parts import FLAVOR, mark
from gateway_parts import make_gateway
from grants_parts import PROFILE, change, told
from nbkeep.model.actor import Role
from portal_parts import HOSTILE, Person, Portal


def ids(page: str, table: str) -> list[str]:
    found = re.search(rf'id="{table}".*?</table>', page, re.DOTALL)
    return re.findall(r'data-grant="(gra_[^"]+)"', found[0]) if found else []


def asks(person: Person, session: str, **other: str) -> int:
    fields = {"host": "huggingface.co", "session": session, "reason": "To compare", "duration": "2h"} | other
    return person.post("/grants", **fields).status_code


def test_a_person_asks_from_a_refusal_and_an_admin_decides(portal: Portal) -> None:
    office, jane, ada = portal.office, portal.person("jane"), portal.person("ada", Role.ADMIN)
    assert "None of your profiles has a host" in jane.get("/grants")
    change(office, egress_asklist="huggingface.co")
    session = office.ready(jane.actor)
    gateway = make_gateway(office)
    gateway.pull()
    gateway.report(gateway.record(session, "huggingface.co"), gateway.record(session, "other.example"))
    links = re.findall(r'href="(/portal/grants[?][^"]+)"', jane.get("/network"))
    assert len(links) == 1
    assert not re.search(r"/portal/grants[?]", ada.get("/network"))  # it is not hers to ask
    form = jane.get(unescape(links[0]).removeprefix("/portal"))
    assert 'value="huggingface.co:443"' in form
    assert f"<strong>{PROFILE}</strong>" in form
    assert asks(jane, session) == 303
    (request,) = ids(jane.get("/grants?done=asked"), "mine")
    queue = ada.get("/grants")
    assert ids(queue, "queue") == [request]
    assert "To compare" in queue
    assert ada.post(f"/grants/{request}/approve", duration="1h").status_code == 303
    page = ada.get("/grants")
    assert (ids(page, "queue"), ids(page, "live")) == ([], [request])
    assert 'data-state="granted"' in jane.get("/grants")
    assert "ada approved it" in jane.get("/")
    assert ada.post(f"/grants/{request}/revoke", reason="Enough").status_code == 303
    assert "by ada: Enough" in jane.get("/grants")
    office.clock.advance(1)
    assert asks(jane, "", profile=PROFILE) == 303
    (second, _) = ids(jane.get("/grants"), "mine")
    assert ada.post(f"/grants/{second}/deny", reason="Use the mirror").status_code == 303
    assert "Use the mirror" in jane.get("/grants")
    office.clock.advance(1)
    assert asks(jane, session, host="huggingface.co:443") == 303
    third = ids(jane.get("/grants"), "mine")[0]
    assert jane.post(f"/grants/{third}/withdraw").status_code == 303
    assert told(office)[-3:] == ["grant.denied", "grant.requested", "grant.withdrawn"]


def test_what_is_wrong_is_said_and_what_was_typed_is_not_lost(portal: Portal) -> None:
    office, jane = portal.office, portal.person("jane")
    change(office, egress_asklist="huggingface.co")
    session = office.ready(jane.actor)
    for wrong, marked in (
        ({"host": "127.1"}, "e-host"),
        ({"host": "other.example"}, "is not on the profile&#39;s ask-list"),
        ({"reason": ""}, "e-reason"),
        ({"duration": "99d"}, "e-duration"),
        ({"session": "ses_00000000000000000000"}, "There is no session"),
    ):
        fields = {"host": "huggingface.co", "session": session, "reason": "To compare", "duration": "2h"}
        answer = jane.post("/grants", **(fields | wrong))
        assert answer.status_code in {400, 403, 404}, wrong
        assert marked in answer.text, wrong
        assert 'value="To compare"' in answer.text or "reason" in wrong
    assert ids(jane.get("/grants"), "mine") == []
    assert jane.client.get("/portal/grants?session=ses_x&host=a").status_code == 200


def test_who_decides_nothing_sees_only_their_own_and_reasons_are_only_text(portal: Portal) -> None:
    office, jane, joe = portal.office, portal.person("jane"), portal.person("joe")
    change(office, egress_asklist="huggingface.co")
    assert asks(jane, office.ready(jane.actor), reason=HOSTILE) == 303
    assert "To compare" not in joe.get("/grants")
    assert ids(joe.get("/grants"), "mine") == []
    (request,) = ids(jane.get("/grants"), "mine")
    for verb in ("approve", "deny", "revoke", "withdraw"):
        assert joe.post(f"/grants/{request}/{verb}", reason="x").status_code == 404
    assert "<img src=x" not in portal.person("ada", Role.ADMIN).get("/grants")
    boss = portal.person("boss", Role.ADMIN)
    assert asks(boss, office.ready(boss.actor)) == 303
    assert "Your own: another admin decides." in boss.get("/grants")


def card_of(person: Person) -> str:
    found = re.search(
        rf'<article class="[^"]*" data-profile="{PROFILE}">.*?</article>', person.get("/"), re.DOTALL
    )
    assert found
    return found[0]


def asks_to_start(person: Person, **other: str) -> int:
    fields = {"start": PROFILE, "start_reason": "The last run", "start_for": "2h"} | other
    return person.post("/grants/flavor", **fields).status_code


def test_a_profile_that_needs_an_approval_is_asked_for_on_its_card(portal: Portal) -> None:
    office, jane, ada = portal.office, portal.person("jane"), portal.person("ada", Role.ADMIN)
    assert "data-approval" not in card_of(jane)
    assert "Ask to start a profile" not in jane.get("/grants")
    mark(office)
    card = card_of(jane)
    assert "Needs an approval" in card
    assert ">Start<" not in card
    assert 'action="/portal/grants/flavor"' in card
    refused = jane.post("/sessions", profile=PROFILE)
    assert (refused.status_code, "need an approval" in refused.text) == (403, True)
    assert asks_to_start(jane) == 303
    card = card_of(jane)
    assert "Waits for an answer" in card
    assert ">Start<" not in card
    (request,) = ids(jane.get("/grants"), "mine")
    assert f"/portal/grants/{request}/withdraw" in card
    queue = ada.get("/grants")
    assert ids(queue, "queue") == [request]
    assert f"start, on flavor <strong>{FLAVOR}</strong>" in queue
    assert ada.post(f"/grants/{request}/deny", reason=HOSTILE).status_code == 303
    card = card_of(jane)
    assert "The last answer, by ada: &lt;img" in card
    assert HOSTILE not in card
    office.clock.advance(1)
    assert asks_to_start(jane) == 303
    second = ids(jane.get("/grants"), "mine")[0]
    assert ada.post(f"/grants/{second}/approve", duration="1h").status_code == 303
    card = card_of(jane)
    assert "Approved until 2026-01-01 01:00 UTC" in card
    assert ">Start<" in card
    assert "Ask for longer" in card
    assert jane.post("/sessions", profile=PROFILE).status_code == 303
    assert asks_to_start(jane, start_for="3h") == 303
    assert "A request for longer waits for an answer" in card_of(jane)
    office.clock.advance(3600)
    assert "Waits for an answer" in card_of(jane)


def test_the_page_access_asks_for_profiles_too_and_keeps_what_was_typed(portal: Portal) -> None:
    office, jane = portal.office, portal.person("jane")
    mark(office)
    page = jane.get("/grants")
    assert "Ask to start a profile" in page
    assert f"({FLAVOR})</option>" in page
    for wrong, status, marked in (
        ({"start_reason": " "}, 400, "e-start_reason"),
        ({"start_for": "99d"}, 400, "e-start_for"),
        ({"start": "none-such"}, 404, "There is no profile"),
        ({"start": "notebook-cpu-large"}, 403, "needs no approval"),
    ):
        fields = {"start": PROFILE, "start_reason": "The last run", "start_for": "2h"}
        answer = jane.post("/grants/flavor", **(fields | wrong))
        assert (answer.status_code, marked in answer.text) == (status, True), wrong
        assert 'value="The last run"' in answer.text or "start_reason" in wrong
    assert ids(jane.get("/grants"), "mine") == []
