"""What may leave, and what is found, in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from nbkeep.detection import change as detection
from nbkeep.detection import liveness
from nbkeep.detection.check import checked
from nbkeep.detection.records import NAME, own_rules
from nbkeep.guard import change, uploads
from nbkeep.guard.view import list_policies
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import invalid
from nbkeep.model.gates import Gate

from .section import Entry, WholeSection, Work, check_fields, text

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


class OwnRules(WholeSection):
    """The organisation's own rules: one entry with the whole file as text, or none."""

    name, kind, is_leaf = "own_rules", "own rules", True

    def entries(self, work: Work) -> list[Entry]:
        """Return the one there is."""
        held = own_rules(work.tx)
        return [{"name": NAME, "rules": held.text}] if held.sha256 else []

    def before(self, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        """Try the file: that takes its time, and is remembered."""
        for one in wanted.values():
            checked(self._rules(one))

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Set it."""
        rules = self._rules(wanted)
        if before is None or before["rules"] != rules:
            detection.set_rules(work.tx, work.clock, work.actor, rules)
        return {"name": NAME, "rules": rules}

    def delete(self, work: Work, name: str) -> None:
        """Take it away."""
        del name  # there is but one
        detection.unset_rules(work.tx, work.clock, work.actor)

    def _rules(self, wanted: Mapping[str, Any]) -> str:
        check_fields(self.name, wanted, ("name", "rules"))
        if wanted["name"] != NAME:
            raise invalid(self.name, f"There are no own rules of {wanted['name']!r:.60}.", f"Name it {NAME}.")
        return text(self.name, wanted, "rules")


class Uploads(WholeSection):
    """How uploads to hosts are treated: a name, `*.name`, a network, or `*`, and a word."""

    name, kind, is_leaf = "uploads", "upload", True

    def entries(self, work: Work) -> list[Entry]:
        """Return all hosts for which something is set."""
        found = uploads.list_places(work.tx, OPERATOR)
        return [{"name": one["host"], "treatment": one["treatment"]} for one in found]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Set it."""
        del before
        check_fields(self.name, wanted, ("name", "treatment"))
        name, treatment = text(self.name, wanted, "name"), text(self.name, wanted, "treatment")
        found = uploads.set_place(work.tx, work.clock, work.actor, name, treatment)
        return {"name": found["host"], "treatment": found["treatment"]}

    def delete(self, work: Work, name: str) -> None:
        """Unset it."""
        uploads.unset_place(work.tx, work.clock, work.actor, name)


class Liveness(WholeSection):
    """The providers that are asked whether a key works; the others are not."""

    name, kind, is_leaf = "liveness", "liveness check", True

    def entries(self, work: Work) -> list[Entry]:
        """Return those that are asked."""
        return [{"name": name} for name in sorted(liveness.asked_providers(work.tx))]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Have one asked."""
        del before
        check_fields(self.name, wanted, ("name",))
        liveness.set_liveness(work.tx, work.clock, work.actor, wanted["name"], on=True)
        return {"name": wanted["name"]}

    def delete(self, work: Work, name: str) -> None:
        """Have one asked no more."""
        liveness.set_liveness(work.tx, work.clock, work.actor, name, on=False)
