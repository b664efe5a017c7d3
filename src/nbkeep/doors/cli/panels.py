"""The headings under which `nbkeep --help` groups the verbs, in the order in which they are shown."""

from __future__ import annotations

MACHINE = "This machine"
WORK = "Work"
PEOPLE = "People"
COMPUTE = "What may be started"
RECORD = "The record"
CONFIGURATION = "The whole configuration"
ACCESS = "Access from this command line"
