"""How uploads to hosts are treated: set, unset, listed, explained. One transaction each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.egress.leaving.places import Places, Treatment
from nbkeep.egress.parse import parse_host, parse_pattern
from nbkeep.model.errors import Refused, invalid, not_found
from nbkeep.store.upload_tables import UploadPlaceRow

from .values import ADMIN
from .view import require_read

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MOST = 2000  # gateways hold all of them
_LONGEST = 260
_EXAMPLES = (
    "Write a host like api.acme.local, all below one like *.acme.local, a network like 10.0.0.0/8, or *."
)
_WORDS = {
    Treatment.EXAMINED: "what is sent there is examined, where a policy for the gate upload asks for that",
    Treatment.TRUSTED: "what is sent there is not read",
    Treatment.CLOSED: "nothing is sent there: programs may only ask for something (GET, HEAD, OPTIONS)",
}


def set_place(tx: Tx, clock: Clock, actor: Actor, host: str, treatment: str) -> dict[str, Any]:
    """Set how uploads to a host are treated, and return it as `list_places` does.

    `host`: a name, `*.name`, an address, a network or `*`. Running sessions know within a second. Needs
    `admin:releases`. Twice is safe: nothing is recorded the second time. Raises `Refused` (400).
    """
    actor.require(ADMIN)
    host = _host(host)
    if treatment not in tuple(Treatment):
        raise invalid("treatment", f"{treatment[:60]!r} is no way to treat uploads.",
                      f"Say {', '.join(Treatment)}.")  # fmt: skip
    row = tx.get(UploadPlaceRow, host)
    before = row.treatment if row is not None else None
    if row is None:
        if (tx.scalar(select(func.count()).select_from(UploadPlaceRow)) or 0) >= MOST:
            raise invalid("host", f"There are {MOST} entries, the most that there can be.",
                          "Unset some, or write one for all below a name: *.acme.local.")  # fmt: skip
        row = UploadPlaceRow(host=host)
        tx.add(row)
    if before != treatment:
        row.treatment, row.set_at, row.set_by = treatment, clock.now(), actor.name
        tx.flush()
        journal.append(
            tx, clock, actor, events.UploadSet(host=host, treatment=treatment, before=before or "")
        )
    return _view(row)


def unset_place(tx: Tx, clock: Clock, actor: Actor, host: str) -> None:
    """Take away what is set for a host. Needs `admin:releases`. Raises `Refused` (404: nothing is set)."""
    actor.require(ADMIN)
    host = _host(host)
    row = tx.get(UploadPlaceRow, host)
    if row is None:
        raise not_found("upload", host[:60])
    before = row.treatment
    tx.delete(row)
    tx.flush()
    journal.append(tx, clock, actor, events.UploadUnset(host=host, treatment=before))


def list_places(tx: Tx, actor: Actor) -> list[dict[str, Any]]:
    """Return what is set, by host; for `admin:releases` and `audit:read`."""
    require_read(actor)
    return [_view(row) for row in _rows(tx)]


def explain_place(tx: Tx, actor: Actor, host: str) -> dict[str, Any]:
    """Return how uploads to a host are treated, and by which entry; raises `Refused` (400).

    An entry for a network counts for a name that leads there, too, which is known when it is looked up.
    """
    require_read(actor)
    try:
        plain = parse_host(host.strip())
    except Refused as error:
        raise invalid("host", error.message, error.remedy) from error
    said = Places((row.host, _treatment(row.treatment)) for row in _rows(tx))
    pattern, treatment = said.of(plain)
    return {"host": plain, "treatment": treatment.value, "by": pattern, "words": _WORDS[treatment]}


def told_places(tx: Tx) -> list[dict[str, str]]:
    """Return what gateways are told: a word that is not known is the strictest."""
    return [{"host": row.host, "treatment": _treatment(row.treatment).value} for row in _rows(tx)]


def _rows(tx: Tx) -> list[UploadPlaceRow]:
    return list(tx.scalars(select(UploadPlaceRow).order_by(UploadPlaceRow.host)))


def _treatment(word: str) -> Treatment:
    return Treatment(word) if word in tuple(Treatment) else Treatment.CLOSED


def _host(text: str) -> str:
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise invalid("host", "It names no host.", _EXAMPLES)
    try:
        return parse_pattern(text)
    except Refused as error:
        raise invalid("host", error.message, _EXAMPLES) from error


def _view(row: UploadPlaceRow) -> dict[str, Any]:
    treatment = _treatment(row.treatment)
    return {
        "host": row.host,
        "treatment": treatment.value,
        "words": _WORDS[treatment],
        "set_at": row.set_at.isoformat(),
        "set_by": row.set_by,
    }
