"""From values to pages: the template environment, its filters, and what every page is given."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from nbkeep.model.units import format_duration, format_size
from nbkeep.profiles import words
from nbkeep.pushes.records import waiting_for as pushes_waiting_for
from nbkeep.releases.records import waiting_for
from nbkeep.releases.rules import REVIEW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from nbkeep.app import Office

    from .browser import Browser

HERE = Path(__file__).parent
STATIC = HERE / "static"
# What `?done=` may say: sentences of ours only, so that a link cannot put words into our mouth.
_DONE = {
    "extended": "The countdown starts anew.",
    "password-changed": "Password changed. Other browsers are signed out.",
    "token-revoked": "The token works no more.",
    "secret-kept": "Kept. Nobody can read it back.",
    "secret-rotated": "Requests carry the new value from now on.",
    "secret-revoked": "Ended, and its value deleted. Have its service forget it, too.",
    "asked": "Asked. You are told here and in JupyterLab when somebody has decided.",
    "granted": "Granted. Their sessions have it within a second, and lose it by themselves.",
    "more-given": "Given. They are told, and can start and resume at once.",
    "denied": "Denied. They are told why.",
    "revoked": "Ended. What it alone allowed is cut.",
    "withdrawn": "Withdrawn.",
    "connection-removed": "Removed. What was open by it is cut.",
    "dataset-removed": "Taken out. What was being read of it is cut.",
    "joined": "Added. Their sessions may use what is granted to the project within a second.",
    "taken": "Taken out. What they had by the project alone has ended.",
    "left": "You have left. What you had by the project alone has ended.",
    "project-created": "Created. Add people, and grant secrets and connections to it.",
    "project-removed": "Removed, and what was granted to it with it.",
    "mail-tested": "The mail server has taken the test. Look whether it arrives.",
    "mail-report": "Yesterday's report is on its way.",
    "mail-retried": "It is tried again within seconds.",
    "mail-discarded": "Discarded.",
    "mail-chosen": "Saved: that is what comes to you by mail.",
    "acknowledged": "Noted, and closed. The audit has it.",
    "incident-opened": "Opened. What it ended is ended; the timeline says what is still to be done.",
    "incident-closed": "Closed. What comes back, and what does not, is below the timeline.",
    "release-asked": "Asked. It is copied and examined now; this page tells what becomes of it.",
    "release-approved": "Approved. Their author is told.",
    "release-sent-back": "Sent back. Their author is told, with what you wrote.",
    "push-approved": "Approved. Their author is told to push again.",
    "push-sent-back": "Sent back. Their author is told, with what you wrote.",
    "share-revoked": "Ended. Nobody is given the document any more.",
    "saved": "Saved.",
    "created": "Created. People see it at once.",
    "deleted": "Deleted. What runs goes on.",
    "applied": "Applied.",
    "evidence-asked": "Asked. The pack is made in the background, and appears below.",
}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
__all__ = ["STATIC", "fragment", "page", "sentence_time"]


def sentence_time(at: datetime, now: datetime) -> str:
    """Return a moment relative to now, as in a sentence.

    >>> from datetime import UTC, timedelta
    >>> now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    >>> sentence_time(now - timedelta(minutes=5), now), sentence_time(now + timedelta(minutes=200), now)
    ('5 min ago', 'in 3 h 20 min')
    """
    seconds = (at - now).total_seconds()
    if abs(seconds) < 5:  # nobody reads finer than that
        return "now"
    text = _span(abs(seconds))
    return f"in {text}" if seconds > 0 else f"{text} ago"


def _span(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{int(seconds)} s"
    if seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min"
    if seconds < _DAY_S:
        minutes = int(seconds % _HOUR_S // _MINUTE_S)
        return f"{int(seconds // _HOUR_S)} h" + (f" {minutes} min" if minutes else "")
    days = int(seconds // _DAY_S)
    return f"{days} day" + ("s" if days > 1 else "")


def _when(at: datetime | str | None, now: datetime, *, live: bool = False, for_: bool = False) -> Markup:
    """Return `<time>`: relative for the eye, exact UTC on demand.

    `live` ones tick in the browser; `for_` says "20 min" instead of "20 min ago".
    """
    if at is None:
        return Markup("never")
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    kind = Markup(" data-live") if live else ""
    kind += Markup(" data-for") if for_ else ""
    text = _span(max(0.0, (now - at).total_seconds())) if for_ else sentence_time(at, now)
    exact = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(at.isoformat(), exact, kind, text)


def _day(at: str) -> str:
    """Return the day of an ISO moment as people say it, such as `28 November`."""
    moment = datetime.fromisoformat(at)
    return f"{moment.day} {moment:%B}"


@cache
def _version(path: str) -> str:
    return sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def _static(path: str) -> str:
    return f"/portal/static/{path}?v={_version(path)}"


def _environment() -> Environment:
    # StrictUndefined: a page that forgot a value is a bug to be seen in tests, not a silent gap.
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names: dict[str, Any] = made.globals
    names.update(static=_static, when=_when, words=words)
    filters: dict[str, Any] = made.filters
    filters.update(day=_day, size=format_size, duration=words.duration_words, duration_input=format_duration)
    return made


_TEMPLATES = _environment()


def page(
    request: Request,
    template: str,
    values: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a page of the portal in its frame; `values` are the template's own."""
    return HTMLResponse(fragment(request, template, values), status_code=status, headers=headers)


def waiting_reviews(office: Office, browser: Browser | None) -> int:
    """Return how many documents wait for a review by who is signed in; 0 for who reviews nothing."""
    if browser is None or not browser.actor.may(REVIEW):
        return 0
    with office.store.read() as tx:
        return waiting_for(tx, browser.actor)


def waiting_pushes(office: Office, browser: Browser | None) -> int:
    """Return how many pushes wait for a review by who is signed in; 0 for who reviews nothing."""
    if browser is None or not browser.actor.may(REVIEW):
        return 0
    with office.store.read() as tx:
        return pushes_waiting_for(tx, browser.actor, office.clock.now())


def fragment(request: Request, template: str, values: Mapping[str, Any] | None = None) -> str:
    """Return the HTML of one template, such as a part that a live page swaps in."""
    browser: Browser | None = getattr(request.state, "browser", None)
    frame: dict[str, Any] = {
        "me": browser.actor if browser else None,
        "csrf": browser.csrf if browser else "",
        "path": request.url.path,
        "now": request.app.state.office.clock.now(),
        "to_review": lambda: waiting_reviews(request.app.state.office, browser),
        "to_review_pushes": lambda: waiting_pushes(request.app.state.office, browser),
        "flash": _DONE.get(request.query_params.get("done", ""), ""),
    }
    return _TEMPLATES.get_template(template).render(frame | dict(values or {}))
