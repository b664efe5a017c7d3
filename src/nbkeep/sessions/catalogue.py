"""The catalogue as one session's JupyterLab shows it: what it may read and use now, and what was asked for.

It is asked with the session's token, so for its user alone, and with nothing of what an admin may do beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version
from sqlalchemy import select

from nbkeep.connections.records import SEE as SEE_CONNECTIONS
from nbkeep.connections.records import granted_to, list_connections
from nbkeep.data.class_rules import all_narrowings, narrowings_of
from nbkeep.data.reads import closed_sessions
from nbkeep.data.records import list_datasets, live_readers, source_of
from nbkeep.data.rules import access_to
from nbkeep.data.values import Reader
from nbkeep.grants.end import withdraw_grant
from nbkeep.grants.kinds import DATASET
from nbkeep.grants.records import live_datasets, situation_now
from nbkeep.grants.request import request_grant
from nbkeep.grants.rules import ASK
from nbkeep.grants.values import State
from nbkeep.grants.view import state_of
from nbkeep.model.actor import ROLE_SCOPES, Actor, Role
from nbkeep.model.errors import Refused, not_found
from nbkeep.model.verdict import Allow
from nbkeep.packages.advisories import affects
from nbkeep.packages.review import installs_of
from nbkeep.store.package_tables import AdvisoryRow
from nbkeep.store.tables import GrantRow, SecretRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Select

    from nbkeep.data.rules import Access
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.data_tables import DatasetRow
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

# All that is lent to a session of what its user may do: a page of it is no place to act as an admin from.
_LENT = frozenset({SEE_CONNECTIONS, ASK})
_MOST_PACKAGES = 200
_LIVE = frozenset({State.REQUESTED, State.GRANTED})
_MOST_GRANTS = 500  # newest first: what is older than that has no bearing on what is shown
_PACKAGE = ("name", "version", "outcome", "reason", "approved")


def catalogue(tx: Tx, clock: Clock, settings: Settings, row: SessionRow) -> dict[str, Any]:
    """Return datasets, connections and fetched packages, as they are for this session at this moment.

    Raises `Refused` (403) when the session's user may have no sessions any more.
    """
    actor, now = _asker(tx, row), clock.now()
    actor.require(SEE_CONNECTIONS)
    return {
        "now": now.isoformat(),
        "profile": row.profile_name,
        "longest_s": settings.grants_max_s,
        "datasets": _datasets(tx, settings, actor, row, now),
        "connections": _connections(tx, actor, row, now),
        "packages": _packages(tx, actor, row.id),
    }


def ask_for_dataset(
    tx: Tx, clock: Clock, settings: Settings, row: SessionRow, name: str, *, reason: str, duration: str
) -> None:
    """Ask for all of a dataset, for the session's user in sessions of its profile; see `request_grant`."""
    request_grant(tx, clock, settings, _asker(tx, row), name, kind=DATASET.name, reason=reason,
                  duration=duration, session_id=row.id)  # fmt: skip


def withdraw_dataset(tx: Tx, clock: Clock, row: SessionRow, name: str) -> None:
    """End what the session's user has asked for or was granted of a dataset, in sessions of its profile.

    Raises `Refused` (404) where there is nothing: also the second time. What runs in quarantine ends nothing.
    """
    if row.quarantine:
        raise Refused("in-quarantine", "Nothing of yours can be withdrawn in a session in quarantine.",
                      "Withdraw it in the portal: Access.")  # fmt: skip
    actor = _asker(tx, row)
    actor.require(ASK)
    now = clock.now()
    found = tx.scalars(_mine(row).where(GrantRow.subject == name, GrantRow.state.in_(_LIVE)))
    live = [one for one in found if state_of(one, now) in _LIVE]
    if not live:
        raise not_found("request", name[:60], "grant list")
    for one in live:
        withdraw_grant(tx, clock, actor, one.id)


def _asker(tx: Tx, row: SessionRow) -> Actor:
    """Return the session's user, by way of the session; without any scope where the account is not active."""
    user = tx.get_one(UserRow, row.user_id)
    scopes = ROLE_SCOPES[Role(user.role)] & _LENT if user.status == "active" else frozenset[str]()
    return Actor(id=user.id, name=user.name, scopes=scopes, kind="session", via="session")


def _mine(row: SessionRow) -> Select[GrantRow]:
    """Return what the session's user has asked for of datasets in sessions of its profile, newest first."""
    query = select(GrantRow).where(
        GrantRow.user_id == row.user_id,
        GrantRow.profile_name == row.profile_name,
        GrantRow.kind == DATASET.name,
    )
    return query.order_by(GrantRow.requested_at.desc(), GrantRow.id.desc())


def _revoked(tx: Tx) -> set[str]:
    """Return the ids of the secrets that have ended."""
    return set(tx.scalars(select(SecretRow.id).where(SecretRow.revoked_at.is_not(None))))


