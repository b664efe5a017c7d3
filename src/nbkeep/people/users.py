"""People's accounts: invite, enable, disable, role, limits. Each change is one transaction and one record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.ids import new_id
from nbkeep.store.tables import UserRow
from nbkeep.vault import leases

from .invitations import VALID_S, Link, make_link, revoke_links
from .passwords import hash_password
from .records import find_user, get_user
from .rules import (
    NAME,
    NAME_LENGTH,
    check_email,
    check_max_sessions,
    check_password,
    check_role,
    name_from_email,
    numbered,
)
from .signin import confirm_password
from .tokens import revoke_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

_FIRST_UID_INDEX = 1


def invite(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    email: str,
    *,
    home_size_bytes: int,
    max_sessions: int = 3,
    name: str | None = None,
    role: str = Role.USER,
    valid_s: int = VALID_S,
    token_of: Callable[[str], str] | None = None,
) -> tuple[UserRow, Link]:
    """Make an account that waits for its first password, and the link that sets it. Needs `admin:users`.

    `token_of`: what `link_mail.token_maker` gave, for a link that is sent by mail in the same transaction.

    Raises `Refused` (409) when the address or the name is taken: an invitation is made anew by a reset link.
    """
    actor.require("admin:users")
    email, wanted_role = check_email(email), check_role(role)
    if tx.scalar(select(UserRow.id).where(UserRow.email == email)) is not None:
        raise Refused("email-taken", f"Somebody with the address {email} is here already.",
                      "Find them with `nbkeep user list`; `nbkeep user reset-link NAME` makes a new link.",
                      status=409)  # fmt: skip
    now = clock.now()
    user = UserRow(
        id=new_id("usr", now),
        name=_free_name(tx, email, name),
        email=email,
        role=wanted_role.value,
        status="invited",
        # Rows are never deleted, so an index is never given to a second person, who would own old files.
        uid_index=(tx.scalar(select(func.max(UserRow.uid_index))) or _FIRST_UID_INDEX - 1) + 1,
        max_sessions=check_max_sessions(max_sessions),
        home_size_bytes=home_size_bytes,
        tour_done=False,
        sessions_valid_from=now,
        created_at=now,
    )
    tx.add(user)
    tx.flush()
    link = make_link(tx, clock, actor, user, valid_s, token_of)
    journal.append(tx, clock, actor, events.UserInvited(
        user=user.name, email=email, role=user.role, expires_at=link.expires_at.isoformat(),
        by_mail=token_of is not None))  # fmt: skip
    return user, link


def invite_first_admin(
    tx: Tx, clock: Clock, actor: Actor, *, home_size_bytes: int, valid_s: int = VALID_S
) -> tuple[UserRow, Link] | None:
    """Return an admin account and a fresh link for it, or None once some admin has set a password.

    The operator calls it at each start: until somebody used the link, the newest one is the one that works.
    """
    actor.require("admin:users")
    admins = select(UserRow).where(UserRow.role == Role.ADMIN.value)
    if tx.scalar(admins.where(UserRow.password_hash.is_not(None)).limit(1)) is not None:
        return None
    waiting = tx.scalar(admins.where(UserRow.status == "invited").order_by(UserRow.uid_index).limit(1))
    if waiting is None:
        return invite(tx, clock, actor, "admin@localhost", home_size_bytes=home_size_bytes, role=Role.ADMIN,
                      valid_s=valid_s)  # fmt: skip
    link = make_link(tx, clock, actor, waiting, valid_s)
    journal.append(tx, clock, actor, events.ResetLinkMade(
        user=waiting.name, expires_at=link.expires_at.isoformat()))  # fmt: skip
    return waiting, link


def change_user(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    name: str,
    *,
    role: str | None = None,
    status: str | None = None,
    max_sessions: int | None = None,
    home_size_bytes: int | None = None,
    reason: str = "",
) -> UserRow:
    """Change what is given of somebody's account; the rest stays. Needs `admin:users`. Twice is safe.

    Raises `Refused` (409) for what would leave nobody to administer. Disabling ends tokens, links and browser
    sessions here; sessions end through `sessions`, whose loop stops those of people who are not active.
    """
    actor.require("admin:users")
    user = get_user(tx, actor, name)
    if role is not None:
        _set_role(tx, clock, actor, user, check_role(role), reason)
    _set_limits(tx, clock, actor, user, max_sessions, home_size_bytes)
    if status == "disabled":
        disable(tx, clock, actor, user, reason)
    elif status == "active":
        enable(tx, clock, actor, user, reason)
    elif status is not None:
        raise invalid("status", f"A person cannot be made {status!r}.", "Choose active or disabled.")
    return user


def change_password(store: Store, clock: Clock, actor: Actor, old: str, new: str) -> None:
    """Change one's own password. Raises `Refused` when the old one is wrong or the new one is bad.

    Browser sessions from before end, this one too. Hashing happens outside the transaction: it is slow.
    """
    actor.require("self")
    confirm_password(store, clock, actor, old)
    with store.read() as tx:
        user = tx.get_one(UserRow, actor.id)
    check_password(new, user.name, user.email)
    hashed = hash_password(new)
    with store.write() as tx:
        row = tx.get_one(UserRow, actor.id)
        row.password_hash, row.sessions_valid_from = hashed, clock.now()
        journal.append(tx, clock, actor, events.PasswordChanged(user=row.name, how="self"))


def _free_name(tx: Tx, email: str, wanted: str | None) -> str:
    if wanted is not None:
        if not NAME.fullmatch(wanted) or len(wanted) > NAME_LENGTH:
            raise invalid("name", f"{wanted!r} is not a login name.",
                          f"Up to {NAME_LENGTH} small letters, digits, hyphens; a letter first.")  # fmt: skip
        if find_user(tx, wanted) is not None:
            raise Refused("name-taken", f"The name {wanted!r} is taken.", "Choose another one.", status=409)
        return wanted
    base, number = name_from_email(email), 1
    while find_user(tx, numbered(base, number)) is not None:
        number += 1
    return numbered(base, number)


def _set_role(tx: Tx, clock: Clock, actor: Actor, user: UserRow, role: Role, reason: str) -> None:
    if role.value == user.role:
        return
    if user.role == Role.ADMIN.value:
        _require_another_admin(tx, user, "lose the role of admin")
    old, user.role = user.role, role.value
    journal.append(tx, clock, actor, events.UserRoleChanged(
        user=user.name, old=old, new=role.value, reason=reason))  # fmt: skip
    leases.renew_of_user(tx, clock, actor, user.id)


def _set_limits(
    tx: Tx, clock: Clock, actor: Actor, user: UserRow, max_sessions: int | None, home_size_bytes: int | None
) -> None:
    changes: dict[str, list[int]] = {}
    if max_sessions is not None and check_max_sessions(max_sessions) != user.max_sessions:
        changes["max_sessions"] = [user.max_sessions, max_sessions]
        user.max_sessions = max_sessions
    if home_size_bytes is not None and home_size_bytes != user.home_size_bytes:
        changes["home_size_bytes"] = [user.home_size_bytes, home_size_bytes]
        user.home_size_bytes = home_size_bytes
    if changes:
        journal.append(tx, clock, actor, events.UserLimitsChanged(user=user.name, changes=changes))


def disable(tx: Tx, clock: Clock, actor: Actor, user: UserRow, reason: str) -> None:
    """Shut somebody out; who may do so was decided before. Twice is safe.

    Raises `Refused` (409) for the last active admin.
    """
    if user.status == "disabled":
        return
    if user.role == Role.ADMIN.value and user.status == "active":
        _require_another_admin(tx, user, "be disabled")
    user.status, user.sessions_valid_from = "disabled", clock.now()
    revoke_links(tx, clock, user)
    revoke_all(tx, clock, actor, user, "user disabled")
    leases.end_of_user(tx, clock, actor, user.id)
    journal.append(tx, clock, actor, events.UserDisabled(user=user.name, reason=reason))


def enable(tx: Tx, clock: Clock, actor: Actor, user: UserRow, reason: str) -> None:
    """Let somebody in again; who may do so was decided before. Twice is safe.

    Raises `Refused` (409) while an incident shuts them out.
    """
    if user.held_by is not None:
        raise Refused("user-held", f"{user.name} is shut out by the incident {user.held_by}.",
                      f"Close it first: `nbkeep incident close {user.held_by}`.", status=409)  # fmt: skip
    if user.status != "disabled":
        return
    user.status = "active" if user.password_hash else "invited"
    journal.append(tx, clock, actor, events.UserEnabled(user=user.name, reason=reason))


def _require_another_admin(tx: Tx, user: UserRow, what: str) -> None:
    others = select(func.count()).where(
        UserRow.role == Role.ADMIN.value, UserRow.status == "active", UserRow.id != user.id
    )
    if user.status == "active" and not tx.scalar(others):
        raise Refused("last-admin", f"{user.name} is the last active admin and cannot {what}.",
                      "Make somebody else an admin first: `nbkeep user role NAME admin`.",
                      status=409)  # fmt: skip
