"""Records as OCSF events: what the schema demands of each class holds for every type that there is."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest

from nbkeep.audit import journal, ocsf
from nbkeep.audit.canonical import canonical
from nbkeep.audit.events import EVENTS, Event, SignInFailed
from nbkeep.audit.export import export
from nbkeep.audit.search import Wanted
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.model.clock import ManualClock
from nbkeep.store.database import Store

# From the schema itself, version 1.7.0 (https://github.com/ocsf/ocsf-schema, commit dc6359b4, and browsable at
# https://schema.ocsf.io/1.7.0): what is required of every event, and of each class (events/*/*.json), which
# activities a class has, of which attributes one must be there, and which it knows.
BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
KNOWN = BASE | {"activity_name", "message", "status_id", "status_detail", "unmapped"}
IAM = {"actor", "src_endpoint"}
CLASSES: dict[int, tuple[set[str], range, set[str], set[str]]] = {
    0: (set(), range(0), set(), set()),
    2004: ({"finding_info"}, range(4), set(), {"is_alert"}),
    3001: ({"user"}, range(13), set(), IAM),
    3002: ({"user"}, range(8), {"service", "dst_endpoint"}, IAM),
    3004: ({"entity"}, range(14), set(), IAM),
    3005: ({"privileges", "user"}, range(3), set(), IAM),
    4001: (set(), range(8), {"dst_endpoint", "src_endpoint"}, set()),
    6002: ({"app"}, range(9), set(), set()),
    6006: ({"actor", "file", "src_endpoint"}, range(18), set(), set()),
}
BY_PROFILE = {"host": {"actor", "device"}}
# objects/*.json: what is required of them, and of which attributes one must be there.
OBJECTS: dict[str, tuple[set[str], set[str]]] = {
    "metadata": ({"product", "version"}, set()),
    "actor": (set(), {"process", "user", "invoked_by", "session", "app_name", "app_uid"}),
    "user": (set(), {"account", "name", "uid"}),
    "entity": (set(), {"name", "uid", "device", "group", "org", "policy", "user"}),
    "app": (set(), {"name", "uid"}),
    "product": (set(), {"name", "uid"}),
    "service": (set(), {"name", "uid"}),
    "src_endpoint": (set(), {"ip", "uid", "name", "hostname"}),
    "dst_endpoint": (set(), {"ip", "uid", "name", "hostname"}),
    "finding_info": ({"uid"}, set()),
    "file": ({"name", "type_id"}, {"name", "uid"}),
}


def problems_of(event: dict[str, Any]) -> list[str]:
    required, activities, some, more = CLASSES[event["class_uid"]]
    found = [f"{name} is missing" for name in (BASE | required) - event.keys()]
    if event["activity_id"] not in {*activities, 0, 99}:
        found.append(f"activity {event['activity_id']} is none of the class")
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        found.append("type_uid")
    if event["category_uid"] != event["class_uid"] // 1000 or event["severity_id"] not in range(7):
        found.append("category_uid or severity_id")
    if some and not some & event.keys():
        found.append(f"none of {some}")
    profiles = event["metadata"].get("profiles", [])
    allowed = KNOWN.union(required, some, more, *(BY_PROFILE[one] for one in profiles))
    found += [f"{name} is no attribute of the class" for name in event.keys() - allowed]
    return found + _objects(event)


def _objects(value: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, one in value.items():
        if name == "unmapped" or not isinstance(one, dict):
            continue
        part = cast("dict[str, Any]", one)
        required, some = OBJECTS[name]
        found += [f"{name}.{missing} is missing" for missing in required - part.keys()]
        if some and not any(part.get(key) for key in some):
            found.append(f"{name} has none of {some}")
        found += _objects(part)
    return found


def example(kind: type[Event]) -> Event:
    """Make an event of a kind with a value of the right type in each field."""
    words: dict[str, Any] = {"str": "x", "int": 1, "float": 1.5, "bool": True}
    values: dict[str, Any] = {"session_id": "ses_1"}
    for field in dataclasses.fields(kind):
        if field.name != "session_id":
            told = str(field.type)
            values[field.name] = words.get(told, [] if told.startswith("list") else None)
    return kind(**values)


@pytest.mark.parametrize("kind", EVENTS.values(), ids=str)
@pytest.mark.parametrize("address", ["", "192.0.2.7"])
def test_each_type_becomes_a_valid_event(kind: type[Event], address: str) -> None:
    now = ManualClock().now()
    data = {key: value for key, value in vars(example(kind)).items() if key != "session_id"}
    actor = {"id": "usr_1", "name": "jane", "kind": "user", "via": "token", "address": address}
    record = {"v": 1, "seq": 7, "at": now.isoformat(timespec="microseconds"), "type": kind.type,
              "actor": actor, "session_id": "ses_1", "data": data}  # fmt: skip
    event = ocsf.event(canonical(record), "ab" * 32, "0.1.0")
    assert problems_of(event) == []
    assert event["time"] == int(now.timestamp() * 1000)
    assert (event["metadata"]["sequence"], event["metadata"]["uid"]) == (7, "ab" * 32)
    assert event["metadata"]["product"]["version"] == "0.1.0"
    assert event["metadata"]["correlation_uid"] == "ses_1"
    assert event["unmapped"] == record | {"hash": "ab" * 32}
    assert event["actor"]["user"]["name"] == "jane"


def test_each_type_was_thought_about() -> None:
    """A new type gets its line in `KINDS`, or is said to have no class, in `PLAIN`."""
    assert set(EVENTS) == set(ocsf.KINDS) | ocsf.PLAIN
    assert not set(ocsf.KINDS) & ocsf.PLAIN


def test_the_check_itself_finds_what_is_wrong() -> None:
    event: dict[str, Any] = {"class_uid": 3002, "activity_id": 42, "category_uid": 3, "severity_id": 1, "type_uid": 300201,
             "time": 1, "metadata": {"version": "1.7.0", "product": {}}}  # fmt: skip
    assert len(problems_of(event | {"kernel": 1})) == 6


def test_a_failed_sign_in_is_one_there_too(sqlite_store: Store, clock: ManualClock) -> None:
    with sqlite_store.write() as tx:
        failed = SignInFailed(user="jane", reason="wrong-password")
        journal.append(tx, clock, Actor("", "jane", frozenset(), address="192.0.2.7"), failed)
    (line,) = export(sqlite_store, clock, OPERATOR, Wanted(type="signin"), form="ocsf")
    assert '"class_uid":3002' in line
    assert '"status_id":2' in line
    assert '"src_endpoint":{"ip":"192.0.2.7"}' in line
