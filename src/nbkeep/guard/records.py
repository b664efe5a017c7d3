"""What is set, read for a document: by its profile, the projects of its author, and its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.model.session import SessionState
from nbkeep.store.guard_tables import GatePolicyRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.tables import ProfileRow, SessionRow

from .rules import judge, read_decision, rules_of_downloads, strictest_of
from .values import EVERYWHERE, SENDING, Context, Policies, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from nbkeep.store.database import Tx

    from .values import Judgement

_GATES, _FOUND = tuple(Gate), tuple(Found)
OVER = (SessionState.STOPPED.value, SessionState.FAILED.value)


def context_of(tx: Tx, user_id: str, *, profile: str = "", classification: str = "") -> Context:
    """Return the context of a document of somebody: with all projects that they are in."""
    query = (
        select(ProjectRow.name)
        .join(ProjectMemberRow, ProjectMemberRow.project_id == ProjectRow.id)
        .where(ProjectMemberRow.user_id == user_id, ProjectRow.archived_at.is_(None))
        .order_by(ProjectRow.name)
    )
    return Context(profile, tuple(tx.scalars(query)), classification)


def policies_for(tx: Tx, context: Context) -> Policies:
    """Return all that bears on a context, as it is set now; with the field `downloads` of its profile.

    Rules of a deleted profile hold for what comes from it, until a new one has its name. Of a profile that
    there never was, nothing is downloaded or exported.
    """
    projects = _projects_by_id(tx, context.projects)
    wanted = or_(
        GatePolicyRow.kind.not_in(("profile", "project")),
        and_(GatePolicyRow.kind == "profile", GatePolicyRow.subject == context.profile),
        and_(GatePolicyRow.kind == "project", GatePolicyRow.subject.in_(list(projects))),
    )
    rules = [
        rule for row in tx.scalars(select(GatePolicyRow).where(wanted)) if (rule := _rule(row, projects))
    ]
    if context.profile:
        profile = tx.get(ProfileRow, context.profile)
        said = profile.downloads if profile is not None else Decision.DENY
        rules += rules_of_downloads(context.profile, said)
    return Policies(context, tuple(sorted(rules, key=_order)))


def rules_of_sending(tx: Tx) -> tuple[Rule, ...]:
    """Return all that is set for the gates `SENDING`, at all scopes; nothing where all of it may go."""
    query = select(GatePolicyRow).where(GatePolicyRow.gate.in_(SENDING))
    rows = tx.scalars(query).all()
    ids = [row.subject for row in rows if row.kind == "project"]
    names = select(ProjectRow.id, ProjectRow.name).where(
        ProjectRow.id.in_(ids), ProjectRow.archived_at.is_(None)
    )
    projects = {one.id: one.name for one in tx.execute(names)} if ids else {}
    return tuple(sorted((rule for row in rows if (rule := _rule(row, projects))), key=_order))


def contexts_of_homes(tx: Tx, classes: Mapping[str, str]) -> dict[str, tuple[Context, ...]]:
    """Return the contexts by which `judge_home` judges a file of somebody's home, for several people.

    `classes`: of their homes; by the people's ids, as what is returned.
    """
    users = list(classes)
    members = (
        select(ProjectMemberRow.user_id, ProjectRow.name)
        .join(ProjectRow, ProjectRow.id == ProjectMemberRow.project_id)
        .where(ProjectMemberRow.user_id.in_(users), ProjectRow.archived_at.is_(None))
        .order_by(ProjectRow.name)
    )
    projects: dict[str, list[str]] = {one: [] for one in users}
    for user_id, name in tx.execute(members):
        projects[user_id].append(name)
    profiles = _profiles_of_homes(tx, users)
    return {
        user_id: tuple(
            Context(profile, tuple(projects[user_id]), classification)
            for profile in sorted(profiles[user_id]) or ("",)
        )
        for user_id, classification in classes.items()
    }


def profiles_of(tx: Tx, user_id: str, asked: str = "") -> tuple[str, ...]:
    """Return the profiles whose rules hold for a file of a home; `("",)` where its owner never had a session.

    That of the session that asks, of the owner's latest one, and of all theirs that are not over: they have
    one home, and each of them may have written the file.
    """
    return tuple(sorted({asked, *_profiles_of_homes(tx, [user_id])[user_id]} - {""})) or ("",)


def _profiles_of_homes(tx: Tx, users: Collection[str]) -> dict[str, set[str]]:
    """Return whose rules hold for the homes of several people: of their latest session, and of all not over.

    Those in quarantine have homes of their own: they have written nothing here, and none of them takes the
    place of the latest.
    """
    own = and_(SessionRow.user_id.in_(users), SessionRow.quarantine.is_(False))
    newest = (
        select(SessionRow.user_id, func.max(SessionRow.requested_at).label("at"))
        .where(own)
        .group_by(SessionRow.user_id)
        .subquery()
    )
    is_newest = and_(SessionRow.user_id == newest.c.user_id, SessionRow.requested_at == newest.c.at)
    latest = select(SessionRow.user_id, SessionRow.profile_name).join(newest, is_newest).where(own)
    not_over = select(SessionRow.user_id, SessionRow.profile_name)
    not_over = not_over.where(own, SessionRow.state.not_in(OVER)).distinct()
    found: dict[str, set[str]] = {one: set() for one in users}
    for query in (latest, not_over):
        for user_id, profile in tx.execute(query):
            found[user_id].add(profile)
    return found


def judge_home(
    tx: Tx,
    user_id: str,
    gate: Gate,
    found: Collection[Found],
    *,
    profile: str = "",
    projects: Iterable[str] = (),
    classification: str = "",
) -> Judgement:
    """Return what happens now at a gate to a file of a home, by the strictest over `profiles_of`.

    `profile`: of the session that asks. `projects`: that count beside those that its owner is in now.
    """
    own = context_of(tx, user_id, classification=classification)
    in_projects = tuple(sorted({*own.projects, *projects}))
    contexts = [Context(one, in_projects, classification) for one in profiles_of(tx, user_id, profile)]
    return strictest_of([judge(policies_for(tx, context), gate, found) for context in contexts])


def told(of_gates: Mapping[Gate, Sequence[Policies]]) -> dict[str, Any]:
    """Return the rules for some gates as JSON, as a session's own server is told them; the strictest of each.

    `{"save": {"secret": {"decision": "allow", "scope": "default"}, "personal": …, "unread": …, "nothing": …},
    "download": {…}}`: for each gate and each `Found` what is decided, and by the rule of which scope
    (`everywhere`, `profile:NAME`, `project:NAME`, `class:NAME`, `downloads:NAME`, `default`). At save it is
    `allow` or `deny` alone. The strictest of what was found holds; who has no answer, or finds a word that it
    does not know, takes `deny`.
    """
    return {
        gate.value: {
            found.value: {"decision": because.decision.value, "scope": because.scope}
            for found in Found
            for because in strictest_of([judge(one, gate, [found]) for one in all_of]).because
        }
        for gate, all_of in of_gates.items()
    }


def _rule(row: GatePolicyRow, projects: dict[str, str]) -> Rule | None:
    """Return a row as a rule; None for a gate or a finding that this release does not know: none is asked."""
    if row.gate not in _GATES or row.found not in _FOUND:
        return None
    gate, found = Gate(row.gate), Found(row.found)
    return Rule(_scope(row, projects), gate, found, read_decision(row.decision, gate, found))


def _scope(row: GatePolicyRow, projects: dict[str, str]) -> str:
    if row.kind == EVERYWHERE:
        return EVERYWHERE
    return f"{row.kind}:{projects.get(row.subject, row.subject) if row.kind == 'project' else row.subject}"


def _projects_by_id(tx: Tx, names: Iterable[str]) -> dict[str, str]:
    query = select(ProjectRow.id, ProjectRow.name).where(
        ProjectRow.name.in_(list(names)), ProjectRow.archived_at.is_(None)
    )
    return {one.id: one.name for one in tx.execute(query)}


def _order(rule: Rule) -> tuple[str, str, str]:
    return rule.scope, rule.gate, rule.found
