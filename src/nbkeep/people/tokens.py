"""API tokens: made once, shown once, kept as a hash; never more powerful than their owner is now."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor, Role
from nbkeep.model.errors import Refused, Unavailable, not_found
from nbkeep.model.ids import new_id
from nbkeep.store.tables import ApiTokenRow, UserRow

from .rules import check_token, token_scopes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

PREFIX = "nbk_"
_SHOWN = 12  # characters of a token that stay visible to its owner
_SEEN_EVERY = timedelta(
    minutes=5
)  # how stale `last_used_at` may be: writing it each time would queue readers


def create_token(
    tx: Tx, clock: Clock, actor: Actor, name: str, scopes: Sequence[str], valid_s: int
) -> tuple[ApiTokenRow, str]:
    """Make a token of the actor's own and return its row and the token, which is shown this once.

    Raises `Refused` for scopes that the actor does not hold (a token cannot make a stronger one), or a
    lifetime out of bounds.
    """
    actor.require("self")
    owner = _owner(tx, actor)
    check_token(name, scopes, valid_s, actor.scopes)
    token = PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    row = ApiTokenRow(
        id=new_id("tok", now),
        user_id=owner.id,
        name=name.strip(),
        prefix=token[:_SHOWN],
        token_hash=_hash(token),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(seconds=valid_s),
    )
    tx.add(row)
    tx.flush()
    journal.append(tx, clock, actor, events.TokenCreated(
        user=owner.name, token_id=row.id, name=row.name, scopes=row.scopes,
        expires_at=row.expires_at.isoformat()))  # fmt: skip
    return row, token


def list_tokens(tx: Tx, clock: Clock, actor: Actor) -> list[ApiTokenRow]:
    """Return the actor's own tokens that still work, newest first."""
    actor.require("self")
    query = select(ApiTokenRow).where(
        ApiTokenRow.user_id == actor.id,
        ApiTokenRow.revoked_at.is_(None),
        ApiTokenRow.expires_at > clock.now(),
    )
    return list(tx.scalars(query.order_by(ApiTokenRow.id.desc())))


def revoke_token(tx: Tx, clock: Clock, actor: Actor, token_id: str) -> None:
    """End one of the actor's own tokens (an admin: anybody's). Raises `Refused` (404) for any other."""
    actor.require("self")
    row = tx.get(ApiTokenRow, token_id)
    if (
        row is None
        or row.revoked_at is not None
        or (row.user_id != actor.id and not actor.may("admin:users"))
    ):
        raise not_found("token", token_id)
    _revoke(tx, clock, actor, row, "")


def revoke_all(tx: Tx, clock: Clock, actor: Actor, user: UserRow, reason: str) -> None:
    """End all tokens of a person, as part of disabling them. Twice is safe."""
    query = select(ApiTokenRow).where(ApiTokenRow.user_id == user.id, ApiTokenRow.revoked_at.is_(None))
    for row in tx.scalars(query):
        _revoke(tx, clock, actor, row, reason)


def actor_of_token(store: Store, clock: Clock, token: str, address: str = "") -> Actor:
    """Return whom a token stands for, with no more scopes than its owner's role has at this moment.

    Raises `Refused` (401) alike for unknown, expired and revoked tokens and for owners who are not active.
    """
    now = clock.now()
    query = (
        select(ApiTokenRow, UserRow)
        .join(UserRow, UserRow.id == ApiTokenRow.user_id)
        .where(
            ApiTokenRow.token_hash == _hash(token),
            ApiTokenRow.revoked_at.is_(None),
            ApiTokenRow.expires_at > now,
            UserRow.status == "active",
        )
    )
    with store.read() as tx:
        found = tx.execute(query).one_or_none()
    if found is None:
        raise Refused("bad-token", "This token does not work: unknown, expired or revoked.",
                      "Make a new one in the portal, under your account.", status=401)  # fmt: skip
    row, owner = found[0], found[1]
    if row.last_used_at is None or now - row.last_used_at > _SEEN_EVERY:
        # A hint for its owner: that it cannot be written now is no reason to refuse the token.
        with contextlib.suppress(Unavailable), store.write() as tx:
            tx.get_one(ApiTokenRow, row.id).last_used_at = now
    scopes = token_scopes(row.scopes, Role(owner.role))
    return Actor(id=owner.id, name=owner.name, scopes=scopes, via="token", address=address)


def _owner(tx: Tx, actor: Actor) -> UserRow:
    owner = tx.get(UserRow, actor.id)
    if owner is None:
        raise Refused("no-account", f"{actor.name} is no person and has no tokens.",
                      "Sign in as a person to make one.", status=409)  # fmt: skip
    return owner


def _revoke(tx: Tx, clock: Clock, actor: Actor, row: ApiTokenRow, reason: str) -> None:
    row.revoked_at = clock.now()
    owner = tx.get_one(UserRow, row.user_id)
    journal.append(tx, clock, actor, events.TokenRevoked(
        user=owner.name, token_id=row.id, name=row.name, reason=reason))  # fmt: skip


def _hash(token: str) -> str:
    # A plain hash is enough for 256 random bits: there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()
