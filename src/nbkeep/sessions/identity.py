"""A session's own identity: a random token that its trusted half holds; only the hash is kept here."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.model.actor import Actor
from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState
from nbkeep.store.tables import SessionRow, UserRow

if TYPE_CHECKING:
    from nbkeep.store.database import Tx

_PREFIX = "nbks_"


def issue_token(row: SessionRow) -> str:
    """Give the session a fresh token and return it; an earlier one stops working. Ends with the session."""
    token = _PREFIX + secrets.token_urlsafe(32)
    row.token_hash = _digest(token)
    return token


def session_of(tx: Tx, token: str) -> SessionRow:
    """Return the live session that holds a token; raise `Refused` (401) for any other string."""
    row = None
    if token.startswith(_PREFIX):
        row = tx.scalar(select(SessionRow).where(SessionRow.token_hash == _digest(token)))
    if row is None or not SessionState(row.state).is_live:
        raise Refused(
            "session-token-invalid",
            "This is not the token of a running session.",
            "It ended, or never was one.",
            status=401,
        )
    return row


def actor_of(tx: Tx, row: SessionRow) -> Actor:
    """Return whom a session's reports are recorded under: its user, by way of the session, without scopes."""
    user = tx.get_one(UserRow, row.user_id)
    return Actor(id=user.id, name=user.name, scopes=frozenset(), kind="session", via="session")


def _digest(token: str) -> str:
    # The token has 256 random bits: a plain hash is enough, no salt and no slow function needed.
    return hashlib.sha256(token.encode()).hexdigest()