def _connections(tx: Tx, actor: Actor, row: SessionRow, now: datetime) -> list[dict[str, Any]]:
    """Return all connections by name; to which database one leads only where it is granted.

    As `_datasets`, it asks no more of the database for more of them: open panels ask again and again.
    """
    if row.quarantine:
        return []
    granted, revoked = granted_to(tx, actor.id, row.profile_name, now), _revoked(tx)
    return [
        {
            "name": one.name,
            "kind": one.kind,
            "local_port": one.local_port,
            "is_granted": one.name in granted,
            "database": one.database_name if one.kind == "postgres" and one.name in granted else None,
            "has_password": one.secret_id not in revoked if one.kind == "postgres" else None,
        }
        for one in list_connections(tx, actor)
    ]


def _datasets(
    tx: Tx, settings: Settings, actor: Actor, row: SessionRow, now: datetime
) -> list[dict[str, Any]]:
    rows = list_datasets(tx, actor)
    if not rows or row.quarantine:
        return []
    told = live_readers(tx, live_datasets(tx, now, row.user_id), row.id)
    reader = told.readers.get(row.id, Reader(""))
    situation = situation_now(tx, settings, row.profile_name, tx.get_one(UserRow, row.user_id))
    closing = all_narrowings(tx, settings)
    is_open = not closed_sessions(tx, settings, [row.id])
    mine = list(tx.scalars(_mine(row).limit(_MOST_GRANTS)))
    owners = {one.owner_id for one in rows}
    people = tx.execute(select(UserRow.id, UserRow.name).where(UserRow.id.in_(owners)))
    names = {one.id: one.name for one in people}
    revoked = _revoked(tx)
    found: list[dict[str, Any]] = []
    for one in rows:
        source = source_of(one)
        access = access_to(source, reader, now)
        until = reader.until(one.name) if access.level == "whole" else None
        may_ask = (
            actor.may(ASK)
            and access.level != "whole"
            and situation is not None
            and isinstance(DATASET.may_be_asked(situation, one.name), Allow)
        )
        found.append(
            _access(access, may_ask=may_ask)
            | {
                "name": one.name,
                "classification": one.classification,
                "purpose": one.purpose,
                "owner": names[one.owner_id],
                "address": source.address,
                "samples": one.samples,
                "has_keys": one.secret_id not in revoked,
                "until": until.isoformat() if until else None,
                "decider": "an admin" if one.owner_id == row.user_id else names[one.owner_id],
                "closes_internet": is_open
                and access.level != "none"
                and any(taken.closes_internet for taken in narrowings_of(one.classification, closing)),
                **_standing(one, mine, now),
            }
        )
    return found


def _access(access: Access, *, may_ask: bool) -> dict[str, Any]:
    # Where one may ask, JupyterLab has the button: what the command line would say is for who has none.
    remedy = "" if may_ask else access.remedy
    return {"level": access.level, "why": access.why, "remedy": remedy, "may_ask": may_ask}


def _standing(dataset: DatasetRow, mine: Iterable[GrantRow], now: datetime) -> dict[str, Any]:
    """Return what the user asked for and nobody decided, and else why the last request came to nothing."""
    of_it = [one for one in mine if one.subject == dataset.name and one.requested_at >= dataset.created_at]
    waiting = next((one for one in of_it if state_of(one, now) is State.REQUESTED), None)
    asked = None
    if waiting is not None:
        asked = {
            "at": waiting.requested_at.isoformat(),
            "wanted_s": waiting.wanted_s,
            "reason": waiting.reason,
        }
    last = of_it[0] if of_it else None
    answered = last is not None and state_of(last, now) in {State.DENIED, State.REVOKED}
    answer = (
        {"by": last.ended_by or last.decided_by or "", "said": last.answer} if last and answered else None
    )
    return {"asked": asked, "answer": answer}


def _packages(tx: Tx, actor: Actor, session_id: str) -> list[dict[str, Any]]:
    """Return what the session fetched and was refused, each version once, newest first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in installs_of(tx, actor, session_id, _MOST_PACKAGES):
        key = (one["name"], one["version"], one["outcome"], one["reason"])
        found.setdefault(key, {name: one[name] for name in _PACKAGE} | {"at": one["at"]})
    names = {name for name, *_ in found}
    query = select(AdvisoryRow).where(AdvisoryRow.name.in_(names)).order_by(AdvisoryRow.id)
    known: dict[str, list[dict[str, Any]]] = {}
    for row in tx.scalars(query) if names else ():
        known.setdefault(row.name, []).extend({"id": row.id, **said} for said in row.said)
    for one in found.values():
        one["vulnerabilities"] = _vulnerabilities(known.get(one["name"], []), one["version"])
    return list(found.values())


def _vulnerabilities(advisories: Iterable[dict[str, Any]], version: str) -> list[str]:
    try:
        read = Version(version)
    except InvalidVersion:  # a refusal may be about a whole project
        return []
    return sorted({str(one["id"]) for one in advisories if affects(one, read)})
