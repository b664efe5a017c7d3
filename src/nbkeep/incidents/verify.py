"""Check an incident's evidence anywhere, with the file and the public key alone."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nbkeep.audit.canonical import canonical
from nbkeep.audit.journal import link
from nbkeep.audit.signing import CHECKPOINT, problem_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbkeep.audit.signing import PublicKey

EVIDENCE = (
    "nbkeep incident evidence v1"  # part of what is signed, so that no signature serves for something else
)
MANIFEST = "manifest.json"
CLOCK_FIELD = "made_at"
_JOURNAL = "journal.jsonl"
_MOST_MANIFEST = 16 << 20
_LONGEST_LINE = 64 << 20
_CHUNK = 1 << 20


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
    """Return whether a file is what the holder of a key signed, whole and unchanged. Raises OSError.

    No more is read of it than its signed list of files says there is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _verify(archive, keys)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zipfile.LargeZipFile) as error:
        return EvidenceReport(ok=False, problem=f"this is no whole archive ({error})"[:300])


def _verify(archive: zipfile.ZipFile, keys: Sequence[PublicKey]) -> EvidenceReport:
    manifest = _manifest(archive)
    if manifest is None:
        return EvidenceReport(ok=False, problem="it has no list of its files that could be read")
    try:
        problem = problem_of(EVIDENCE, manifest, keys)
    except (ValueError, RecursionError):
        problem = "does not fit: it was edited"  # values that have no canonical form were never signed
    if problem:
        return EvidenceReport(ok=False, problem=f"its signature {problem}")
    files = cast("list[dict[str, Any]]", manifest["files"])
    there, wanted = sorted(archive.namelist()), sorted([MANIFEST, *(str(one["name"]) for one in files)])
    if there != wanted:
        odd = next(iter(set(there) ^ set(wanted)), "a name twice")
        return EvidenceReport(ok=False, problem=f"files were added or taken away: {odd[:100]}")
    records = 0
    for one in files:
        if problem := _problem_of_file(archive, one):
            return EvidenceReport(ok=False, problem=problem)
        if one["name"] == _JOURNAL:
            records, problem = _check_journal(archive, one)
            if problem:
                return EvidenceReport(ok=False, problem=problem)
    signed = manifest.get("checkpoint")
    if isinstance(signed, dict) and (problem := problem_of(CHECKPOINT, cast("dict[str, Any]", signed), keys)):
        return EvidenceReport(ok=False, problem=f"the checkpoint of the journal: its signature {problem}")
    return EvidenceReport(
        ok=True,
        incident=str(manifest["incident"]),
        made_at=str(manifest[CLOCK_FIELD]),
        files=len(files),
        records=records,
        notes=tuple(str(one) for one in cast("list[Any]", manifest.get("notes", []))),
    )


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any] | None:
    try:
        with archive.open(MANIFEST) as file:
            text = file.read(_MOST_MANIFEST + 1)
        told = json.loads(text) if len(text) <= _MOST_MANIFEST else None
    except (KeyError, ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", told) if isinstance(told, dict) else None


def _problem_of_file(archive: zipfile.ZipFile, told: dict[str, Any]) -> str:
    digest, size = hashlib.sha256(), 0
    with archive.open(str(told["name"])) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
            if size > told["bytes"]:
                break
    if size != told["bytes"] or digest.hexdigest() != told["sha256"]:
        return f"{told['name']} was changed: its hash is not the one that was signed"
    return ""


def _check_journal(archive: zipfile.ZipFile, told: dict[str, Any]) -> tuple[int, str]:
    """Check that each record has the hash that it had in the journal; return how many there are."""
    count = 0
    with archive.open(str(told["name"])) as file:
        while line := file.readline(_LONGEST_LINE):
            one = json.loads(line)
            if link(one["prev"], canonical(one["record"])) != one["hash"]:
                return (
                    count,
                    f"record {one['record'].get('seq')} of the journal was changed before it was signed",
                )
            count += 1
    return count, ""
