"""People and projects in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import parse_size_bytes
from nbkeep.people import projects
from nbkeep.people.project_hosts import FIELDS as HOST_FIELDS
from nbkeep.people.project_hosts import set_project_hosts
from nbkeep.people.project_records import list_projects, members_of
from nbkeep.people.records import find_user
from nbkeep.people.users import change_user
from nbkeep.store.tables import UserRow

from .section import Entry, Section, WholeSection, Work, check_fields, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER_FIELDS = ("role", "status", "max_sessions", "home_size_bytes")
_PROJECT_FIELDS = ("name", "description", "leads", "members", *HOST_FIELDS)


class Users(Section):
    """Role, status and limits of people who were invited: a file makes and deletes nobody."""

    name, kind = "users", "user"

    def entries(self, work: Work) -> list[Entry]:
        """Return all people."""
        return [_user(row) for row in work.tx.scalars(select(UserRow).order_by(UserRow.name))]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Change somebody."""
        name = wanted["name"]
        row = find_user(work.tx, name)
        if row is None or before is None:
            raise Refused(
                "user-not-found",
                f"There is no user {name!r}.",
                "Invite them first with `nbkeep user invite`; a file cannot make people.",
                status=400,
            )
        check_fields("users", wanted, ("name", "email", *_USER_FIELDS, "home_size"))
        if wanted.get("email", row.email) != row.email:
            raise invalid("email", f"{name}: an address is not changed by a file.", "Leave `email` as it is.")
        size = wanted.get("home_size", wanted.get("home_size_bytes"))
        sessions = wanted.get("max_sessions")
        if sessions is not None and (not isinstance(sessions, int) or isinstance(sessions, bool)):
            raise invalid("max_sessions", f"{name}: {sessions!r} is not a whole number.")
        status = wanted.get("status")
        change_user(
            work.tx,
            work.clock,
            work.actor,
            name,
            role=_text(wanted.get("role")),
            status=_text(status) if status != row.status else None,  # an invited one stays invited
            max_sessions=sessions,
            home_size_bytes=parse_size_bytes(size, "home_size") if size is not None else None,
            reason="configuration applied",
        )
        return _user(row)


class Projects(WholeSection):
    """Projects, their leads, members and hosts; what the document leaves out of one is taken away."""

    name, kind = "projects", "project"

    def entries(self, work: Work) -> list[Entry]:
        """Return all projects."""
        rows = list_projects(work.tx, OPERATOR)
        members = members_of(work.tx, [row.id for row in rows])
        return [
            {
                "name": row.name,
                "description": row.description,
                "leads": [one.name for one in members.get(row.id, ()) if one.is_lead],
                "members": [one.name for one in members.get(row.id, ()) if not one.is_lead],
                **{field: list(getattr(row, field)) for field in HOST_FIELDS},
            }
            for row in rows
        ]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Create one, or change what it is about and who is in it."""
        check_fields("projects", wanted, _PROJECT_FIELDS)
        name, said = wanted["name"], text("projects", wanted, "description")
        leads, members = texts("projects", wanted, "leads"), texts("projects", wanted, "members")
        if both := sorted(set(leads) & set(members)):
            raise invalid("projects", f"{name}: {both[0]} leads it, and is a member.", "Write it once.")
        if before is None:
            projects.add_project(work.tx, work.clock, work.actor, name, description=said)
        elif said != before["description"]:
            projects.describe_project(work.tx, work.clock, work.actor, name, said)
        was = {} if before is None else dict.fromkeys(before["members"], False)
        was |= {} if before is None else dict.fromkeys(before["leads"], True)
        wish = dict.fromkeys(members, False) | dict.fromkeys(leads, True)
        for user, is_lead in wish.items():
            if was.get(user) != is_lead:
                projects.join_project(work.tx, work.clock, work.actor, name, user, is_lead=is_lead)
        for user in was.keys() - wish.keys():
            projects.leave_project(work.tx, work.clock, work.actor, name, user)
        hosts = {field: texts("projects", wanted, field) for field in HOST_FIELDS}
        row = set_project_hosts(work.tx, work.clock, work.actor, name, hosts)
        found = {"name": name, "description": said, "leads": sorted(leads), "members": sorted(members)}
        return found | {field: list(getattr(row, field)) for field in HOST_FIELDS}

    def delete(self, work: Work, name: str) -> None:
        """Remove one, with what is granted to it."""
        reason = "configuration applied"
        projects.remove_project(work.tx, work.clock, work.actor, name, take_grants=True, reason=reason)


def _user(row: UserRow) -> Entry:
    return {"name": row.name, "email": row.email, **{key: getattr(row, key) for key in _USER_FIELDS}}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
