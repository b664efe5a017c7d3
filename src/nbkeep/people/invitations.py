"""Links that work once: the first password of an invited person, and a new one for who forgot it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor
from nbkeep.model.errors import Refused, not_found
from nbkeep.model.ids import new_id
from nbkeep.store.tables import InvitationRow, UserRow

from .passwords import hash_password
from .rules import check_password
from .signin import forget_failures

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

VALID_S = 72 * 3600
INVITE, RESET = "invite", "reset"


@dataclass(frozen=True)
class Link:
    """A fresh link: its kind, the secret of its address (kept nowhere), and until when it works."""

    user: str
    kind: str
    token: str
    expires_at: datetime
    id: str


def make_link(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    user: UserRow,
    valid_s: int = VALID_S,
    token_of: Callable[[str], str] | None = None,
) -> Link:
    """Make a person's link and end their older ones. For people without a password it is an invitation.

    `token_of`: makes the secret of the link's id, for who sends it by mail (`link_mail`); else it is chance.
    """
    now = clock.now()
    revoke_links(tx, clock, user)
    kind = RESET if user.password_hash else INVITE
    link_id = new_id("inv", now)
    token = token_of(link_id) if token_of is not None else secrets.token_urlsafe(32)  # 256 bits
    row = InvitationRow(
        id=link_id,
        user_id=user.id,
        kind=kind,
        token_hash=_hash(token),
        created_by=actor.id,
        created_at=now,
        expires_at=now + timedelta(seconds=valid_s),
    )
    tx.add(row)
    tx.flush()
    return Link(user.name, kind, token, row.expires_at, row.id)


def is_token_of(row: InvitationRow, token: str) -> bool:
    """Tell whether a token is that of a link."""
    return hmac.compare_digest(row.token_hash, _hash(token))


def make_reset_link(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    name: str,
    valid_s: int = VALID_S,
    token_of: Callable[[str], str] | None = None,
) -> Link:
    """Make a link that sets a new password. Needs `admin:users`; refused for disabled people."""
    actor.require("admin:users")
    user = tx.scalar(select(UserRow).where(UserRow.name == name))
    if user is None:
        raise not_found("user", name)
    if user.status == "disabled":
        raise Refused("user-disabled", f"{name} is disabled.",
                      f"Enable them first: `nbkeep user enable {name}`.", status=409)  # fmt: skip
    link = make_link(tx, clock, actor, user, valid_s, token_of)
    journal.append(tx, clock, actor, events.ResetLinkMade(
        user=name, expires_at=link.expires_at.isoformat(), by_mail=token_of is not None))  # fmt: skip
    return link


def revoke_links(tx: Tx, clock: Clock, user: UserRow) -> None:
    """End a person's open links. Twice is safe."""
    query = select(InvitationRow).where(
        InvitationRow.user_id == user.id, InvitationRow.used_at.is_(None), InvitationRow.revoked_at.is_(None)
    )
    for row in tx.scalars(query):
        row.revoked_at = clock.now()


def look(tx: Tx, clock: Clock, token: str) -> Link:
    """Return whose link this is and of which kind; raise `Refused` (410, 404) for one that does not work."""
    row, user = _open(tx, clock, token)
    return Link(user.name, row.kind, token, row.expires_at, row.id)


def accept(store: Store, clock: Clock, token: str, password: str, address: str = "") -> str:
    """Set the password that a link allows and return the person's name. The link then works no more.

    Raises `Refused` for a bad password (the link stays good) and for a link that is unknown, used, replaced
    or expired. Browser sessions from before end. Hashing happens outside the transaction: it is slow.
    """
    with store.read() as tx:
        row, user = _open(tx, clock, token)
        check_password(password, user.name, user.email)
    hashed = hash_password(password)
    with store.write() as tx:
        row, user = _open(tx, clock, token)  # anew: somebody else may have been faster
        now = clock.now()
        actor = Actor(user.id, user.name, frozenset(), via="browser", address=address)
        row.used_at = now
        user.password_hash = hashed
        user.sessions_valid_from = now
        forget_failures(tx, user)
        if user.status == "invited":
            user.status = "active"
            journal.append(tx, clock, actor, events.UserActivated(user=user.name))
        journal.append(tx, clock, actor, events.PasswordChanged(user=user.name, how=row.kind))
        return user.name


def _open(tx: Tx, clock: Clock, token: str) -> tuple[InvitationRow, UserRow]:
    row = tx.scalar(select(InvitationRow).where(InvitationRow.token_hash == _hash(token)))
    if row is None:
        raise Refused("link-unknown", "This link does not work.", _ASK, status=404)
    if row.used_at is not None:
        raise Refused("link-used", "This link was used already; each works once.",
                      "Sign in with the password that was set. If it was not you, tell an admin now.",
                      status=410)  # fmt: skip
    user = tx.get_one(UserRow, row.user_id)
    if row.revoked_at is not None or user.status == "disabled":
        raise Refused(
            "link-replaced", "This link was replaced by a newer one, or taken back.", _ASK, status=410
        )
    if row.expires_at <= clock.now():
        raise Refused("link-expired", "This link is too old.", _ASK, status=410)
    return row, user


_ASK = "Ask an admin for a new one (`nbkeep user reset-link NAME`)."


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
