"""Links by mail. Their token is in no database and no file: it is made of a key and of the link's id.

Each try to send it makes the same token again, so that a message which arrives twice has one link. Who has
the database alone has hashes; who has the key alone lacks the ids.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from typing import TYPE_CHECKING

from nbkeep.keyplace import KeyPlace
from nbkeep.model import mailing
from nbkeep.model.errors import Refused, invalid
from nbkeep.outbox import rules
from nbkeep.outbox.compose import CannotBeSent, Content, Unneeded
from nbkeep.outbox.put import put
from nbkeep.store.tables import InvitationRow, UserRow

from .invitations import INVITE, RESET, is_token_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.interface import Parts
    from nbkeep.store.outbox_tables import MailRow

    from .invitations import Link

_REMEDY = "Make a new link: `nbkeep user reset-link NAME --mail`."
_making = threading.Lock()


def is_possible(settings: Settings) -> bool:
    """Tell whether links can be sent by mail."""
    return settings.mail is not None


def token_maker(settings: Settings) -> Callable[[str], str]:
    """Return what makes the token of a link's id. Raises `Refused` (409) where mail is not set up.

    Made before the transaction: the key is made where there is none yet, and read.
    """
    if settings.mail is None:
        raise mailing.not_set_up()
    with _making:
        place = _place(settings)
        if place.may_be_made:
            place.add()
    keys = place.read()
    return lambda link_id: _token(keys[0], link_id)


def send(tx: Tx, clock: Clock, user: UserRow, link: Link) -> None:
    """Put the message with a person's link in the outbox. Raises `Refused` (400) for who has no address."""
    if not mailing.can_be_sent_to(user.email):
        raise invalid("email", f"No mail can be sent to {user.email[:80]!r}.",
                      "Have the link shown instead (`--print-link`), and send it another way.")  # fmt: skip
    put(tx, clock, rules.LINK, {"link": link.id}, user_id=user.id, once=f"link {link.id}")


def compose(tx: Tx, parts: Parts, row: MailRow) -> Content:
    """Return the message with a link, made anew; one that works no more is not sent."""
    link = tx.get(InvitationRow, row.about["link"])
    if link is None or link.revoked_at is not None:
        raise Unneeded("the link was replaced by a newer one, or taken back")
    if link.used_at is not None:
        raise Unneeded("the link was used already")
    if link.expires_at <= parts.clock.now():
        raise CannotBeSent("the link has expired meanwhile; make a new one")
    try:
        tokens = [_token(key, link.id) for key in _place(parts.settings).read()]
    except Refused as refusal:
        raise CannotBeSent(f"{refusal.message} {refusal.remedy}") from refusal
    token = next((one for one in tokens if is_token_of(link, one)), None)
    if token is None:
        raise CannotBeSent(f"the key that its link was made with is not there any more. {_REMEDY}")
    user = tx.get_one(UserRow, link.user_id)
    until = f"{link.expires_at:%Y-%m-%d %H:%M} UTC"
    site = parts.settings.public_url
    if link.kind == INVITE:
        subject, words = "[nbkeep] You are invited", "Set your password"
        first = f"You are invited to the notebooks at {site}. Your name there is {user.name}."
    else:
        subject, words = "[nbkeep] A new password", "Set a new password"
        first = f"An admin has made a link for {user.name} at {site}, with which you set a new password."
    return Content(
        subject=subject,
        paragraphs=[
            first,
            f"This link sets your password. It works once, until {until}, and is for you alone:",
        ],
        link=link_address(parts.settings, link.kind, token),
        link_words=words,
        small="If you did not expect this, delete it: nothing happens unless the link is opened.",
        is_secret=True,
    )


def link_address(settings: Settings, kind: str, token: str) -> str:
    """Return the address of the page that a link opens."""
    page = "reset" if kind == RESET else "join"
    return f"{settings.public_url}/portal/{page}/{token}"


def _token(key: str, link_id: str) -> str:
    # The id has 50 random bits, the key 256: the token cannot be made without the key.
    made = hmac.digest(key.encode(), b"nbkeep link by mail\x01" + link_id.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _place(settings: Settings) -> KeyPlace:
    file = settings.secrets_dir / "link-key"
    return KeyPlace(file, "link-key", "The key of links that are sent by mail", _REMEDY)
