"""The whole configuration as one document: read it, compare it, apply it. It round-trips and holds no secret.

Sections: `flavors`, `profiles`, `users`, `settings`. A section that is there says everything about its kind:
flavors and profiles that it lacks are deleted, so `dry_run` shows deletions first. A section that is not
there is left alone. People are neither made nor deleted here, only their role, status and limits are set;
settings are shown for comparison and changed in config.toml.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import yaml
from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import parse_size_bytes
from nbkeep.people.records import find_user
from nbkeep.people.users import change_user
from nbkeep.profiles import flavors, profiles
from nbkeep.profiles.known import Known, known_to
from nbkeep.profiles.parse import flavor_from, plain, profile_from
from nbkeep.profiles.rules import changed, check_flavor
from nbkeep.store.tables import UserRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

API_VERSION = "nbkeep/v1"
KIND = "Configuration"
# Settings that are policy; addresses, paths and secrets belong to one installation and stay there.
_SETTINGS = (
    "currency",
    "cpu_overcommit",
    "memory_overcommit",
    "cell_grace_s",
    "frozen_s",
    "max_suspended_sessions",
    "max_suspended_bytes",
    "egress_denylist",
    "alarm_volume_bytes",
    "alarm_upload_bytes",
    "grants_max_s",
    "grants_self_approval",
    "pii_closes_internet",
    "connections_retention_s",
    "model_calls_retention_s",
    "default_max_sessions",
    "default_home_size_bytes",
    "invitation_valid_s",
    "sign_in_valid_s",
)
_USER_FIELDS = ("role", "status", "max_sessions", "home_size_bytes")
_LARGEST_CHARS = 4 << 20


class _DryRun(Exception):
    """Rolls back what was tried out."""


@dataclass(frozen=True)
class Change:
    """One difference: `action` create, change or delete; `fields`: {field: [old, new]}."""

    action: str
    kind: str
    name: str
    fields: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def as_json(self) -> dict[str, Any]:
        """Return the change for the doors."""
        return {"action": self.action, "kind": self.kind, "name": self.name, "fields": self.fields}


def export(tx: Tx, settings: Settings, actor: Actor) -> dict[str, Any]:
    """Return the document. Needs `admin:config`."""
    actor.require("admin:config")
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "settings": {name: _setting(settings, name) for name in _SETTINGS},
        "flavors": [plain(one) for one in flavors.list_flavors(tx, OPERATOR)],
        "profiles": sorted(
            (plain(one) for one, _ in profiles.list_profiles(tx, OPERATOR)), key=lambda one: one["name"]
        ),
        "users": [_user_fields(row) for row in tx.scalars(select(UserRow).order_by(UserRow.name))],
    }


def as_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML that people can edit."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)


def read(text: str) -> dict[str, Any]:
    """Return the document in a text of YAML or JSON; raise `Refused` (400) for anything else."""
    if len(text) > _LARGEST_CHARS:
        raise invalid("document", "The document is larger than 4 MiB.", "Is it the right file?")
    try:
        # Aliases are refused: a few lines of them can unfold into gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise invalid("document", "The document uses YAML aliases (*name).", "Write values out.")
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = str(error).replace("\n", " ")[:300]
        raise invalid("document", f"The document cannot be read: {where}", "Correct it.") from error
    found = _mapping("document", document)
    if found.get("apiVersion") != API_VERSION or found.get("kind") != KIND:
        raise invalid(
            "document",
            f"The document is not a {KIND} of {API_VERSION}.",
            f"Begin it with `apiVersion: {API_VERSION}` and `kind: {KIND}`.",
        )
    unknown = sorted(set(found) - {"apiVersion", "kind", "settings", "flavors", "profiles", "users"})
    if unknown:
        raise invalid(
            "document",
            f"Unknown sections: {', '.join(map(str, unknown))}.",
            "Sections: settings, flavors, profiles, users.",
        )
    return found


def apply(
    store: Store,
    clock: Clock,
    settings: Settings,
    actor: Actor,
    document: Mapping[str, Any],
    *,
    dry_run: bool,
) -> list[Change]:
    """Make everything what a document (see `read`) says, in one transaction, and return what changed.

    All of it or nothing: the first thing that is not valid is named and nothing is written. A dry run does
    the same and rolls back, so it cannot judge differently. Twice is safe: the second time nothing changes.
    """
    actor.require("admin:config")
    changes: list[Change] = []
    known = known_to(settings)
    try:
        with store.write() as tx:
            _compare_settings(settings, document)
            changes = _apply(tx, clock, actor, document, known)
            if dry_run:
                raise _DryRun  # noqa: TRY301 - leaves the transaction, which then rolls back
            if changes:
                journal.append(
                    tx,
                    clock,
                    actor,
                    events.ConfigApplied(changes=[f"{one.action} {one.kind} {one.name}" for one in changes]),
                )
    except _DryRun:
        pass
    return changes


def _apply(tx: Tx, clock: Clock, actor: Actor, document: Mapping[str, Any], known: Known) -> list[Change]:
    wanted_flavors = _entries(document, "flavors")
    wanted_profiles = _entries(document, "profiles")
    changes: list[Change] = []
    # Flavors first, profiles on them next; deletions run the other way round.
    if wanted_flavors is not None:
        changes += [_flavor(tx, clock, actor, name, one) for name, one in wanted_flavors.items()]
    if wanted_profiles is not None:
        changes += [_profile(tx, clock, actor, name, one, known) for name, one in wanted_profiles.items()]
        have = {profile.name for profile, _ in profiles.list_profiles(tx, OPERATOR)}
        for name in sorted(have - set(wanted_profiles)):
            profiles.delete_profile(tx, clock, actor, name)
            changes.append(Change("delete", "profile", name))
    if wanted_flavors is not None:
        tx.flush()
        have = {flavor.name for flavor in flavors.list_flavors(tx, OPERATOR)}
        for name in sorted(have - set(wanted_flavors)):
            flavors.delete_flavor(tx, clock, actor, name)
            changes.append(Change("delete", "flavor", name))
    for name, one in (_entries(document, "users") or {}).items():
        changes.append(_user(tx, clock, actor, name, one))
    return [change for change in changes if change.action != "change" or change.fields]


def _flavor(tx: Tx, clock: Clock, actor: Actor, name: str, wanted: Mapping[str, Any]) -> Change:
    before = {one.name: one for one in flavors.list_flavors(tx, OPERATOR)}.get(name)
    if before is None:
        made = plain(flavors.create_flavor(tx, clock, actor, wanted))
        return Change(
            "create", "flavor", name, {key: [None, value] for key, value in made.items() if key != "name"}
        )
    # What the document leaves out is at its default, not as it happens to be: the document says everything.
    after = flavor_from(wanted)
    check_flavor(after)
    flavors.change_flavor(tx, clock, actor, name, plain(after))
    return Change("change", "flavor", name, changed(plain(before), plain(after)))


def _profile(
    tx: Tx, clock: Clock, actor: Actor, name: str, wanted: Mapping[str, Any], known: Known
) -> Change:
    found = profiles.find_profile(tx, name)
    if found is None:
        made = plain(profiles.create_profile(tx, clock, actor, wanted, known)[0])
        return Change(
            "create", "profile", name, {key: [None, value] for key, value in made.items() if key != "name"}
        )
    after = profile_from(wanted)
    profiles.change_profile(tx, clock, actor, name, plain(after), known)
    return Change("change", "profile", name, changed(plain(found[0]), plain(after)))


def _user(tx: Tx, clock: Clock, actor: Actor, name: str, wanted: Mapping[str, Any]) -> Change:
    row = find_user(tx, name)
    if row is None:
        raise Refused(
            "user-not-found",
            f"There is no user {name!r}.",
            "Invite them first with `nbkeep user invite`; a file cannot make people.",
            status=400,
        )
    unknown = sorted(set(wanted) - {"name", "email", *_USER_FIELDS, "home_size"})
    if unknown:
        raise invalid(
            "users", f"{name}: unknown fields: {', '.join(unknown)}.", f"Fields: {', '.join(_USER_FIELDS)}."
        )
    if wanted.get("email", row.email) != row.email:
        raise invalid("email", f"{name}: an address is not changed by a file.", "Leave `email` as it is.")
    before = _user_fields(row)
    size = wanted.get("home_size", wanted.get("home_size_bytes"))
    sessions = wanted.get("max_sessions")
    if sessions is not None and (not isinstance(sessions, int) or isinstance(sessions, bool)):
        raise invalid("max_sessions", f"{name}: {sessions!r} is not a whole number.")
    status = wanted.get("status")
    change_user(
        tx,
        clock,
        actor,
        name,
        role=_text(wanted.get("role")),
        status=_text(status) if status != row.status else None,  # an invited one stays invited
        max_sessions=sessions,
        home_size_bytes=parse_size_bytes(size, "home_size") if size is not None else None,
        reason="configuration applied",
    )
    return Change("change", "user", name, changed(before, _user_fields(row)))


def _user_fields(row: UserRow) -> dict[str, Any]:
    return {"name": row.name, "email": row.email, **{key: getattr(row, key) for key in _USER_FIELDS}}


def _compare_settings(settings: Settings, document: Mapping[str, Any]) -> None:
    for name, value in _mapping("settings", document.get("settings") or {}).items():
        if name not in _SETTINGS:
            raise invalid(
                "settings", f"There is no setting {name!r} here.", f"Settings: {', '.join(_SETTINGS)}."
            )
        if value != _setting(settings, name):
            raise Refused(
                "setting-differs",
                f"The setting {name} is {_setting(settings, name)!r} here and {value!r} in the document.",
                "Change it in config.toml and restart, or leave it out.",
                status=409,
            )


def _setting(settings: Settings, name: str) -> Any:
    value: Any = getattr(settings, name)
    return list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value


def _entries(document: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]] | None:
    """Return {name: entry} of a section, or None where the document does not have it."""
    if section not in document:
        return None
    entries = document[section]
    if not isinstance(entries, list):
        raise invalid(section, f"{section} must be a list.", "Write one `- name: …` entry for each.")
    found: dict[str, Mapping[str, Any]] = {}
    for entry in cast("list[Any]", entries):
        values = _mapping(section, entry)
        name = values.get("name")
        if not isinstance(name, str):
            raise invalid(section, f"An entry of {section} has no name.", "Give each entry a name.")
        if name in found:
            raise invalid(section, f"{section} names {name!r} twice.", "Keep one of them.")
        found[name] = values
    return found


def _mapping(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in cast("dict[Any, Any]", value)):
        raise invalid(what, f"{what}: expected fields with values.", "Compare with `nbkeep export`.")
    return cast("dict[str, Any]", value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
