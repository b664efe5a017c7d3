"""Steps that tests of releases repeat; and what makes documents in them, in this process and without a jail."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit.search import Wanted as Sought
from nbkeep.audit.search import search
from nbkeep.doors.worker.releases import ReleaseExaminer
from nbkeep.guard.change import scope_from, set_policy
from nbkeep.model.actor import OPERATOR
from nbkeep.outbox.notices import list_notices
from nbkeep.releases.decide import approve_release
from nbkeep.releases.let_out import hash_of
from nbkeep.releases.request import request_release
from nbkeep.releases.values import IN_WORK, PLAIN, REDACTED, Wanted
from nbkeep.rendering.interface import Made, Order, Page
from nbkeep.rendering.kept import Documents
from nbkeep.rendering.preview import preview
from nbkeep.rendering.redact import redact
from nbkeep.scanning.detect import standard
from nbkeep.scanning.scan import examine
from nbkeep.scanning.spans import Look
from nbkeep.store.release_tables import ReleaseRow
from scan_parts import KEY

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.releases.interface import Make
    from office_parts import OfficeForTests

PATH = "work/churn.ipynb"


def notebook(*sources: str) -> bytes:
    """Return a notebook with these cells of code."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None}
        for number, source in enumerate(sources)
    ]  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


CLEAN = notebook("1 + 1")
LEAKY = notebook("1 + 1", f'token = "{KEY}"')


def make(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
    """Do what `rendering.job.make` does, in this process: the real scan, redaction and preview."""
    del timeout_s  # nothing here takes time
    data, look = source.read_bytes(), Look(standard())
    result = examine(data, order.path, look)
    made = Made(findings=result.findings, not_read=result.not_read)
    name = Path(order.path).name
    made.plain = page(into, "plain", data, name)
    redacted = redact(data, order.path, look)
    if redacted.data is None:
        made.not_redacted = redacted.why
    else:
        made.redacted = page(into, "redacted", redacted.data, name)
    made.preview = page(into, "preview", preview(data, order.path, look), "preview.html")
    return made


def page(into: Path, what: str, data: bytes, name: str) -> Page:
    """Put something made into its file."""
    file = into / what
    file.write_bytes(data)
    return Page(file, "application/x-ipynb+json", name, len(data), hashlib.sha256(data).hexdigest())


def ask(office: OfficeForTests, actor: Actor, data: bytes | None = CLEAN, **changes: Any) -> str:
    """Ask to let a file leave that holds this; return the release's id. Without bytes there is no such file."""
    wanted = replace(Wanted(PATH, "export", reason="for the board"), **changes)
    if data is not None:
        office.backend.held[actor.name, wanted.path] = data
    with office.store.write() as tx:
        return request_release(tx, office.clock, office.settings, actor, wanted).id


def run(office: OfficeForTests, by: Make = make, examiner: ReleaseExaminer | None = None) -> ReleaseExaminer:
    """Let the loop do what there is to do; what it puts off stays."""
    loop = examiner or ReleaseExaminer(office, by)
    for _ in range(8):
        loop.round()
        loop.wait(30)
        with office.store.read() as tx:
            if tx.scalar(select(ReleaseRow.id).where(ReleaseRow.state.in_(IN_WORK)).limit(1)) is None:
                break
    return loop


def asked(office: OfficeForTests, actor: Actor, data: bytes = CLEAN, **changes: Any) -> str:
    """Ask, and have it examined."""
    release_id = ask(office, actor, data, **changes)
    run(office)
    return release_id


def row(office: OfficeForTests, release_id: str) -> ReleaseRow:
    """Return a release as it is on record."""
    with office.store.read() as tx:
        return tx.get_one(ReleaseRow, release_id)


def approve(office: OfficeForTests, actor: Actor, release_id: str, *, redacted: bool = False) -> ReleaseRow:
    """Approve what is there now."""
    sha256 = hash_of(row(office, release_id), REDACTED if redacted else PLAIN)
    with office.store.write() as tx:
        return approve_release(
            tx, office.clock, office.settings, actor, release_id, sha256=sha256, redacted=redacted
        )


def policy(office: OfficeForTests, admin: Actor, gate: str, scope: str = "everywhere", **wanted: str) -> None:
    """Set what is decided at a gate, by what was found."""
    with office.store.write() as tx:
        set_policy(tx, office.clock, admin, scope_from(tx, scope), [gate], wanted)


def events_of(office: OfficeForTests, release_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the records of a release with their data, oldest first."""
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Sought(type="release"), limit=1000).records
    told = [(one["type"], one["data"]) for one in found if one["data"]["release_id"] == release_id]
    return told[::-1]


def told(office: OfficeForTests, actor: Actor) -> list[str]:
    """Return what somebody is told now."""
    with office.store.read() as tx:
        return [one.text for one in list_notices(tx, actor)]


def documents(office: OfficeForTests) -> Documents:
    """Return where the office keeps documents."""
    return Documents(office.settings.documents_dir)
