"""/api/v1/rules: what an organisation has found beside what nbkeep finds by itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.detection import change, check, records
from nbkeep.detection.values import ADMIN

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/rules", tags=["policies"])
_MOST = 2 << 20


class RulesWanted(BaseModel):
    """A file of rules."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=_MOST, description="TOML, as in the reference: at most 2 MiB")


class Trial(BaseModel):
    """A sample in which is looked for what would be found."""

    model_config = ConfigDict(extra="forbid")

    sample: str = Field(max_length=_MOST, description="At most 1 MiB; nothing of it is kept")
    name: str = Field("sample.txt", min_length=1, max_length=200, description="As if it were a file so named")
    text: str | None = Field(None, max_length=_MOST, description="Rules to try; else those that hold")


@router.get("", summary="Show own rules")
def show(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return the organisation's own rules, with their file. For `admin:releases` and `audit:read`."""
    with office.store.read() as tx:
        return records.show_rules(tx, actor)


@router.put("", summary="Set own rules")
def set_rules(wanted: RulesWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Have every document examined by these rules, too: while saving, and at every gate.

    They are tried first, in a jail: 400 for a file with a mistake, or one that is too slow. Sessions learn of
    them with their next heartbeat. Twice is safe. Needs `admin:releases`.
    """
    actor.require(ADMIN)
    check.checked(wanted.text)  # outside of the transaction: it takes its time
    with office.store.write() as tx:
        change.set_rules(tx, office.clock, actor, wanted.text)
        return records.show_rules(tx, actor)


@router.delete("", summary="Unset own rules")
def unset_rules(office: OfficeDep, actor: ActorDep) -> dict[str, bool]:
    """Take the own rules away: the built-in ones alone hold. Twice is safe. Needs `admin:releases`."""
    with office.store.write() as tx:
        return {"removed": change.unset_rules(tx, office.clock, actor)}


@router.post("/test", summary="Try rules on a sample")
def try_rules(trial: Trial, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what the built-in rules and own ones find in a sample, masked. Nothing of it is kept.

    For `admin:releases` and `audit:read`.
    """
    with office.store.read() as tx:
        held = records.show_rules(tx, actor)["text"]
    found = check.tried(held if trial.text is None else trial.text, trial.sample, trial.name)
    return {
        "rules": [asdict(one) for one in found.rules],
        "found": [asdict(one) for one in found.found],
        "unread": list(found.unread),
    }
