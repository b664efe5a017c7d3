"""Budgets: what is used of them, whom they refuse, and when people are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.money import money_words
from nbkeep.model.session import LIVE
from nbkeep.store.model_tables import ModelBudgetRow, ModelProviderRow, ModelSpendingRow
from nbkeep.store.tables import SessionRow, UserRow

from .rules import day_after, month_of
from .values import EVERYONE, TOTAL, Used

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

_LIVE = frozenset(state.value for state in LIVE)


def list_budgets(tx: Tx) -> list[ModelBudgetRow]:
    """Return all budgets: in total, for everyone, for people by name."""
    rows = {row.scope: row for row in tx.scalars(select(ModelBudgetRow))}
    return [rows[one] for one in (TOTAL, EVERYONE, *sorted(rows.keys() - {TOTAL, EVERYONE})) if one in rows]


def used_by(tx: Tx, user_id: str, name: str, month: str) -> list[Used]:
    """Return what a person's month used of the budgets that hold for them: their own, and all people's."""
    spent = {row.scope: row.spent for row in _spending(tx, month, {user_id, TOTAL})}
    return _held(_by_scope(tx), spent, user_id, name)


def gateway_view(tx: Tx, clock: Clock, currency: str) -> dict[str, Any]:
    """Return what gateways are told: providers, and the standing of live sessions worth a warning or more."""
    found = tx.scalars(select(ModelProviderRow).order_by(ModelProviderRow.name))
    providers = [
        {"name": one.name, "kind": one.kind, "host": one.host, "port": one.port, "prefix": one.prefix}
        for one in found
    ]
    budgets = _by_scope(tx) if providers else {}
    if not budgets:
        return {"providers": providers, "standings": []}
    month = month_of(clock.now())
    spent = {row.scope: row.spent for row in _spending(tx, month)}
    people = select(SessionRow.id, UserRow.id, UserRow.name).join(UserRow, UserRow.id == SessionRow.user_id)
    standings: list[dict[str, Any]] = []
    for session_id, user_id, name in tx.execute(
        people.where(SessionRow.state.in_(_LIVE)).order_by(SessionRow.id)
    ):
        used = [one for one in _held(budgets, spent, user_id, name) if one.is_worth_a_warning]
        if used:
            standings.append(_standing(session_id, _worst(used), month, currency))
    return {"providers": providers, "standings": standings}


def tell_people(tx: Tx, clock: Clock, users: Mapping[str, str], month: str, currency: str) -> None:
    """Record once for each budget and month that it is nearly used, and that it is. `users`: names by id."""
    budgets = _by_scope(tx)
    rows = {row.scope: row for row in _spending(tx, month, {*users, TOTAL})}
    spent = {scope: row.spent for scope, row in rows.items()}
    for user_id, name in users.items():
        for used in _held(budgets, spent, user_id, name):
            row = rows[TOTAL if used.scope == TOTAL else user_id]
            version = f"{used.scope[:8]} {used.limit} {budgets[used.scope].changed_at.isoformat()}"
            said = {
                "scope": used.scope,
                "user": "" if used.scope == TOTAL else name,
                "month": month,
                "spent": money_words(used.spent),
                "budget": money_words(used.limit),
                "currency": currency,
            }
            if used.is_worth_a_warning and row.warned_of != version:
                row.warned_of = version
                journal.append(tx, clock, SYSTEM, events.ModelBudgetWarned(**said))
            if used.is_spent and row.ended_of != version:
                row.ended_of = version
                journal.append(tx, clock, SYSTEM, events.ModelBudgetSpent(**said))


def words_of(used: Used, month: str, currency: str) -> str:
    """Return how a budget stands as a sentence."""
    whose = "All people together have" if used.scope == TOTAL else "You have"
    left = "nothing is left" if used.is_spent else f"{used.percent} % of it"
    return (
        f"{whose} used {money_words(used.spent)} of {money_words(used.limit, currency)} "
        f"for models in {month}: {left}; a new month begins on {day_after(month)} (UTC)."
    )


def _standing(session_id: str, used: Used, month: str, currency: str) -> dict[str, Any]:
    for_whom = "--total" if used.scope == TOTAL else f"--user {used.scope.removeprefix('user:')}"
    if used.scope == EVERYONE:
        for_whom = "--everyone"
    return {
        "session_id": session_id,
        "percent": used.percent,
        "is_spent": used.is_spent,
        # Rounded to per cent, so that gateways are not told of every call.
        "header": f"{used.percent}%; of={money_words(used.limit)} {currency}; until={day_after(month)}",
        "message": f"the budget for models is spent: {words_of(used, month, currency)}"
        if used.is_spent
        else "",
        "remedy": f"Ask an admin for more: `nbkeep model budget set {for_whom} --month AMOUNT`.",
    }


def _worst(used: Iterable[Used]) -> Used:
    return max(used, key=lambda one: (one.is_spent, one.percent))


def _held(
    budgets: Mapping[str, ModelBudgetRow], spent: Mapping[str, int], user_id: str, name: str
) -> list[Used]:
    own = budgets.get(f"user:{name}") or budgets.get(EVERYONE)
    found = [Used(own.scope, own.limit, spent.get(user_id, 0))] if own else []
    if TOTAL in budgets:
        found.append(Used(TOTAL, budgets[TOTAL].limit, spent.get(TOTAL, 0)))
    return found


def _by_scope(tx: Tx) -> dict[str, ModelBudgetRow]:
    return {row.scope: row for row in tx.scalars(select(ModelBudgetRow))}


def _spending(tx: Tx, month: str, scopes: set[str] | None = None) -> list[ModelSpendingRow]:
    query = select(ModelSpendingRow).where(ModelSpendingRow.month == month)
    if scopes is not None:
        query = query.where(ModelSpendingRow.scope.in_(scopes))
    return list(tx.scalars(query))
