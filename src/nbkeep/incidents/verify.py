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

    from nbkeep.audit.bundle import Bundle, BundleReport
    from nbkeep.audit.signing import PublicKey

KIND = "incident"
JOURNAL = "journal.jsonl"
CHANGED = "The journal was changed by somebody before this was signed: `nbkeep audit verify` tells where."
_LONGEST_LINE = 64 << 20
_MOST_NOTES = 100


@dataclass(frozen=True)
class EvidenceReport:
    """The outcome: the first thing that is wrong, or what the evidence is of and holds.

    `warning`: the file is what was signed, but of a journal that somebody had changed before; `notes` says
    which records.
    """

    ok: bool
    problem: str = ""
    warning: str = ""
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
    try:
        return _look(bundle, report, keys)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The holder of the key signed it, but it is no evidence that this version knows.
        raise BundleProblem(f"what was signed is no incident's evidence ({type(error).__name__})") from error


def _look(bundle: Bundle, report: BundleReport, keys: Sequence[PublicKey]) -> EvidenceReport:
    signed: dict[str, Any] | None = report.about["checkpoint"]
    # Whoever signed it had looked. What does not fit although it did then was never what was signed.
    did_fit = signed is not None and report.about.get("journal_fits", True) is True
    records, misfits = 0, list[str]()
    for line in bundle.lines(JOURNAL, _LONGEST_LINE):
        one = json.loads(line)
        # Each has the hash that it had in the journal: it was not changed before it was signed either.
        if link(one["prev"], canonical(one["record"])) != one["hash"]:
            seq = one["record"].get("seq")
            if did_fit:
                raise BundleProblem(f"the record {seq} does not fit its hash")
            misfits.append(f"The record {seq} did not fit its hash when this was signed.")
        records += 1
    problem = problem_of(CHECKPOINT, signed, keys) if signed else ""
    if problem:
        raise BundleProblem(f"the checkpoint of the journal: its signature {problem}")
    if len(misfits) > _MOST_NOTES:
        misfits[_MOST_NOTES:] = [f"So did {len(misfits) - _MOST_NOTES} more not."]
    return EvidenceReport(
        ok=True,
        warning="" if did_fit else CHANGED,
        incident=str(report.about["incident"]),
        made_at=report.made_at,
        files=len(report.files),
        records=records,
        notes=(*misfits, *(str(one) for one in cast("list[Any]", report.about.get("notes", [])))),
    )
