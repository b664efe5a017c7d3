"""What classes of data take from sessions, in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.data.class_rules import FIELDS, is_closed_by_setting, list_class_rules, set_class_rules
from nbkeep.model.actor import OPERATOR

from .section import Entry, Section, Work, check_fields

if TYPE_CHECKING:
    from collections.abc import Mapping


class Classes(Section):
    """Rules of classes. What the document leaves out of one is as it was at first: it takes nothing more."""

    name, kind = "classifications", "classification"

    def entries(self, work: Work) -> list[Entry]:
        """Return all classes, the lowest first; there are no others."""
        return list_class_rules(work.tx, work.settings, OPERATOR)

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Change one."""
        del before
        name = wanted["name"]
        check_fields("classifications", wanted, ("name", *FIELDS))
        whole: dict[str, Any] = {
            "public_internet": not is_closed_by_setting(work.settings, name),
            "egress_only": [],
            "egress_denylist": [],
            **{field: wanted[field] for field in FIELDS if field in wanted},
        }
        return set_class_rules(work.tx, work.clock, work.settings, work.actor, name, whole)
