"""The page "Uploads" as officers and auditors see it, and what nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.guard.uploads import told_places
from nbkeep.model.actor import Role
from portal_parts import HOSTILE

if TYPE_CHECKING:
    from portal_parts import Portal

PAGE = "/admin/uploads"


def kept(portal: Portal) -> list[dict[str, str]]:
    with portal.office.store.read() as tx:
        return told_places(tx)


def test_an_officer_sets_explains_and_unsets(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    assert "Nothing is set" in ops.get(PAGE)
    assert ops.post(PAGE, host="*.acme.local", treatment="trusted").status_code == 303
    shown = ops.get(PAGE)
    assert 'data-host="*.acme.local"' in shown
    assert "By the entry *.acme.local" in ops.get(f"{PAGE}?of=api.acme.local")
    assert "is no host name" in ops.get(f"{PAGE}?of=a%20b")
    gone = ops.post(f"{PAGE}/unset", host="*.acme.local")
    assert (gone.status_code, kept(portal)) == (303, [])


def test_what_is_no_host_is_told_beside_its_field(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    wrong = ops.post(PAGE, host=HOSTILE, treatment="closed")
    assert wrong.status_code == 400
    assert 'id="e-host"' in wrong.text
    assert HOSTILE not in wrong.text
    assert kept(portal) == []


def test_an_auditor_sees_and_others_do_not(portal: Portal) -> None:
    eve, jane = portal.person("eve", Role.AUDITOR), portal.person("jane")
    assert "Save" not in eve.get(PAGE).partition("<main")[2].partition('id="explain"')[0]
    for person in (eve, jane):
        assert person.post(PAGE, host="x.example", treatment="trusted").status_code == 403
    assert jane.client.get(f"/portal{PAGE}").status_code == 403
    assert kept(portal) == []
