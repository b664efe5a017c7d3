"""Ends the hub's sign-ins of one person: cookies, and the tokens by which servers know a browser.

The hub signs a person's cookies over one id, which never changes. Here that id names the moment from which
sign-ins count (`users.sessions_valid_from` of the office): a later moment makes another id, and every cookie
from before it opens nothing, also after a restart of the hub.
"""

# JupyterHub has no types: strictness ends at its edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jupyterhub import orm

_OWN_CLIENT = "jupyterhub"  # tokens that the hub gave to servers, not to browsers


def end_before(db: Any, user: Any, valid_from: str) -> bool:
    """End the sign-ins from before a moment (ISO 8601); return whether there may have been some.

    Twice is safe: the second time there is nothing to end.
    """
    since, _, _ = str(user.cookie_id).rpartition(" ")
    if since == valid_from:
        return False
    if not since and user.created.replace(tzinfo=UTC) >= datetime.fromisoformat(valid_from):
        return False  # the hub came to know this person later: their only sign-ins are newer
    end_all(db, user, valid_from)
    return True


def end_all(db: Any, user: Any, valid_from: str) -> None:
    """End all sign-ins of a person. Their servers keep the tokens that they have of their own."""
    user.cookie_id = f"{valid_from} {orm.new_token()}"
    browsers = (orm.APIToken.user_id == user.id, orm.APIToken.client_id != _OWN_CLIENT)
    for token in db.query(orm.APIToken).filter(*browsers):
        db.delete(token)
    for code in db.query(orm.OAuthCode).filter(orm.OAuthCode.user_id == user.id):
        db.delete(code)
    db.commit()
