"""Every fact that controls may point at; docs/reference/evidence.md has them all (a test asks for it).

Those of the journal are counted in one walk over it, see `walk.py`; the others look at tables and settings.
"""

from __future__ import annotations

from typing import Any

from . import looks
from .values import Fact, Looked, Recorded

_LIMITS = frozenset({"idle", "max-session", "approval"})


def _by_somebody_else(record: dict[str, Any]) -> bool:
    return bool(record["actor"]["name"] != record["data"].get("user"))


def _by_a_limit(record: dict[str, Any]) -> bool:
    return record["data"].get("reason") in _LIMITS


def _froze(record: dict[str, Any]) -> bool:
    return record["data"].get("step") == "freeze"


_JOURNAL = (
    Recorded("records", "Records in the journal, their hash chain checked", ()),
    Recorded("sign-ins", "Sign-ins with name and password", ("signin.succeeded",)),
    Recorded(
        "sign-ins-refused", "Sign-ins that were refused or locked out", ("signin.failed", "signin.locked")
    ),
    Recorded(
        "people-admitted", "People invited, and invitations taken up", ("user.invited", "user.activated")
    ),
    Recorded("people-disabled", "People shut out, or let in again", ("user.disabled", "user.enabled")),
    Recorded("role-changes", "Changes of people's roles", ("user.role-changed",)),
    Recorded(
        "passwords", "Passwords set, and reset links made", ("user.password-changed", "user.reset-link-made")
    ),
    Recorded("tokens-made", "API tokens made", ("token.created",)),
    Recorded("tokens-ended", "API tokens ended before their time", ("token.revoked",)),
    Recorded(
        "sessions-admitted",
        "Sessions that were asked for and admitted",
        ("session.requested", "session.resumed"),
    ),
    Recorded("sessions-refused", "Sessions that a rule refused", ("session.refused",)),
    Recorded("sessions-ended", "Ends of sessions, with their reason", ("session.ended",)),
    Recorded(
        "limits-enforced",
        "Sessions ended by a limit of time",
        ("session.stop-requested",),
        _by_a_limit,
        "where the reason is idleness or the longest time",
    ),
    Recorded(
        "admin-visits",
        "Visits of admins to others' sessions, each with a reason",
        ("session.access-granted",),
    ),
    Recorded("executions", "Executions of code, each with its hash", ("execution.started",)),
    Recorded("downloads", "Files that left sessions through browsers", ("file.downloaded",)),
    Recorded("grants-decided", "Decisions about requests for access", ("grant.approved", "grant.denied")),
    Recorded(
        "four-eyes",
        "Access approved by somebody other than who asked",
        ("grant.approved",),
        _by_somebody_else,
        "where who approved is not who asked",
    ),
    Recorded(
        "grants-ended",
        "Granted access that ended by itself or was revoked",
        ("grant.expired", "grant.revoked"),
    ),
    Recorded("secrets-kept", "Secrets kept, bound to hosts", ("secret.set",)),
    Recorded("secrets-rotated", "Secrets and master keys rotated", ("secret.rotated", "secret.key-rotated")),
    Recorded("secrets-ended", "Secrets ended for good", ("secret.revoked",)),
    Recorded(
        "secret-grants",
        "Secrets granted to people, projects or roles, and taken back",
        ("secret.granted", "secret.ungranted"),
    ),
    Recorded("secret-leases", "Leases of secrets to single sessions", ("secret.leased",)),
    Recorded("secret-leases-ended", "Leases of secrets that ended", ("secret.lease-ended",)),
    Recorded(
        "datasets-changed", "Datasets published and taken out", ("dataset.published", "dataset.removed")
    ),
    Recorded("data-read", "Datasets read by sessions", ("data.read",)),
    Recorded(
        "classes-raised", "Sessions that came to hold data of a higher class", ("session.class-raised",)
    ),
    Recorded("network-refused", "Hosts refused to sessions by a rule", ("egress.refused",)),
    Recorded("network-alarms", "Alarms about what sessions sent out", ("egress.alarm",)),
    Recorded(
        "packages-installed",
        "Packages installed in sessions, with the hash of each file",
        ("package.installed",),
    ),
    Recorded("packages-refused", "Packages refused to sessions", ("package.refused",)),
    Recorded(
        "packages-reviewed",
        "Approvals of packages, given and taken back",
        ("package.approved", "package.revoked"),
    ),
    Recorded("advisories-loaded", "Known vulnerabilities of packages loaded", ("package.advisories-loaded",)),
    Recorded(
        "budgets-set",
        "Budgets and prices set",
        ("model.budget-set", "model.budget-removed", "price.set", "model.price-set"),
    ),
    Recorded(
        "budgets-reached",
        "Budgets of which much or all was used",
        ("model.budget-warned", "model.budget-spent"),
    ),
    Recorded(
        "quotas-set",
        "Quotas set, taken away, and overridden for a while with a reason",
        ("quota.set", "quota.removed", "quota.overridden"),
    ),
    Recorded(
        "quotas-reached",
        "Quotas of which people were warned, and sessions that one was to cut",
        ("quota.warned", "quota.cut-announced"),
    ),
    Recorded("alarms-raised", "Alarms about unusual use, each with its numbers", ("alarm.raised",)),
    Recorded("alarms-answered", "Alarms that somebody looked into, with a note", ("alarm.acknowledged",)),
    Recorded(
        "incidents",
        "Incidents opened, each with a reason and what it ended at once, and closed",
        ("incident.opened", "incident.closed"),
    ),
    Recorded(
        "incidents-contained",
        "Sessions of incidents frozen or ended, as steps that were done",
        ("incident.step-done",),
        _froze,
        "where the step was to freeze them",
    ),
    Recorded(
        "incident-evidence",
        "Evidence of incidents kept, with its hash, and copies taken of it",
        ("incident.evidence-kept", "incident.evidence-taken"),
    ),
    Recorded(
        "profiles-changed",
        "Changes of profiles and flavors, with old and new values",
        (
            "profile.created",
            "profile.changed",
            "profile.deleted",
            "flavor.created",
            "flavor.changed",
            "flavor.deleted",
            "config.applied",
        ),
    ),
    Recorded(
        "connections-changed",
        "Connections to services declared, granted and taken back",
        ("connection.declared", "connection.granted", "connection.ungranted", "connection.removed"),
    ),
    Recorded(
        "projects-changed",
        "Projects, and who came and went",
        ("project.created", "project.removed", "project.member-added", "project.member-removed"),
    ),
    Recorded(
        "audit-taken",
        "Copies of the audit and of evidence that were taken",
        ("audit.exported", "evidence.downloaded"),
    ),
    Recorded("state-saved", "Variables of sessions saved", ("state.saved", "session.suspended")),
    Recorded("state-restored", "Variables of sessions given back", ("state.restored",)),
    Recorded(
        "state-refused",
        "Saved variables refused because they were altered, another's or unreadable",
        ("state.refused",),
    ),
    Recorded("platform-starts", "Starts of the platform, with its release", ("platform.started",)),
    Recorded(
        "failures",
        "Kernels that died, strays and jumps of the clock",
        ("kernel.died", "session.stray-stopped", "platform.clock-jumped"),
    ),
)
_NOW = "as it is when the pack is built"
_LOOKED = (
    Looked(
        "checkpoints",
        "Signed checkpoints of the journal",
        "checkpoints signed in these days",
        looks.checkpoints,
    ),
    Looked(
        "audit-forwarded", "Places that the journal is sent on to", f"destinations, {_NOW}", looks.forwards
    ),
    Looked(
        "network-log",
        "Connections of sessions, with the rule that decided",
        "the network record of these days",
        looks.connections,
    ),
    Looked("usage", "What was used, by person and day", "the meter, of these days", looks.usage),
    Looked(
        "model-calls",
        "Calls of models, with what they used",
        "the record of calls, of these days",
        looks.model_calls,
    ),
    Looked("people", "People who may sign in, by role", f"accounts, {_NOW}", looks.people),
    Looked(
        "profiles", "Profiles that may be started, with image and flavor", f"profiles, {_NOW}", looks.profiles
    ),
    Looked(
        "profiles-closed", "Profiles without the public internet", f"profiles, {_NOW}", looks.profiles_closed
    ),
    Looked("datasets", "Datasets with owner, purpose and class", f"the catalogue, {_NOW}", looks.datasets),
    Looked("connections", "Declared connections to services", f"connections, {_NOW}", looks.declared),
    Looked("projects", "Projects that group people", f"projects, {_NOW}", looks.projects),
    Looked("tokens-end", "API tokens that end by themselves", f"live tokens, {_NOW}", looks.tokens),
    Looked(
        "secrets-owned",
        "Secrets whose owner has a live account",
        f"live secrets, {_NOW}",
        looks.secrets_owned,
    ),
    Looked(
        "secrets-young",
        "Secrets with a value of the last 90 days",
        f"live secrets, {_NOW}",
        looks.secrets_young,
    ),
    Looked("secrets-bound", "Secrets bound to named hosts", f"live secrets, {_NOW}", looks.secrets_bound),
    Looked(
        "secrets-sealed",
        "Secrets encrypted at rest, or kept in a vault elsewhere",
        f"live secrets, {_NOW}",
        looks.secrets_sealed,
    ),
    Looked(
        "secrets-narrow",
        "Secrets granted to nobody, or to named people and projects only",
        f"live secrets, {_NOW}",
        looks.secrets_narrow,
    ),
    Looked(
        "leases-single",
        "Secrets used by the sessions of one person",
        "leases begun in these days",
        looks.leases_single,
    ),
    Looked(
        "advisories",
        "Known vulnerabilities that packages are compared with",
        f"advisories, {_NOW}",
        looks.advisories,
    ),
    Looked(
        "packages-governed",
        "Profiles that refuse packages with known vulnerabilities",
        f"profiles, {_NOW}",
        looks.packages_governed,
    ),
    Looked("https", "The portal is reached by HTTPS", f"the setting public_url, {_NOW}", looks.https),
    Looked(
        "own-origins",
        "Sessions have origins of their own",
        f"the setting unsafe_shared_origin, {_NOW}",
        looks.own_origins,
    ),
    Looked(
        "no-self-approval",
        "Nobody approves what they asked for themselves",
        f"the setting grants_self_approval, {_NOW}",
        looks.no_self_approval,
    ),
    Looked(
        "pii-closes",
        "Personal data closes the public internet",
        f"the setting pii_closes_internet, {_NOW}",
        looks.pii_closes,
    ),
    Looked(
        "keys-apart",
        "Master keys lie outside of the data directory",
        f"the settings vault_key, audit_key and state_key, {_NOW}",
        looks.keys_apart,
    ),
)
FACTS: dict[str, Fact] = {fact.name: fact for fact in (*_JOURNAL, *_LOOKED)}
JOURNAL: tuple[Recorded, ...] = _JOURNAL
LOOKED: tuple[Looked, ...] = _LOOKED
