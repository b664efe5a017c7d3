"""Stored cross-site scripting: script in every text that somebody may write, opened in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog

from browser_parts import OpenPortal, chromium, open_portal
from nbkeep.backends.interface import FileUse, FolderUse, Suggestion, VolumeUsage
from nbkeep.model.actor import Role
from nbkeep.model.session import StopReason
from nbkeep.outbox.notices import add_notice
from nbkeep.sessions.access import grant_access
from nbkeep.sessions.marks import mark_ended, mark_progress
from nbkeep.store.tables import FlavorRow, ProfileRow, SessionRow, UserRow
from portal_parts import HOSTILE

__all__ = ["chromium", "open_portal"]
pytestmark = [pytest.mark.attack, pytest.mark.e2e]


def test_script_stays_text_on_every_page(open_portal: OpenPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    office = open_portal.office
    jane, ops = office.user("jane"), office.user("ops", Role.ADMIN)
    running, broken = office.ready(jane, name="one"), office.launched(jane, name="two")[0]
    with office.store.write() as tx:
        grant_access(tx, office.clock, ops, running, HOSTILE)
        add_notice(tx, office.clock, jane.id, HOSTILE[:24], HOSTILE)
        mark_progress(tx, office.clock, tx.get_one(SessionRow, broken), "server", HOSTILE)
        mark_ended(tx, office.clock, ops, tx.get_one(SessionRow, broken), StopReason.SERVER_DIED, HOSTILE)
        profile = tx.get_one(ProfileRow, "notebook-cpu-small")
        profile.display_name, profile.description = HOSTILE[:80], HOSTILE
        tx.get_one(FlavorRow, "notebook-cpu-small").gpu_type = HOSTILE[:40]
        tx.get_one(UserRow, jane.id).email = HOSTILE
        row = tx.get_one(SessionRow, running)
        row.profile = {**row.profile, "display_name": HOSTILE, "currency": HOSTILE}
    usage = VolumeUsage(
        "2026-01-01T00:00:00+00:00",
        [FolderUse(HOSTILE, 1, 1)],
        [Suggestion(HOSTILE, 1, HOSTILE)],
        [FileUse(HOSTILE, 1)],
    )

    def measured(user: str, depth: int = 2) -> VolumeUsage:
        del user, depth
        return usage

    monkeypatch.setattr(office.backend, "volume_usage", measured)

    said: list[str] = []

    def heard(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    for actor, paths in (
        (jane, ("/", f"/sessions/{running}", f"/sessions/{broken}", f"/sessions/{broken}/diagnose", "/files", "/files?usage=1", "/account")),
        (ops, ("/admin/sessions?state=", "/admin/users", "/admin/users/jane", "/admin/profiles", "/admin/flavors",
               "/admin/profiles/notebook-cpu-small", "/admin/flavors/notebook-cpu-small", "/admin/audit",
               f"/sessions/{running}/enter", f"/admin/users?find={HOSTILE}", f"/admin/audit?text={HOSTILE}",
               f"/admin/audit?since={HOSTILE}", f"/admin/volumes?find={HOSTILE}", f"/nowhere/{HOSTILE}", f"/?done={HOSTILE}")),
    ):  # fmt: skip
        page = open_portal.page(actor)
        page.on("dialog", heard)
        for path in paths:
            page.goto(f"{open_portal.url}/portal{path}", wait_until="load")
            page.wait_for_timeout(120)  # live parts and lazy parts arrive
            assert page.locator("img").count() == 0, path
            assert page.locator("script:not([src])").count() == 0, path
            assert "49" not in page.title()
    assert said == []


def test_the_policy_stops_script_even_where_escaping_would_fail(open_portal: OpenPortal) -> None:
    page = open_portal.page(open_portal.office.user("jane"))
    page.evaluate(
        """() => { const el = document.createElement("div"); el.innerHTML = "<img src=x onerror='window.hit = 1'>";
        document.body.append(el); const s = document.createElement("script"); s.textContent = "window.hit = 2";
        document.body.append(s); }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
