"""When mail is tried again, what is gathered into one message, who wants what. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model import mailing
from nbkeep.model.days import day_of

if TYPE_CHECKING:
    from datetime import datetime

LINK, NOTICES, REPORT = "link", "notices", "report"
WAITING, SENT, GIVEN_UP, UNNEEDED = "waiting", "sent", "given-up", "unneeded"
STATES = (WAITING, SENT, GIVEN_UP, UNNEEDED)

# Notices of so long come in one message; and after so many messages in a day (UTC), in one more the next day.
GATHERED = timedelta(minutes=3)
MOST_A_DAY = 20
MOST_NOTICES = 50  # in one message; of more their number is told
# Of the mail itself: told by mail they would be told for ever.
AWAY, UNDELIVERED = "mail-away", "mail-given-up"

# Longer than a message may take to be given to the server.
CLAIMED = timedelta(minutes=10)
TRIED = timedelta(days=3)
FEWEST_TRIES = 8  # also where the server was away for as long: some refuse everybody's first try
LONGEST_WAIT = timedelta(hours=25)  # longer than notices that are over the limit wait for the next day
AWAY_TOLD = timedelta(hours=1)
SENT_KEPT, GIVEN_UP_KEPT = timedelta(days=7), timedelta(days=90)
MOST_BYTES = 5 << 20
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60, 3600
_FIRST_AWAY_S, _LONGEST_AWAY_S = 5, 300


def wait(attempts: int) -> timedelta:
    """Return how long a message waits that the server has not taken so often.

    >>> [str(wait(count)) for count in (1, 2, 6, 7, 10_000)]
    ['0:01:00', '0:02:00', '0:32:00', '1:00:00', '1:00:00']
    """
    return timedelta(seconds=min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(max(attempts, 1) - 1, 30)))


def wait_for_server(failures: int) -> timedelta:
    """Return how long to leave a server alone that was not there so often in a row.

    >>> [str(wait_for_server(count)) for count in (1, 2, 6, 7, 10_000)]
    ['0:00:05', '0:00:10', '0:02:40', '0:05:00', '0:05:00']
    """
    return timedelta(seconds=min(_LONGEST_AWAY_S, _FIRST_AWAY_S * 2 ** min(max(failures, 1) - 1, 30)))


def is_wanted(choice: str, kind: str, *, routine: bool) -> bool:
    """Tell whether a notice of a kind goes by mail to who has chosen so."""
    if choice == mailing.OFF or kind in {AWAY, UNDELIVERED}:
        return False
    return choice == mailing.ALL or not routine


def send_from(now: datetime, sent_today: int) -> datetime:
    """Return when a message of notices that is begun now may be sent."""
    return now + GATHERED if sent_today < MOST_A_DAY else day_of(now).end + GATHERED


def is_due(at: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Tell whether a moment has come. One beyond any wait was set before the wall clock was put back."""
    return at is None or at <= now or at > now + longest


def one_line(text: str, most: int) -> str:
    r"""Return text without line breaks and controls, of at most so many characters.

    >>> one_line("a\r\nBcc: x", 40), one_line("abcdef", 4)
    ('a Bcc: x', 'abc…')
    """
    clean = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
