"""Take the whole configuration; make everything what a document says, in one transaction or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid
from nbkeep.profiles.known import known_to
from nbkeep.profiles.rules import changed

from . import document as texts
from .section import WholeSection, Work
from .sections import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

    from .section import Entry, Section

RIGHT = "admin:config"
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
    "share_with_anyone",
    "share_max_s",
    "gallery_max_s",
    "pii_closes_internet",
    "connections_retention_s",
    "model_calls_retention_s",
    "default_max_sessions",
    "default_home_size_bytes",
    "invitation_valid_s",
    "sign_in_valid_s",
)


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


def export(tx: Tx, clock: Clock, settings: Settings, actor: Actor) -> dict[str, Any]:
    """Return the document. Needs `admin:config`."""
    actor.require(RIGHT)
    work = Work(tx, clock, settings, actor, known_to(settings))
    return {
        "apiVersion": texts.API_VERSION,
        "kind": texts.KIND,
        "settings": {name: _setting(settings, name) for name in _SETTINGS},
        **{section.name: section.entries(work) for section in SECTIONS},
    }


def read(text: str) -> dict[str, Any]:
    """Return the document in a text of YAML or JSON; raise `Refused` (400) for anything else.

    Ask only for who has `RIGHT`: a large one takes seconds.
    """
    return texts.read(text, ["settings", *(section.name for section in SECTIONS)])


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
    actor.require(RIGHT)
    changes: list[Change] = []
    for section in SECTIONS:
        section.before(texts.entries(document, section.name) or {})
    try:
        with store.write() as tx:
            _compare_settings(settings, document)
            changes = _apply(Work(tx, clock, settings, actor, known_to(settings)), document)
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


def _apply(work: Work, document: Mapping[str, Any]) -> list[Change]:
    """Delete what nothing depends on, make everything in order, delete the rest the other way round."""
    found = [
        (section, wanted)
        for section in SECTIONS
        if (wanted := texts.entries(document, section.name)) is not None
    ]
    changes: list[Change] = []
    for section, wanted in found:
        if isinstance(section, WholeSection) and section.is_leaf:
            changes += _delete(work, section, wanted)
    for section, wanted in found:
        before = _by_name(section.entries(work))
        changes += [_put(work, section, one, before.get(name)) for name, one in wanted.items()]
        work.tx.flush()
    for section, wanted in reversed(found):
        if isinstance(section, WholeSection) and not section.is_leaf:
            changes += _delete(work, section, wanted)
    return [change for change in changes if change.action != "change" or change.fields]


def _put(work: Work, section: Section, wanted: Mapping[str, Any], before: Entry | None) -> Change:
    after = section.put(work, wanted, before)
    fields = {key: pair for key, pair in changed(before or {}, after).items() if key != "name"}
    # What is there no more, such as a secret, has to be seen as well.
    fields |= {key: [value, None] for key, value in (before or {}).items() if key not in after}
    return Change("change" if before else "create", section.kind, after["name"], fields)


def _delete(work: Work, section: WholeSection, wanted: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    names = [
        name
        for name, before in _by_name(section.entries(work)).items()
        if name not in wanted or section.is_another(wanted[name], before)
    ]
    for name in names:
        section.delete(work, name)
    work.tx.flush()
    return [Change("delete", section.kind, name) for name in names]


def _by_name(entries: list[Entry]) -> dict[str, Entry]:
    return {one["name"]: one for one in entries}


def _compare_settings(settings: Settings, document: Mapping[str, Any]) -> None:
    for name, value in texts.mapping("settings", document.get("settings") or {}).items():
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
