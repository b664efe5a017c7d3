"""What may leave, in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from nbkeep.guard import change
from nbkeep.guard.view import list_policies
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import invalid
from nbkeep.model.gates import Gate

from .section import Entry, WholeSection, Work, check_fields

if TYPE_CHECKING:
    from collections.abc import Mapping


class Policies(WholeSection):
    """Policies by their scopes: everywhere, class:NAME, profile:NAME, project:NAME; the gates are fields.

    What the document leaves out of one is unset: the default holds. Rules of deleted profiles are not in it.
    """

    name, kind, is_leaf = "policies", "policy", True

    def entries(self, work: Work) -> list[Entry]:
        """Return all scopes for which something is set."""
        found: dict[str, Entry] = {}
        for one in list_policies(work.tx, OPERATOR):
            if not one["is_deleted"]:
                entry = found.setdefault(one["scope"], {"name": one["scope"]})
                entry[one["gate"]] = one["decisions"]
        return list(found.values())

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Set what it says of a scope, and unset what it does not."""
        check_fields(self.name, wanted, ("name", *Gate))
        name = wanted["name"]
        scope = change.scope_from(work.tx, name)
        gates = {gate.value: self._decisions(name, wanted[gate]) for gate in Gate if gate in wanted}
        for gate, old in (before or {}).items():
            gone = [] if gate == "name" else [found for found in old if found not in gates.get(gate, {})]
            if gone:
                change.unset_policy(work.tx, work.clock, work.actor, scope, [gate], gone)
        for gate, decisions in gates.items():
            change.set_policy(work.tx, work.clock, work.actor, scope, [gate], decisions)
        return next((one for one in self.entries(work) if one["name"] == name), {"name": name})

    def delete(self, work: Work, name: str) -> None:
        """Unset all of a scope."""
        change.unset_policy(work.tx, work.clock, work.actor, change.scope_from(work.tx, name))

    def _decisions(self, name: str, value: Any) -> dict[str, str]:
        said = cast("dict[Any, Any]", value) if isinstance(value, dict) else {}
        if not said or not all(isinstance(word, str) for pair in said.items() for word in pair):
            raise invalid(self.name, f"{name}: {value!r:.100} says nothing of what is found.",
                          "Write fields such as secret: deny.")  # fmt: skip
        return said
