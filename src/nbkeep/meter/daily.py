"""The report of a day by mail: who used what, what it cost, what changed. Put in once per day and person."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.audit.spreadsheet import line
from nbkeep.model import mailing
from nbkeep.model.actor import ROLE_SCOPES, SYSTEM, Role
from nbkeep.model.days import Span, midnight, month_of
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.money import money_words, price_words
from nbkeep.outbox import rules
from nbkeep.outbox.compose import Content, File, Table, Unneeded
from nbkeep.outbox.put import put, server_row
from nbkeep.store.outbox_tables import MailServerRow
from nbkeep.store.tables import UserRow

from .report import MODELS, usage
from .values import ADMIN, FLAVOR, GPU, READ, SUSPENDED

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.interface import Parts
    from nbkeep.store.outbox_tables import MailRow

SEND = "admin:mail"
_MOST_DAYS = 7  # that are made up for, after an office that was away
_MOST_PEOPLE, _MOST_CHANGES = 50, 5
_WEEK = 7
_CSV_BYTES = 3 << 20


@dataclass
class Used:
    """What one person used."""

    hours: float = 0
    gpu_hours: float = 0
    storage: float = 0
    tokens: float = 0
    cost: int = 0
    flavors: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


def put_when_due(parts: Parts) -> int:
    """Put in the reports of days that have ended and were not reported; return how many messages.

    Invariant: that a day was reported is written in the transaction that puts its messages in. Twice is
    safe, also from two offices. Of a longer time away the last seven days are reported.
    """
    settings, now = parts.settings, parts.clock.now()
    if settings.mail is None or not settings.mail_report_to or now.hour < settings.mail_report_hour:
        return 0
    ended = now.date() - timedelta(days=1)
    with parts.store.read() as tx:
        row = tx.get(MailServerRow, 1)
        if row is not None and _reported(row, ended) == ended:
            return 0
    count = 0
    with parts.store.write() as tx:
        row = server_row(tx)
        for day in _missing(_reported(row, ended), ended):
            count += len(_put(tx, parts, day, f"report {day}"))
        row.reported_day = ended.isoformat()
    return count


def ask(tx: Tx, parts: Parts, actor: Actor, day: str) -> list[str]:
    """Put the report of a day in once more, to those of the settings; return to whom. Needs `admin:mail`.

    Raises `Refused`: 400 for a day that has not ended, 409 where mail or who gets reports is not set.
    """
    actor.require(SEND)
    settings = parts.settings
    if settings.mail is None:
        raise mailing.not_set_up()
    wanted = _day(parts, day)
    told = _put(tx, parts, wanted, None)
    if not told:
        raise Refused("no-recipients", "Nobody gets reports by mail.",
                      'Set mail_report_to = ["admins"] in config.toml.', status=409)  # fmt: skip
    journal.append(tx, parts.clock, actor, events.MailReportAsked(day=wanted.isoformat(), to=told))
    return told


def compose(tx: Tx, parts: Parts, row: MailRow) -> Content:
    """Return the report of a day, made anew; who may not see what others used any more does not get it."""
    if row.user_id is not None:
        user = tx.get_one(UserRow, row.user_id)
        if user.status != "active" or not _sees(Role(user.role)):
            raise Unneeded("they may not see what others used any more")
    day = date.fromisoformat(row.about["day"])
    currency, site = parts.settings.currency, parts.settings.public_url
    that, month = Span(day, day), Span(month_of(midnight(day)).first, day)
    before = Span(day - timedelta(days=_WEEK), day - timedelta(days=1))
    items, of_month = usage(tx, SYSTEM, that), usage(tx, SYSTEM, month)
    used, monthly, usual = _by_user(items), _by_user(of_month), _by_user(usage(tx, SYSTEM, before))
    total, total_month = sum(one.cost for one in used.values()), sum(one.cost for one in monthly.values())
    shown = sorted(used, key=lambda name: (-used[name].cost, name))
    spent, so_far = money_words(total, currency), money_words(total_month, currency)
    paragraphs = [f"On {day} (UTC) {_people(len(used))} used {spent}. The month so far: {so_far}."]
    if len(shown) > _MOST_PEOPLE:
        paragraphs.append(
            f"The {_MOST_PEOPLE} who used most are listed, of {len(shown)}; all are in the file."
        )
    csv = _csv(day, items, currency)
    if not csv:
        paragraphs.append(
            f"The whole is too long to be attached: nbkeep report daily --month {day:%Y-%m} --csv"
        )
    return Content(
        subject=f"[nbkeep] {day}: {money_words(total, currency)}, {_people(len(used))}",
        paragraphs=paragraphs,
        tables=_tables(used, monthly, usual, shown[:_MOST_PEOPLE], currency),
        link=f"{site}/portal/usage?by=day&month={day:%Y-%m}",
        link_words="See it in the portal",
        small="Sent by the setting mail_report_to. What ran over midnight is counted on each day its share.",
        file=File(f"nbkeep-{day}.csv", "csv", csv) if csv else None,
    )


def _reported(row: MailServerRow, ended: date) -> date | None:
    """Return the last day that was reported. One that has not ended was said by a clock that went ahead."""
    day = date.fromisoformat(row.reported_day) if row.reported_day else None
    return day if day is not None and day <= ended else None


def _missing(reported: date | None, ended: date) -> list[date]:
    first = ended if reported is None else reported + timedelta(days=1)
    first = max(first, ended - timedelta(days=_MOST_DAYS - 1))
    return [first + timedelta(days=number) for number in range((ended - first).days + 1)]


def _put(tx: Tx, parts: Parts, day: date, once: str | None) -> list[str]:
    told: list[str] = []
    about = {"day": day.isoformat()}
    for user_id, name, address in _recipients(tx, parts.settings.mail_report_to):
        put(tx, parts.clock, rules.REPORT, about, user_id=user_id, address=address,
            once=None if once is None else f"{once} {name}"[:120])  # fmt: skip
        told.append(name)
    return told


def _recipients(tx: Tx, wanted: tuple[str, ...]) -> list[tuple[str | None, str, str]]:
    """Return ids, names and addresses: of people only who may see what others used."""
    active = tx.scalars(select(UserRow).where(UserRow.status == "active").order_by(UserRow.name))
    people = [one for one in active if _sees(Role(one.role)) and mailing.can_be_sent_to(one.email)]
    admins = mailing.ADMINS in wanted
    found: list[tuple[str | None, str, str]] = [
        (one.id, one.name, "")
        for one in people
        if one.name in wanted or (admins and one.role == Role.ADMIN.value)
    ]
    return found + [(None, one, one) for one in dict.fromkeys(wanted) if "@" in one]


def _sees(role: Role) -> bool:
    return bool(ROLE_SCOPES[role] & {ADMIN, READ})


def _day(parts: Parts, text: str) -> date:
    ended = parts.clock.now().date() - timedelta(days=1)
    if not text:
        return ended
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise invalid("day", f"{text[:20]!r} is not a day.", "Write it like 2026-11-21.") from error
    if day > ended or day.year < 2000:
        raise invalid("day", f"{day} is no day that has ended (UTC).", "Give yesterday, or an earlier one.")
    return day


def _by_user(items: list[dict[str, Any]]) -> dict[str, Used]:
    found: defaultdict[str, Used] = defaultdict(Used)
    for one in items:
        person, resource, quantity = found[one["user"]], one["resource"], one["quantity"]
        person.cost += one["cost_microcents"]
        if resource.startswith(FLAVOR):
            person.hours += quantity
            person.flavors[resource.removeprefix(FLAVOR)] += quantity
        elif resource.startswith(GPU):
            person.gpu_hours += quantity
        elif resource == SUSPENDED:
            person.storage += quantity
        elif resource == MODELS:
            person.tokens += quantity
    return dict(found)


def _tables(
    used: dict[str, Used], monthly: dict[str, Used], usual: dict[str, Used], shown: list[str], currency: str
) -> list[Table]:
    tables: list[Table] = []
    if shown:
        people = [
            (name, f"{one.hours:,.2f}", f"{one.gpu_hours:,.2f}", f"{one.storage:,.2f}", f"{one.tokens:,.0f}",
             money_words(one.cost), money_words(monthly.get(name, Used()).cost))
            for name in shown
            for one in (used[name],)
        ]  # fmt: skip
        head = ("person", "hours", "GPU-hours", "GB-hours kept", "tokens", currency, f"month, {currency}")
        tables.append(Table("By person", head, people))
    flavors: defaultdict[str, list[float]] = defaultdict(list)
    for one in used.values():
        for flavor, hours in one.flavors.items():
            flavors[flavor].append(hours)
    if flavors:
        rows = [(name, f"{sum(hours):,.2f}", f"{len(hours)}") for name, hours in sorted(flavors.items())]
        tables.append(Table("By flavor", ("flavor", "hours", "people"), rows))
    if changes := _changes(used, usual):
        rows = [
            (name, money_words(now), money_words(mean), _signed(now - mean)) for name, now, mean in changes
        ]
        head = ("person", currency, "a day before", "change")
        tables.append(Table("Biggest changes against the mean of the seven days before", head, rows))
    return tables


def _changes(used: dict[str, Used], usual: dict[str, Used]) -> list[tuple[str, int, int]]:
    found = [
        (name, used.get(name, Used()).cost, usual.get(name, Used()).cost // _WEEK) for name in {*used, *usual}
    ]
    changed = [one for one in found if one[1] != one[2]]
    return sorted(changed, key=lambda one: (-abs(one[1] - one[2]), one[0]))[:_MOST_CHANGES]


def _signed(microcents: int) -> str:
    return f"{'-' if microcents < 0 else '+'}{money_words(abs(microcents))}"


def _csv(day: date, items: list[dict[str, Any]], currency: str) -> str:
    """Return the figures as CSV that no spreadsheet takes for formulas, or "" where they are too many."""
    lines = [line(("day", "user", "resource", "quantity", "unit", "cost", "currency"))]
    lines += [
        line((day.isoformat(), one["user"], one["resource"], one["quantity"], one["unit"],
              price_words(one["cost_microcents"]), currency))
        for one in items
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    return text if len(text.encode()) <= _CSV_BYTES else ""


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
