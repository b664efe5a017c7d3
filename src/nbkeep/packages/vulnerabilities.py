"""Known vulnerabilities as they are kept here: loaded whole, in the place of what was there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select

from nbkeep.audit import events, journal
from nbkeep.model.errors import invalid
from nbkeep.store.package_tables import AdvisoryRow
from nbkeep.store.tables import MarkRow

from .advisories import read_advisory
from .records import touch_facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

_MARK = "package-advisories"
_AT_ONCE = 1000
_WHAT = "Load what https://osv.dev offers for PyPI: a zip or folder of JSON."


def load(tx: Tx, clock: Clock, actor: Actor, records: Iterable[object]) -> dict[str, Any]:
    """Put OSV records in the place of all that were there; return how many. Twice is safe.

    Raises `Refused` (400) for a record that is none, and when nothing in it is about PyPI: an empty set
    would let everything through.
    """
    actor.require("admin:profiles")
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number, record in enumerate(records, 1):
        try:
            affected = read_advisory(record)
        except (ValueError, TypeError) as error:
            raise invalid("advisories", f"Record {number} is not an OSV record: {error}.",
                          _WHAT) from error  # fmt: skip
        for one in affected:
            said = {"versions": one["versions"], "ranges": one["ranges"]}
            found.setdefault((one["name"][:200], one["id"]), []).append(said)
    if not found:
        raise invalid("advisories", "There is no advisory about a package of PyPI in it.",
                      _WHAT)  # fmt: skip
    tx.execute(delete(AdvisoryRow))
    rows = [{"name": name, "id": key, "said": said} for (name, key), said in found.items()]
    for at in range(0, len(rows), _AT_ONCE):
        tx.execute(insert(AdvisoryRow), rows[at : at + _AT_ONCE])
    advisories, packages = len({key for _, key in found}), len({name for name, _ in found})
    told = {"advisories": advisories, "packages": packages}
    tx.merge(MarkRow(name=_MARK, value=told, at=clock.now()))
    touch_facts(tx, clock)
    journal.append(tx, clock, actor, events.AdvisoriesLoaded(advisories=advisories, packages=packages))
    return status(tx, actor)


def status(tx: Tx, actor: Actor) -> dict[str, Any]:
    """Return how many advisories there are, and of when."""
    actor.require("profiles:read")
    mark = tx.get(MarkRow, _MARK)
    count = tx.scalar(select(func.count()).select_from(AdvisoryRow)) or 0
    if mark is None or not count:
        return {"advisories": 0, "packages": 0, "loaded_at": None}
    return {**mark.value, "loaded_at": mark.at.isoformat()}
