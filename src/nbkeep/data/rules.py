"""Who may publish, change and read a dataset: values in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.model.classification import is_higher
from nbkeep.model.verdict import Allow, Refuse, Verdict

from .keys import in_sample

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor

    from .values import Level, Reader, Source

SEE = "sessions"
ADMIN = "admin:data"


@dataclass(frozen=True)
class Access:
    """How much of a dataset a session may read now, and where not all: why, and what one can do."""

    level: Level
    why: str = ""
    remedy: str = ""


def fits(classification: str, ceiling: str, name: str) -> Verdict:
    """Tell whether sessions of a profile that is cleared for `ceiling` may read data of that class."""
    if ceiling and not is_higher(classification, ceiling):
        return Allow()
    return Refuse(
        "class-too-high",
        f"the dataset {name} is {classification}, and the session's profile is cleared for "
        f"{ceiling or 'no'} data",
        "Start a session of a profile that is cleared for it; no grant opens it here.",
    )


def access_to(source: Source, reader: Reader, now: datetime) -> Access:
    """Return what a session may read: all with a live grant, else the sample; nothing above its ceiling."""
    verdict = fits(source.classification, reader.ceiling, source.name)
    if isinstance(verdict, Refuse):
        return Access("none", verdict.message, verdict.remedy)
    until = reader.until(source.name)
    if until is not None and until > now:
        return Access("whole")
    ask = f"`nbkeep dataset request {source.name} --session ID --reason '…' --for 2h`"
    remedy = f"Ask its owner: {ask}. Once it is granted, your running session may read it a second later."
    if not source.samples:
        return Access("none", f"the dataset {source.name} needs a grant", remedy)
    return Access("sample", f"only the sample of {source.name} is open without a grant", remedy)


def may_read(source: Source, access: Access, key: str) -> bool:
    """Tell whether an object is within what may be read."""
    return access.level == "whole" or (access.level == "sample" and in_sample(source.samples, key))


def may_change(actor: Actor, owner_id: str) -> bool:
    """Tell whether somebody may take a dataset out of the catalogue."""
    return actor.may(ADMIN) or actor.id == owner_id
