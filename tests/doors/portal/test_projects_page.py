"""The pages of projects: what members see, what leads and admins change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.actor import Role

if TYPE_CHECKING:
    from portal_parts import Person, Portal

SECRET = {"name": "openai", "value": "Qz7-not-on-a-page", "hosts": "api.openai.example", "way": "header",
          "place": "Authorization: Bearer {}", "env": "", "grants": "project:orion"}  # fmt: skip


def made(portal: Portal) -> tuple[Person, Person, Person]:
    """Return an admin, the lead of the project orion, and somebody who is not in it."""
    ops, jane, john = portal.person("ops", Role.ADMIN), portal.person(), portal.person("john")
    created = ops.post("/projects", name="orion", description="Demand forecasts", lead="jane")
    assert created.headers["location"] == "/portal/projects/orion?done=project-created"
    assert ops.post("/secrets", **SECRET).status_code == 303
    return ops, jane, john


def test_an_admin_creates_it_a_lead_adds_people_and_they_see_it(portal: Portal) -> None:
    ops, jane, john = made(portal)
    assert "You are in none" in john.get("/projects")
    assert "Create a project" not in jane.get("/projects")
    listed, hers = jane.get("/projects"), jane.get("/projects/orion")
    assert 'data-project="orion"' in listed
    for words in ("Demand forecasts", "openai", "of ops", 'data-member="jane"', "Add somebody"):
        assert words in hers
    assert "Remove the project" not in hers
    assert jane.post("/projects/orion/members", user="john").status_code == 303
    his = john.get("/projects/orion")
    assert 'data-member="john"' in his
    assert "Add somebody" not in his
    assert his.count("/take") == 1, "he may leave, and take nobody else"
    assert ops.post("/projects/orion/members", user="john", is_lead="yes").status_code == 303
    assert "Add somebody" in john.get("/projects/orion")
    assert ops.post("/projects/orion/members/john/take").status_code == 303
    assert "You are in none" in john.get("/projects")
    assert jane.post("/projects/orion/members/jane/take").headers["location"] == "/portal/projects?done=left"
    assert "Nobody is in it yet" in ops.get("/projects/orion")
    assert ops.post("/projects/orion/remove").status_code == 303
    assert "No projects yet" in ops.get("/projects")


def test_what_is_wrong_is_shown_beside_its_field(portal: Portal) -> None:
    ops, jane, _ = made(portal)
    for form, words in (
        ({"name": "No Name"}, "is not a name for a project"),
        ({"name": "orion"}, "There is a project named"),
        ({"name": "vega", "lead": "nobody"}, "There is no user"),
        ({"name": "vega", "description": "x" * 500}, "one line of up to 400"),
    ):
        answer = ops.post("/projects", **form)
        assert answer.status_code in {400, 404, 409}
        assert words in answer.text
    assert 'data-project="vega"' not in ops.get("/projects")
    unknown = jane.post("/projects/orion/members", user="nobody")
    assert (unknown.status_code, "There is no user" in unknown.text) == (404, True)
    beyond = jane.post("/projects/orion/members", user="john", is_lead="yes")
    assert (beyond.status_code, "Only admins say who leads" in beyond.text) == (403, True)


def test_it_is_in_the_navigation_of_users_and_of_admins_once(portal: Portal) -> None:
    ops, jane, _ = made(portal)
    auditor = portal.person("ann", Role.AUDITOR)
    for person in (ops, jane):
        page = person.get("/account")
        assert page.count('href="/portal/projects"') == 2, "wide and narrow"
    assert "/portal/projects" not in auditor.get("/account")
