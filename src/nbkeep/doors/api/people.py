"""`/me`, `/users` and `/invitations`: accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.app import Office
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.model.units import parse_size_bytes
from nbkeep.people import invitations, records, users
from nbkeep.quotas.change import find_subject, set_quotas
from nbkeep.store.tables import UserRow

from .auth import ActorDep, OfficeDep, address_of
from .paging import CursorQuery, LimitQuery, Page

router = APIRouter(tags=["people"])
Size = Annotated[str | int, Field(examples=["20GiB"], description="Bytes, or as people write it")]


class UserView(BaseModel):
    """A person."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    email: str
    role: Role
    status: str = Field(description="invited, active or disabled")
    max_sessions: int
    home_size_bytes: int
    tour_done: bool
    created_at: datetime
    last_seen_at: datetime | None


class Me(BaseModel):
    """Who calls; `user` is null for the operator, who is no account."""

    name: str
    kind: str
    scopes: list[str]
    user: UserView | None


class Invite(BaseModel):
    """Whom to invite."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254, examples=["jane@acme.com"])
    name: str | None = Field(None, max_length=30, description="Login [default: from the e-mail address]")
    role: str = Role.USER.value
    max_sessions: int | None = Field(None, description="Sessions at the same time; 0 = may start none")
    home_size: Size | None = None
    quotas: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list[str], max_length=50, description="Such as gpu-a100=8h/day; needs `admin:quotas`"
    )


class LinkView(BaseModel):
    """A link that works once. It is shown this once and kept nowhere."""

    user: UserView
    link: str
    expires_at: datetime


class UserChange(BaseModel):
    """What to change; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    role: str | None = None
    status: str | None = Field(None, description="active or disabled")
    max_sessions: int | None = None
    home_size: Size | None = None
    reason: str = Field("", max_length=500, description="Why; the audit keeps it")


class PasswordChange(BaseModel):
    """One's own old and new password."""

    old: str = Field(max_length=4096)
    new: str = Field(max_length=4096)


class MyChange(BaseModel):
    """What one may change of one's own account."""

    model_config = ConfigDict(extra="forbid")

    tour_done: bool | None = None
    password: PasswordChange | None = None


class FirstPassword(BaseModel):
    """The password that a link sets."""

    password: str = Field(max_length=4096)


@router.get("/me", summary="Show who you are and what you may do")
def me(office: OfficeDep, actor: ActorDep) -> Me:
    """Return the caller's account and scopes."""
    with office.store.read() as tx:
        row = tx.get(UserRow, actor.id)
    view = UserView.model_validate(row) if row else None
    return Me(name=actor.name, kind=actor.kind, scopes=sorted(actor.scopes), user=view)


@router.patch("/me", summary="Change your own account")
def change_me(office: OfficeDep, actor: ActorDep, change: MyChange) -> Me:
    """Change the caller's password or what they have seen. A new password ends all browser sessions."""
    actor.require("self")
    if actor.kind != "user":
        raise Refused("no-account", f"{actor.name} is no person.", "Sign in as a person.", status=409)
    if change.password is not None:
        users.change_password(office.store, office.clock, actor, change.password.old, change.password.new)
    if change.tour_done is not None:
        with office.store.write() as tx:
            tx.get_one(UserRow, actor.id).tour_done = change.tour_done
    return me(office, actor)


@router.get("/users", summary="List people")
def list_users(
    office: OfficeDep,
    actor: ActorDep,
    text: Annotated[str, Query(max_length=100, description="Part of a name or an e-mail address")] = "",
    status: Annotated[str | None, Query(description="invited, active or disabled")] = None,
    role: str | None = None,
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[UserView]:
    """Return people by name. Needs `admin:users`."""
    with office.store.read() as tx:
        page = records.list_users(tx, actor, limit=limit, cursor=cursor, text=text, status=status, role=role)
    return Page(items=[UserView.model_validate(row) for row in page.rows], next=page.next)


@router.post("/users", status_code=201, summary="Invite a person")
def invite(office: OfficeDep, actor: ActorDep, wanted: Invite) -> LinkView:
    """Make an account and the link with which its owner sets a password. Needs `admin:users`."""
    settings = office.settings
    home = settings.default_home_size_bytes if wanted.home_size is None else _size(wanted.home_size)
    most = settings.default_max_sessions if wanted.max_sessions is None else wanted.max_sessions
    with office.store.write() as tx:
        user, link = users.invite(
            tx, office.clock, actor, wanted.email, name=wanted.name, role=wanted.role, max_sessions=most,
            home_size_bytes=home, valid_s=settings.invitation_valid_s,
        )  # fmt: skip
        if wanted.quotas:
            subject = find_subject(tx, user=user.name)
            set_quotas(tx, office.clock, actor, subject, wanted.quotas)
    return _link_view(office, user, link)


@router.post("/users/first-admin", summary="Make the link for the first admin")
def first_admin(office: OfficeDep, actor: ActorDep) -> LinkView:
    """Return a fresh link for the first admin; 409 once an admin has a password. For the operator."""
    settings = office.settings
    with office.store.write() as tx:
        made = users.invite_first_admin(tx, office.clock, actor, valid_s=settings.invitation_valid_s,
                                        home_size_bytes=settings.default_home_size_bytes)  # fmt: skip
    if made is None:
        raise Refused("admin-exists", "There is an admin already.", "Sign in at the portal.", status=409)
    return _link_view(office, *made)


@router.get("/users/{name}", summary="Show a person")
def show_user(office: OfficeDep, actor: ActorDep, name: str) -> UserView:
    """Return oneself, or anybody with `admin:users`."""
    with office.store.read() as tx:
        return UserView.model_validate(records.get_user(tx, actor, name))


@router.patch("/users/{name}", summary="Change a person's role, status or limits")
def change_user(office: OfficeDep, actor: ActorDep, name: str, change: UserChange) -> UserView:
    """Change what is given. Disabling ends tokens, browser sessions and, within seconds, sessions."""
    fields: dict[str, Any] = change.model_dump(exclude={"home_size"})
    if change.home_size is not None:
        fields["home_size_bytes"] = _size(change.home_size)
    with office.store.write() as tx:
        row = users.change_user(tx, office.clock, actor, name, **fields)
    return UserView.model_validate(row)


@router.post("/users/{name}/reset-link", summary="Make a link that sets a new password")
def reset_link(office: OfficeDep, actor: ActorDep, name: str) -> LinkView:
    """Return a link that works once; older ones end. Needs `admin:users`."""
    with office.store.write() as tx:
        link = invitations.make_reset_link(tx, office.clock, actor, name, office.settings.invitation_valid_s)
        user = records.get_user(tx, actor, name)
    return _link_view(office, user, link)


@router.post("/invitations/{token}/accept", summary="Set the password that a link allows")
def accept(office: OfficeDep, request: Request, token: str, first: FirstPassword) -> dict[str, str]:
    """Set a password; needs no other sign-in than the link itself. Returns the name to sign in with."""
    name = invitations.accept(office.store, office.clock, token, first.password, address_of(request))
    return {"name": name}


def link_url(office: Office, link: invitations.Link) -> str:
    """Return the address of the page that a link opens."""
    page = "join" if link.kind == invitations.INVITE else "reset"
    return f"{office.settings.public_url}/portal/{page}/{link.token}"


def _link_view(office: Office, user: UserRow, link: invitations.Link) -> LinkView:
    return LinkView(
        user=UserView.model_validate(user), link=link_url(office, link), expires_at=link.expires_at
    )


def _size(size: str | int) -> int:
    return parse_size_bytes(size, "home-size")
