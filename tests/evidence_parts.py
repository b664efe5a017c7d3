"""What tests of evidence share: an office with things on record, and packs of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep.audit import events, journal
from nbkeep.doors.worker.evidence import EvidenceBuilder
from nbkeep.evidence import packs
from nbkeep.model.actor import OPERATOR, Actor
from office_parts import OfficeForTests

if TYPE_CHECKING:
    from nbkeep.audit.events import Event

NIST = "nist-csf-2.0"


def record(office: OfficeForTests, event: Event, actor: Actor = OPERATOR) -> int:
    """Put one event on record."""
    with office.store.write() as tx:
        return journal.append(tx, office.clock, actor, event)


def some_records(office: OfficeForTests) -> None:
    """Put a little of several kinds on record."""
    for name in ("jane", "omar", "anna"):
        record(office, events.SignInSucceeded(user=name))
    record(office, events.SignInFailed(user="", reason="unknown-name"))
    record(office, events.UserRoleChanged(user="jane", old="notebook.user", new="notebook.admin"))


def ask(office: OfficeForTests, name: str = NIST, first: str = "2026-01-01", last: str = "2026-01-31") -> str:
    """Ask for a pack as the operator; return its id."""
    with office.store.write() as tx:
        return packs.request(tx, office.clock, OPERATOR, name=name, first=first, last=last).id


def work(office: OfficeForTests) -> None:
    """Let the background make what waits."""
    builder = EvidenceBuilder(office)
    builder.round()
    builder.wait(60)


def made(
    office: OfficeForTests, name: str = NIST, first: str = "2026-01-01", last: str = "2026-01-31"
) -> Path:
    """Return the file of a pack that was asked for and made."""
    id_ = ask(office, name, first, last)
    work(office)
    seen = shown(office, id_)
    assert seen["state"] == "ready", seen
    return packs.path_of(office.settings, id_)


def shown(office: OfficeForTests, id_: str) -> dict[str, Any]:
    """Return a pack as doors show it."""
    with office.store.read() as tx:
        return packs.view(packs.pack(tx, OPERATOR, id_))
