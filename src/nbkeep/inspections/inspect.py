"""Look into a document before its person opens it: copied by the node or uploaded, read in a jail."""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.foresight import wire
from nbkeep.foresight.job import foresee_in_jail
from nbkeep.model.errors import Refused, Unavailable, invalid
from nbkeep.model.ids import new_id
from nbkeep.releases.rules import read_path
from nbkeep.store.inspection_tables import InspectionRow
from nbkeep.store.tables import UserRow

from . import rules
from .records import KEEPING, documents_of, forget_ended

if TYPE_CHECKING:
    from collections.abc import Generator

    from nbkeep.foresight.values import Foreseen
    from nbkeep.model.actor import Actor
    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Tx

TIMEOUT_S = 60.0
AT_ONCE = 2  # each may take a processor for a minute, and two gigabytes of memory


class _Desk:
    """Who is being served: each person once, and not more than `AT_ONCE` in all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: set[str] = set()

    @contextmanager
    def place(self, user_id: str) -> Generator[None]:
        """Have a place, or raise `Unavailable`; never wait for one: threads that wait answer nobody."""
        with self._lock:
            if user_id in self._served or len(self._served) >= AT_ONCE:
                raise Unavailable(
                    "inspecting", "Another document is being looked into.", "Try again in a minute."
                )
            self._served.add(user_id)
        try:
            yield
        finally:
            with self._lock:
                self._served.discard(user_id)


_desk = _Desk()


def inspect_own_file(parts: Parts, actor: Actor, path: str) -> str:
    """Look into a file of the actor's own home; return the id of the inspection. Takes up to a minute.

    Raises `Refused`: 400 for what is no path, 404 for a file that is not there, 409 for one that cannot
    be copied; `Unavailable` where the node is away, or others are being served. Twice looks into it anew.
    """
    user = _person(parts, actor)
    path = read_path(path)
    with _desk.place(actor.id), _work(parts) as work:
        with (work / "document").open("wb") as into:
            parts.backend.copy_file(user, path, into, rules.MOST_BYTES)
        return _inspected(parts, actor, work, rules.read_name(path), path)


def inspect_upload(parts: Parts, actor: Actor, name: str, data: bytes) -> str:
    """Look into what somebody uploaded, called `name`; return the id. As `inspect_own_file` else."""
    _person(parts, actor)
    name = rules.read_name(name)
    if not data or len(data) > rules.MOST_BYTES:
        raise invalid("file", f"A file that is looked into has 1 byte to {rules.MOST_BYTES >> 20} MiB.",
                      "Clear large outputs, and upload it again.")  # fmt: skip
    with _desk.place(actor.id), _work(parts) as work:
        (work / "document").write_bytes(data)
        return _inspected(parts, actor, work, name, "")


def _person(parts: Parts, actor: Actor) -> str:
    """Return whose home it is; raise `Refused` for the operator, who has none."""
    actor.require(rules.SCOPE)
    with parts.store.read() as tx:
        user = tx.get(UserRow, actor.id)
    if user is None:
        raise Refused("not-a-person", "Documents are looked into for people, and the operator is none.",
                      "Sign in as yourself: `nbkeep login`; `nbkeep inspect FILE` needs nobody.")  # fmt: skip
    return user.name


@contextmanager
def _work(parts: Parts) -> Generator[Path]:
    """Have a folder for one document; what a killed office leaves there, the next one clears (releases)."""
    work = parts.settings.documents_dir / "work"
    try:
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise Unavailable("no-room", "The document could not be copied: the office's disk does not take it.",
                          "Try again later, and tell an admin.") from error  # fmt: skip


def _inspected(parts: Parts, actor: Actor, work: Path, name: str, path: str) -> str:
    source = work / "document"
    found, page = foresee_in_jail(source, name, work, timeout_s=TIMEOUT_S)
    documents, data = documents_of(parts.settings), source.read_bytes()
    with KEEPING:
        hashes = [documents.put(one) for one in ([data] if page is None else [data, page])]
        row = _row(parts, actor, found, (name, path), hashes, len(data))
        inspection_id = row.id
        with parts.store.write() as tx:
            _make_room(tx, actor.id)
            tx.add(row)
            event = events.DocumentInspected(
                inspection_id=inspection_id, user=actor.name, name=name, path=path, sha256=hashes[0],
                dangerous=found.count("dangerous"), notable=found.count("notable"), problem=found.problem,
            )  # fmt: skip
            journal.append(tx, parts.clock, actor, event)
    forget_ended(parts)
    return inspection_id


def _row(
    parts: Parts, actor: Actor, found: Foreseen, named: tuple[str, str], hashes: list[str], size_bytes: int
) -> InspectionRow:
    now = parts.clock.now()
    name, path = named
    return InspectionRow(
        id=new_id("ins", now), user_id=actor.id, name=name, path=path, sha256=hashes[0],
        size_bytes=size_bytes, page_sha256=hashes[1] if len(hashes) > 1 else "",
        result=wire.as_json(found), inspected_at=now,
        ends_at=now + rules.KEPT,
    )  # fmt: skip


def _make_room(tx: Tx, user_id: str) -> None:
    own = select(InspectionRow).where(InspectionRow.user_id == user_id)
    rows = tx.scalars(own.order_by(InspectionRow.inspected_at.desc(), InspectionRow.id.desc())).all()
    for row in rows[rules.MOST_KEPT - 1 :]:
        tx.delete(row)
