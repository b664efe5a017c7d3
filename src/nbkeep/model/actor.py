"""Who acts, and with which scopes: every call that decides or changes something is given an `Actor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .errors import Refused


class Role(StrEnum):
    """Roles of people. Reviewer, auditor and officer exist so that their scopes have a home; see SCOPES."""

    USER = "notebook.user"
    ADMIN = "notebook.admin"
    REVIEWER = "notebook.reviewer"
    AUDITOR = "notebook.auditor"
    OFFICER = "notebook.officer"  # security officer


# One table of scopes: it makes the API description, the token page and the checks.
SCOPES: dict[str, str] = {
    "sessions": "Start, show, extend and stop your own sessions",
    "profiles:read": "See the profiles and flavors that you may use",
    "self": "See and change your own account and tokens",
    "secrets": "Keep secrets of your own, and see which ones your sessions may use",
    "grants": "Ask for access for a while, see and withdraw your own requests",
    "projects": "See the projects that you are in, change who is in those that you lead",
    "releases": "Ask to let documents of yours leave, and see, share and withdraw them",
    "reviews": "Review what others want to let leave",
    "admin:sessions": "See and stop anybody's sessions",
    "admin:profiles": "Create, change and delete flavors and profiles",
    "admin:users": "Invite, list, disable people and change their roles",
    "admin:projects": "Create and remove projects, choose their leads and members",
    "admin:volumes": "See and resize home volumes",
    "admin:secrets": "See, rotate and end anybody's secrets, grant your own to others; never a value",
    "admin:grants": "See everybody's requests for access, approve, deny and revoke those of others",
    "admin:models": "Set providers, prices and budgets of models, and see what everybody used",
    "admin:prices": "Set what flavors, GPUs and storage cost, and see what everybody used",
    "admin:alarms": "Acknowledge alarms, and set when they are raised",
    "admin:quotas": "Set, override and remove quotas, and see everybody's",
    "admin:connections": "Declare connections to databases and services, and grant them",
    "admin:data": "Publish datasets and take them out of the catalogue",
    "admin:config": "Export and apply the whole configuration",
    "admin:incidents": "Open and close security incidents: freeze sessions, shut people out, keep evidence",
    "admin:audit": "Add, pause and remove the places to which the audit journal is sent on",
    "admin:mail": "See what waits to be sent by mail and why, try again, discard, test the mail server",
    "admin:releases": "Set what may leave by which way, see and revoke what anybody let leave",
    "network:read": "See what sessions connected to, and which rules decided",
    "metrics:read": "Read the figures of the platform as metrics: numbers, and nobody's name",
    "audit:read": "Search, verify and export the audit journal",
}
_OWN = frozenset({"sessions", "profiles:read", "self", "secrets", "grants", "projects", "releases"})
ROLE_SCOPES: dict[Role, frozenset[str]] = {
    Role.USER: _OWN,
    Role.REVIEWER: _OWN | {"reviews"},
    Role.AUDITOR: frozenset({"self", "audit:read", "network:read", "profiles:read"}),
    # Reads what auditors read; scopes for incidents belong here, too.
    Role.OFFICER: frozenset({"self", "audit:read", "network:read", "profiles:read"}),
    Role.ADMIN: frozenset(SCOPES),
}


@dataclass(frozen=True)
class Actor:
    """Somebody (or some program) for the length of one request.

    `kind`: "user" (signed in or by token), "operator" (the local command line with access to the data
    directory), "system" (a loop). `via`: browser, token, cli, hub, loop. `address` is "" when local.
    """

    id: str
    name: str
    scopes: frozenset[str]
    kind: str = "user"
    via: str = "token"
    address: str = ""

    def may(self, scope: str) -> bool:
        """Tell whether this actor holds a scope."""
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Raise `Refused` (403) unless this actor holds the scope."""
        if scope not in self.scopes:
            raise Refused("missing-scope", f"This needs the scope {scope!r} ({SCOPES[scope].lower()}).",
                          "Ask an admin, or use a token that has it.")  # fmt: skip


SYSTEM = Actor(id="system", name="nbkeep", scopes=frozenset(SCOPES), kind="system", via="loop")
OPERATOR = Actor(id="operator", name="operator", scopes=frozenset(SCOPES), kind="operator", via="cli")
