"""Check an incident's evidence anywhere, with the file and the public key alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nbkeep.audit.bundle import BundleProblem, opened
from nbkeep.audit.canonical import canonical
from nbkeep.audit.journal import link
from nbkeep.audit.signing import CHECKPOINT, problem_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbkeep.audit.bundle import Bundle
    from nbkeep.audit.signing import PublicKey

KIND = "incident"
JOURNAL = "journal.jsonl"
_LONGEST_LINE = 64 << 20


@dataclass(frozen=True)
class EvidenceReport:
    """The outcome: the first thing that is wrong, or what the evidence is of and holds."""

    ok: bool
    problem: str = ""
    incident: str = ""
    made_at: str = ""
    files: int = 0
    records: int = 0
    notes: tuple[str, ...] = ()


def verify_evidence(path: Path, keys: Sequence[PublicKey]) -> EvidenceReport:
    """Return whether a file is what the holder of a key signed, whole and unchanged. Raises OSError."""
    try:
        with opened(path, keys) as bundle:
            return _verify(bundle, keys)
    except BundleProblem as problem:
        return EvidenceReport(ok=False, problem=str(problem))


def _verify(bundle: Bundle, keys: Sequence[PublicKey]) -> EvidenceReport:
    report = bundle.report
    if report.kind != KIND:
        raise BundleProblem(f"it is a bundle of another kind: {report.kind}")
    records = 0
    for line in bundle.lines(JOURNAL, _LONGEST_LINE):
        one = json.loads(line)
        # Each has the hash that it had in the journal: it was not changed before it was signed either.
        if link(one["prev"], canonical(one["record"])) != one["hash"]:
            raise BundleProblem(f"the record {one['record'].get('seq')} does not fit its hash")
        records += 1
    signed = report.about.get("checkpoint")
    problem = problem_of(CHECKPOINT, cast("dict[str, Any]", signed), keys) if signed else ""
    if problem:
        raise BundleProblem(f"the checkpoint of the journal: its signature {problem}")
    return EvidenceReport(
        ok=True,
        incident=str(report.about["incident"]),
        made_at=report.made_at,
        files=len(report.files),
        records=records,
        notes=tuple(str(one) for one in cast("list[Any]", report.about.get("notes", []))),
    )
