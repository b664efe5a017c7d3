"""Makes an evidence pack: walks over the journal, looks at the tables, and writes the signed bundle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep import version
from nbkeep.audit.bundle import write_bundle
from nbkeep.audit.canonical import canonical
from nbkeep.audit.checkpoints import as_values, between, make_checkpoint
from nbkeep.audit.signing import keys_of

from .facts import LOOKED
from .frameworks import framework
from .page import page
from .rules import finding
from .values import Observation, Scene, Status
from .walk import walk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbkeep.audit.bundle import Written
    from nbkeep.model.clock import Clock
    from nbkeep.model.days import Span
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store

    from .values import Finding, Framework
    from .walk import Walked

KIND, FORMAT = "evidence", "nbkeep-evidence"
DATA, PAGE, JOURNAL, CHECKPOINTS = "evidence.json", "index.html", "journal.jsonl", "checkpoints.jsonl"


@dataclass(frozen=True)
class Pack:
    """What was made: the file, and how many controls have which status."""

    written: Written
    counts: dict[Status, int]


def build(
    store: Store,
    clock: Clock,
    settings: Settings,
    path: Path,
    *,
    id_: str,
    name: str,
    span: Span,
    asked_by: str,
) -> Pack:
    """Write the pack of a framework and some days to a file, which appears whole. Twice replaces it.

    Raises `Refused` (409) where the journal is broken or the key is missing, and OSError.
    """
    told, scene, keys = framework(name), Scene(span, clock.now(), settings), keys_of(settings)
    walked = walk(store, scene, keys.public())
    if walked.last_seq:
        # Whatever was signed before must lead up to here: otherwise nothing is signed.
        make_checkpoint(store, clock, keys, walked.last_seq)
    seen = dict(walked.observations)
    with store.read() as tx:
        signed = between(tx, walked.first_seq - 1, walked.last_seq)
        for fact in LOOKED:
            found = fact.look(tx, scene)
            seen[fact.name] = Observation(
                fact.name, fact.title, fact.basis, found.number, found.sentence, found.status
            )
    findings = [finding(control, seen) for control in told.controls]
    counts = {status: sum(one.status is status for one in findings) for status in Status}
    about: dict[str, Any] = {
        "id": id_,
        "framework": name,
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "asked-by": asked_by,
    }
    used = {name for control in told.controls for name in control.facts}
    observations = [one for one in seen.values() if one.name in used or one.name == "records"]
    shown = {seq for one in observations for seq in one.examples}
    data = _data(about, told, scene, walked, observations, findings, counts)
    files = {
        DATA: (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode(),
        PAGE: page(data, walked).encode(),
        JOURNAL: "".join(_line(walked, seq) for seq in sorted(shown)).encode(),
        CHECKPOINTS: "".join(f"{canonical(as_values(signed[seq]))}\n" for seq in sorted(signed)).encode(),
    }
    made = write_bundle(path, files, kind=KIND, about=about, keys=keys, at=clock.now())
    return Pack(made, counts)


def _data(
    about: dict[str, Any],
    told: Framework,
    scene: Scene,
    walked: Walked,
    observations: Sequence[Observation],
    findings: Sequence[Finding],
    counts: dict[Status, int],
) -> dict[str, Any]:
    """Return evidence.json; see docs/reference/evidence.md. Where OSCAL has a word, it is used."""
    return {
        "format": FORMAT,
        "version": 1,
        "about": about,
        "made-by": f"nbkeep {version()}",
        "made-at": scene.now.isoformat(),
        "framework": {"id": told.id, "title": told.title, "source": told.source, "licence": told.licence},
        "start": scene.span.begin.isoformat(),
        "end": scene.until.isoformat(),
        "limits": _limits(scene, walked),
        "journal": {
            "first-seq": walked.first_seq,
            "last-seq": walked.last_seq,
            "after-hash": walked.after_hash,
            "last-hash": walked.last_hash,
        },
        "counts": {status.value: count for status, count in counts.items()},
        "observations": [
            {
                "id": one.name,
                "title": one.title,
                "basis": one.basis,
                "number": one.number,
                "description": one.sentence,
                "status": one.status.value,
                "relevant-evidence": list(one.examples),
            }
            for one in observations
        ],
        "findings": [
            {
                "target-id": one.control.id,
                "group": one.control.group,
                "title": one.control.title,
                "status": one.status.value,
                "description": one.sentence,
                "related-observations": list(one.control.facts),
            }
            for one in findings
        ],
    }


def _limits(scene: Scene, walked: Walked) -> list[str]:
    """Say what these days are not."""
    told: list[str] = []
    if scene.until < scene.span.end:
        told.append(f"The days are not over: nothing after {scene.until:%Y-%m-%d %H:%M} UTC can be in here.")
    if walked.last_seq < walked.first_seq:
        told.append("The journal has no record of these days.")
    elif walked.first_at > scene.span.begin.isoformat():
        told.append(f"The journal begins on {walked.first_at[:10]}: there is no record of the days before.")
    told.append(
        "Facts of tables and settings are as they were when this pack was made, unless they say otherwise."
    )
    told.append("Facts are counted by the wall clock of the host, in days of UTC.")
    return told


def _line(walked: Walked, seq: int) -> str:
    one = walked.examples[seq]
    return f'{{"hash":"{one.hash}","previous":"{one.previous}","record":{one.record}}}\n'
