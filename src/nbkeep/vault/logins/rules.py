"""How long a made login counts, when it is renewed, and what of a Vault's answer is believed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

_SHORTEST_S, _LONGEST_S = 5, 400 * 86_400
_RENEW_AT = 2 / 3  # of its time
_RENEW_AGAIN_S = 5.0  # while the Vault does not answer
_LEAST_LEFT, _MOST_LEFT_S = 0.1, 30.0  # what must be left of it for a connection that begins
_FIRST_RETRY_S, _MOST_RETRY_S = 2.0, 60.0
_USER = re.compile(r"[\x21-\x7e]{1,63}")  # as PostgreSQL has names, without what could end one in a message
_PASSWORD = re.compile(r"[\x21-\x7e]{8,1024}")
_RECENT_S = 10.0  # what the Vault said so recently is not asked again
_HELD_S = 30.0  # until another one is made where it is not known whether one was
_LEASE = re.compile(r"[A-Za-z0-9._/-]{1,400}")


@dataclass(frozen=True)
class Made:
    """A login as a Vault gave it. `lasts_s`: for how long, unless it is renewed."""

    vault_lease: str
    user: str
    password: str = field(repr=False)
    lasts_s: int
    is_renewable: bool


def vault_lease_in(said: object, path: str) -> str | None:
    """Return the id by which what an answer tells of is revoked, None where it has none of that path."""
    found = cast("dict[str, Any]", said).get("lease_id") if isinstance(said, dict) else None
    if not isinstance(found, str) or not _LEASE.fullmatch(found) or not found.startswith(f"{path}/"):
        return None
    return None if ".." in found else found


def made(said: object, path: str) -> Made:
    """Return what a Vault made; raise `Refused` (409), without its words, for another answer."""
    lease = vault_lease_in(said, path)
    if lease is None:
        raise _strange("names no lease of this role")
    told = cast("dict[str, Any]", said)
    data = told.get("data")
    found = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    user, password = found.get("username"), found.get("password")
    if not isinstance(user, str) or not _USER.fullmatch(user):
        raise _strange("gives no user name of up to 63 visible characters")
    if not isinstance(password, str) or not _PASSWORD.fullmatch(password):
        raise _strange("gives no password of 8 or more visible characters")
    return Made(lease, user, password, lasting_s(told), told.get("renewable") is True)


def renewed_s(said: object, vault_lease: str) -> int:
    """Return for how long an answer says that this very lease lasts now; raise `Refused` (409) otherwise."""
    told = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    if told.get("lease_id") != vault_lease:
        raise _strange("is about another lease")
    return lasting_s(told)


def lasting_s(said: object) -> int:
    """Return for how long an answer says that a lease lasts; raise `Refused` (409) for what cannot be."""
    found = cast("dict[str, Any]", said).get("lease_duration") if isinstance(said, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= _LONGEST_S:
        raise _strange("does not say for how long it lasts")
    return found


def check_lasting(lasts_s: int) -> None:
    """Raise `Refused` (409) for a role whose logins end before anybody could use them."""
    if lasts_s < _SHORTEST_S:
        raise Refused("vault-role-too-short",
                      f"What Vault makes lasts {lasts_s} s, less than {_SHORTEST_S} s.",
                      "Set default_ttl of the role to an hour, or to what you need.", status=409)  # fmt: skip


def renew_at(now: datetime, lasts_s: float) -> datetime:
    """Return when a login is renewed that lasts that long from now."""
    return now + timedelta(seconds=lasts_s * _RENEW_AT)


def renew_again_at(now: datetime) -> datetime:
    """Return when it is tried again after the Vault did not answer."""
    return now + timedelta(seconds=_RENEW_AGAIN_S)


def is_fresh(now: datetime, ends_at: datetime, lasts_s: int) -> bool:
    """Tell whether enough is left of a login for a connection that begins now."""
    return ends_at - now > timedelta(seconds=min(_MOST_LEFT_S, lasts_s * _LEAST_LEFT))


def is_recent(now: datetime, asked_at: datetime) -> bool:
    """Tell whether what the Vault said of a login then still counts without asking it again."""
    return timedelta() <= now - asked_at < timedelta(seconds=_RECENT_S)


def held_until_s(now_s: float) -> float:
    """Return until when no other login is made for a lease whose last one may be there, unknown to nbkeep."""
    return now_s + _HELD_S


def is_whole(lasts_s: int, renewed_s: int) -> bool:
    """Tell whether a renewal gave as much as there was at first, so that another one is worth asking for."""
    return renewed_s >= lasts_s - 1


def try_again_at(now: datetime, tries: int) -> datetime:
    """Return when a revocation is tried again that failed that often."""
    return now + timedelta(seconds=min(_MOST_RETRY_S, _FIRST_RETRY_S * 2 ** min(tries - 1, 10)))


def _strange(what: str) -> Refused:
    return Refused("vault-strange", f"Vault's answer {what}, and is not used.",
                   "An admin looks at the role there: nbkeep uses roles of the database engine.",
                   status=409)  # fmt: skip
