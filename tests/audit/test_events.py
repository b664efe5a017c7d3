"""Every event is documented, field by field."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from nbkeep.audit.events import EVENTS, Event

DOCUMENT = Path(__file__).parents[2] / "docs/reference/events.md"


def sections() -> dict[str, str]:
    parts = re.split(r"^## `([a-z.-]+)`$", DOCUMENT.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("event", EVENTS.values(), ids=str)
def test_an_event_has_its_heading_and_all_its_fields(event: type[Event]) -> None:
    section = sections().get(event.type)
    assert section is not None, (
        f"{event.__name__} is undocumented: add '## `{event.type}`' to {DOCUMENT.name}"
    )
    wanted = {field.name for field in dataclasses.fields(event)} - {"session_id"}
    told = set(re.findall(r"^- `([a-z0-9_]+)`", section, flags=re.MULTILINE))
    assert told == wanted, f"the fields of {event.type} in {DOCUMENT.name} are not those of {event.__name__}"


def test_nothing_is_documented_that_does_not_exist() -> None:
    assert set(sections()) == set(EVENTS)


def test_each_type_is_named_once_and_fits_its_column() -> None:
    assert len(EVENTS) == len(Event.__subclasses__())
    assert all(re.fullmatch(r"[a-z]+\.[a-z-]+", kind) and len(kind) <= 40 for kind in EVENTS)
