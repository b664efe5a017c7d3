"""Steps that tests of an organisation's own rules repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.detection import change
from nbkeep.detection.check import checked
from nbkeep.model.actor import OPERATOR, Actor

if TYPE_CHECKING:
    from office_parts import OfficeForTests

BADGE = "ACME-" + "482910"
RULES = """
[[rules]]
id = "acme-badge"
title = "Badge of Acme"
severity = "critical"
regex = '''ACME-[0-9]{6}'''
examples = ['badge: ACME-{digits:6}']
"""
QUADRATIC = "[[rules]]\nid = 'bomb'\nregex = '''a([^b]*b)?'''\n"
"""Each search is linear, and finding all matches takes the square of the text."""


def set_rules(office: OfficeForTests, text: str = RULES, by: Actor = OPERATOR) -> None:
    """Set own rules as the doors do."""
    checked(text)
    with office.store.write() as tx:
        change.set_rules(tx, office.clock, by, text)
