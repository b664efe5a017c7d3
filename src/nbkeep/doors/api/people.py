"""`/me`, `/users` and `/invitations`: accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.app import Office
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.model.units import parse_size_bytes
from nbkeep.outbox import manage
from nbkeep.people import invitations, link_mail, records, users
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
    mail_notices: str = Field(description="Which notices come by mail: `off`, `important`, `all`, `default`")


class Invite(BaseModel):
    """Whom to invite."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254, examples=["jane@acme.com"])
    name: str | None = Field(None, max_length=30, description="Login [default: from the e-mail address]")
    role: str = Role.USER.value
    max_sessions: int | None = Field(None, description="Sessions at the same time; 0 = may start none")
    home_size: Size | None = None
    by_mail: bool | None = Field(
        None, description="Send the link by mail and do not show it [default: if mail is set up]"
    )
    quotas: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list[str], max_length=50, description="Such as gpu-a100=8h/day; needs `admin:quotas`"
    )


class LinkView(BaseModel):
    """A link that works once. It is shown this once and kept nowhere; or sent by mail, and not shown."""

    user: UserView
    link: str | None = Field(description="null when it is sent by mail")
    mailed_to: str | None = Field(None, description="The address that it is sent to")
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
    mail_notices: Literal["off", "important", "all", "default"] | None = Field(
        None, description="Which notices come by mail; `default`: as the platform's settings say"
    )


class FirstPassword(BaseModel):
    """The password that a link sets."""

    password: str = Field(max_length=4096)


@router.get("/me", summary="Show who you are and what you may do")
def me(office: OfficeDep, actor: ActorDep) -> Me:
    """Return the caller's account and scopes."""
    with office.store.read() as tx:
        row = tx.get(UserRow, actor.id)
        chosen = manage.chosen(tx, actor) or "default"
    view = UserView.model_validate(row) if row else None
    return Me(name=actor.name, kind=actor.kind, scopes=sorted(actor.scopes), user=view, mail_notices=chosen)


@router.patch("/me", summary="Change your own account")
def change_me(office: OfficeDep, actor: ActorDep, change: MyChange) -> Me:
    """Change the caller's password or what they have seen. A new password ends all browser sessions."""
    actor.require("self")
    if actor.kind != "user":
        raise Refused("no-account", f"{actor.name} is no person.", "Sign in as a person.", status=409)
    if change.password is not None:
        users.change_password(office.store, office.clock, actor, change.password.old, change.password.new)
    if change.mail_notices is not None:
        with office.store.write() as tx:
            wanted = "" if change.mail_notices == "default" else change.mail_notices
            manage.choose(tx, office.clock, actor, wanted)
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
    """Make an account and the link with which its owner sets a password. Needs `admin:users`.

    Where mail is set up the link is sent, at least once, and shown to nobody; else it is returned.
    """
    actor.require("admin:users")
    settings = office.settings
    by_mail = link_mail.is_possible(settings) if wanted.by_mail is None else wanted.by_mail
    token_of = link_mail.token_maker(settings) if by_mail else None
    home = settings.default_home_size_bytes if wanted.home_size is None else _size(wanted.home_size)
    most = settings.default_max_sessions if wanted.max_sessions is None else wanted.max_sessions
    with office.store.write() as tx:
        user, link = users.invite(
            tx, office.clock, actor, wanted.email, name=wanted.name, role=wanted.role, max_sessions=most,
            home_size_bytes=home, valid_s=settings.invitation_valid_s, token_of=token_of,
        )  # fmt: skip
        if wanted.quotas:
            subject = find_subject(tx, user=user.name)
            set_quotas(tx, office.clock, actor, subject, wanted.quotas)
        if by_mail:
            link_mail.send(tx, office.clock, user, link)
    return _link_view(office, user, link, by_mail=by_mail)


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
def reset_link(
    office: OfficeDep,
    actor: ActorDep,
    name: str,
    *,
    by_mail: Annotated[bool, Query(description="Send it by mail, and do not show it")] = False,
) -> LinkView:
    """Return a link that works once, or send it; older ones end. Needs `admin:users`."""
    actor.require("admin:users")
    token_of = link_mail.token_maker(office.settings) if by_mail else None
    with office.store.write() as tx:
        link = invitations.make_reset_link(
            tx, office.clock, actor, name, office.settings.invitation_valid_s, token_of
        )
        user = records.get_user(tx, actor, name)
        if by_mail:
            link_mail.send(tx, office.clock, user, link)
    return _link_view(office, user, link, by_mail=by_mail)


@router.post("/invitations/{token}/accept", summary="Set the password that a link allows")
def accept(office: OfficeDep, request: Request, token: str, first: FirstPassword) -> dict[str, str]:
    """Set a password; needs no other sign-in than the link itself. Returns the name to sign in with."""
    name = invitations.accept(office.store, office.clock, token, first.password, address_of(request))
    return {"name": name}


def _link_view(office: Office, user: UserRow, link: invitations.Link, *, by_mail: bool = False) -> LinkView:
    return LinkView(
        user=UserView.model_validate(user),
        link=None if by_mail else link_mail.link_address(office.settings, link.kind, link.token),
        mailed_to=user.email if by_mail else None,
        expires_at=link.expires_at,
    )


def _size(size: str | int) -> int:
    return parse_size_bytes(size, "home-size")
