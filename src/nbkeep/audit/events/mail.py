"""Events of mail. Single deliveries are none: what they tell of is on record itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class MailGivenUp(Event):
    """A message is not tried any more; `why` in words."""

    type: ClassVar[str] = "mail.given-up"
    mail_id: str
    kind: str
    to: str
    why: str


@dataclass(frozen=True, kw_only=True)
class MailRetried(Event):
    """An admin has a message tried again."""

    type: ClassVar[str] = "mail.retried"
    mail_id: str
    to: str


@dataclass(frozen=True, kw_only=True)
class MailDiscarded(Event):
    """An admin has a message forgotten; `state`: what it was in."""

    type: ClassVar[str] = "mail.discarded"
    mail_id: str
    kind: str
    to: str
    state: str


@dataclass(frozen=True, kw_only=True)
class MailTested(Event):
    """An admin had a test sent to an address."""

    type: ClassVar[str] = "mail.tested"
    to: str


@dataclass(frozen=True, kw_only=True)
class MailReportAsked(Event):
    """An admin had the report of a day sent once more."""

    type: ClassVar[str] = "mail.report-asked"
    day: str
    to: list[str]


@dataclass(frozen=True, kw_only=True)
class MailNoticesChosen(Event):
    """Somebody chose which notices come by mail to themselves; `default`: as the settings say."""

    type: ClassVar[str] = "mail.notices-chosen"
    notices: str
