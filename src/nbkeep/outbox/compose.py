"""Messages as they are sent: text and simple HTML of the same, both without anything from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import select

from nbkeep.model import mailing
from nbkeep.store.tables import NoticeRow

from .rules import MOST_BYTES, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.interface import Parts
    from nbkeep.store.outbox_tables import MailRow

_SUBJECT = 120
# Pure ASCII on the way: no server needs to take anything newer.
_POLICY = SMTP.clone(cte_type="7bit", raise_on_defect=True)


class Unneeded(Exception):
    """There is nothing to send any more; its text says why."""


class CannotBeSent(Exception):
    """It can never be sent; its text says why."""


@dataclass(frozen=True)
class Table:
    """Figures by name: the first column is text, the others are figures as they are to be read."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class File:
    """What is attached, as text."""

    name: str
    kind: str  # such as csv
    text: str


@dataclass(frozen=True)
class Content:
    """What a message says. `is_secret`: it has a link that works once, so no answer of a server is kept."""

    subject: str
    paragraphs: Sequence[str]
    tables: Sequence[Table] = ()
    link: str = ""
    link_words: str = ""
    small: str = ""
    file: File | None = None
    is_secret: bool = False


Composer: TypeAlias = "Callable[[Tx, Parts, MailRow], Content]"
Composers: TypeAlias = "Mapping[str, Composer]"


def message(settings: Settings, row_id: str, at: datetime, address: str, content: Content) -> bytes:
    """Return a message as it goes to the server. Its Message-ID and date are the same at each try.

    Raises `CannotBeSent` for an address that cannot be written in a header, and for what is too large.
    """
    if not mailing.can_be_sent_to(address):
        raise CannotBeSent("the address cannot be sent to")
    made = EmailMessage(_POLICY)
    try:
        made["From"] = Address("nbkeep", addr_spec=settings.mail_from)
        made["To"] = Address(addr_spec=address)
        made["Subject"] = one_line(content.subject, _SUBJECT)
        made["Date"] = format_datetime(at)
        made["Message-ID"] = f"<{row_id}@{settings.mail_from.rpartition('@')[2]}>"
        # RFC 3834: no out-of-office note is sent back to it.
        made["Auto-Submitted"] = "auto-generated"
        made["X-Auto-Response-Suppress"] = "All"
        made.set_content(_text(content))
        made.add_alternative(_html(content), subtype="html")
        if content.file is not None:
            made.add_attachment(content.file.text, subtype=content.file.kind, filename=content.file.name)
        whole = made.as_bytes()
    except (MessageError, ValueError) as error:
        raise CannotBeSent("it cannot be written as mail") from error
    if len(whole) > MOST_BYTES:
        raise CannotBeSent(f"it has {len(whole)} bytes, more than the {MOST_BYTES} there may be")
    return whole


def notices(tx: Tx, parts: Parts, row: MailRow) -> Content:
    """Return the notices that a message was gathered of; who has put them all away needs it no more."""
    query = select(NoticeRow).where(NoticeRow.id.in_(row.about["notices"]), NoticeRow.dismissed_at.is_(None))
    found = list(tx.scalars(query.order_by(NoticeRow.at, NoticeRow.id)))
    more = int(row.about["more"])
    if not found:
        raise Unneeded("they were seen in the portal meanwhile")
    lines = [one_line(one.text, 1000) for one in found]
    if len(found) == 1 and not more:
        subject = lines[0]
    else:
        subject = f"{len(found) + more} notices"
        lines = [f"{one.at:%Y-%m-%d %H:%M} UTC: {line}" for one, line in zip(found, lines, strict=True)]
    if more:
        lines.append(f"And {more} more: see the portal.")
    url = parts.settings.public_url
    return Content(
        subject=f"[nbkeep] {subject}",
        paragraphs=lines,
        link=f"{url}/portal/",
        link_words="To the portal",
        small=f"Choose which notices come by mail: {url}/portal/account#mail",
    )


def trial(settings: Settings) -> Content:
    """Return the message with which an admin tries whether mail arrives."""
    return Content(
        subject="[nbkeep] Mail works",
        paragraphs=[
            f"This is a test of the notebooks at {settings.public_url}. Mail from there arrives here."
        ],
    )


def _text(content: Content) -> str:
    parts = list(content.paragraphs)
    if content.link:
        parts.append(content.link)
    parts += [_text_table(one) for one in content.tables]
    if content.small:
        parts.append(f"-- \n{content.small}")
    return "\n\n".join(parts) + "\n"


def _text_table(table: Table) -> str:
    rows = [list(table.head), *[list(one) for one in table.rows]]
    widths = [max(len(one[at]) for one in rows) for at in range(len(table.head))]
    lines = ["  ".join(cell.rjust(width) if at else cell.ljust(width)
                       for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
             for row in rows]  # fmt: skip
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([table.title, "", *lines])


_FONT = "font-family:system-ui,-apple-system,'Segoe UI',sans-serif"
_CELL = "padding:4px 12px 4px 0;border-bottom:1px solid #c8ccd4"


def _html(content: Content) -> str:
    parts = [f"<p>{escape(one)}</p>" for one in content.paragraphs]
    if content.link:
        parts.append(f'<p><a href="{escape(content.link)}">{escape(content.link_words)}</a></p>')
    parts += [_html_table(one) for one in content.tables]
    if content.small:
        parts.append(f'<p style="font-size:13px;color:#5b6270">{escape(content.small)}</p>')
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"></head>'
        f'<body style="{_FONT};font-size:15px;line-height:1.5">\n{body}\n</body></html>\n'
    )


def _html_table(table: Table) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} style="{_CELL};text-align:{"right" if at else "left"}">{escape(cell)}</{tag}>'
            for at, cell in enumerate(row)
        )

    rows = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    head = f"<tr>{cells(table.head, 'th')}</tr>"
    return (
        f'<h2 style="font-size:16px">{escape(table.title)}</h2>\n'
        '<table style="border-collapse:collapse;font-size:14px">'
        f"<thead>{head}</thead><tbody>{rows}</tbody></table>"
    )
