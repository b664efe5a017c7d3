"""The page "Own rules" as admins and auditors see it, and what nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.detection import records
from nbkeep.model.actor import Role
from own_rules_parts import BADGE, RULES
from portal_parts import HOSTILE
from render_parts import needs_a_jail

if TYPE_CHECKING:
    from portal_parts import Portal

pytest.importorskip("re2")
PAGE = "/admin/rules"


@needs_a_jail
def test_an_admin_tries_sets_and_unsets_rules(portal: Portal) -> None:
    ada = portal.person("ada", Role.ADMIN)
    assert "No own rules" in ada.get(PAGE)
    wire = RULES.replace("\n", "\r\n")  # as browsers send it
    tried = ada.post(PAGE, act="test", rules=wire, sample=f"badge {BADGE}")
    assert tried.status_code == 200
    shown = tried.text.partition('id="tried"')[2].partition("</section>")[0]
    assert ("acme-badge" in shown, BADGE in shown) == (True, False)
    assert "No own rules" in ada.get(PAGE)
    assert ada.post(PAGE, act="set", rules=wire).status_code == 303
    assert "\r" not in _held(portal)
    assert 'data-rule="acme-badge"' in ada.get(PAGE)
    assert ada.post(f"{PAGE}/unset").status_code == 303
    assert _held(portal) == ""


@needs_a_jail
def test_what_is_wrong_is_said_beside_it_and_nothing_of_it_is_markup(portal: Portal) -> None:
    ada = portal.person("ada", Role.ADMIN)
    said = ada.post(PAGE, act="set", rules=f"[[rules]]\nid = 'x'\nregex = '''{HOSTILE}('''\n")
    assert (said.status_code, 'id="e-rules"' in said.text) == (400, True)
    assert HOSTILE not in said.text
    assert ada.post(PAGE, act="set", rules="").status_code == 400
    assert _held(portal) == ""
    hostile = HOSTILE.replace('"', "'")
    assert ada.post(PAGE, act="set", rules=RULES.replace("Badge of Acme", hostile)).status_code == 303
    assert hostile not in ada.get(PAGE)


def test_an_auditor_sees_and_sets_nothing_and_others_do_not_see(portal: Portal) -> None:
    rita, jane = portal.person("rita", Role.AUDITOR), portal.person("jane")
    assert 'value="set"' not in rita.get(PAGE)
    assert rita.post(PAGE, act="set", rules=RULES).status_code == 403
    assert rita.post(f"{PAGE}/unset").status_code == 403
    assert jane.client.get(f"/portal{PAGE}").status_code == 403
    assert jane.post(PAGE, act="test", rules="", sample="x").status_code == 403


def _held(portal: Portal) -> str:
    with portal.office.store.read() as tx:
        return records.own_rules(tx).text


def test_an_admin_turns_asking_a_provider_on_and_nobody_else_does(portal: Portal) -> None:
    ada, rita, jane = (
        portal.person("ada", Role.ADMIN),
        portal.person("rita", Role.AUDITOR),
        portal.person("jane"),
    )
    assert 'data-provider="github" data-on="off"' in ada.get(PAGE)
    for other in (rita, jane):
        assert other.post(f"{PAGE}/liveness", provider="github", on="on").status_code == 403
    assert ada.post(f"{PAGE}/liveness", provider=HOSTILE, on="on").status_code == 404
    assert ada.post(f"{PAGE}/liveness", provider="github", on="on").status_code == 303
    assert 'data-provider="github" data-on="on"' in rita.get(PAGE)
    assert "Turn off" not in rita.get(PAGE)
