"""Checks an evidence pack with nothing but the file and public keys; says the first thing that is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from nbkeep.audit.bundle import BundleProblem, opened
from nbkeep.audit.canonical import canonical
from nbkeep.audit.journal import link
from nbkeep.audit.signing import CHECKPOINT, problem_of

from .build import CHECKPOINTS, DATA, FORMAT, JOURNAL, KIND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbkeep.audit.bundle import Bundle, BundleReport
    from nbkeep.audit.signing import PublicKey

_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Verdict:
    """The outcome: the first problem, or what the pack says of itself."""

    ok: bool
    problem: str = ""
    made_at: str = ""
    key_id: str = ""
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    records: int = 0
    checkpoints: int = 0
    last_seq: int = 0
    last_hash: str = ""


def check(path: Path, keys: Sequence[PublicKey]) -> Verdict:
    """Check signature, every file, every record that is shown, and every checkpoint. Raises OSError."""
    try:
        with opened(path, keys) as bundle:
            return _check(bundle, bundle.report, keys)
    except BundleProblem as problem:
        return Verdict(ok=False, problem=str(problem))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # Whoever holds the key signed it, so that it is theirs: but it is no pack that this version knows.
        return Verdict(ok=False, problem=f"what was signed is no evidence pack ({type(error).__name__})")


def _check(bundle: Bundle, report: BundleReport, keys: Sequence[PublicKey]) -> Verdict:
    data = cast("dict[str, Any]", json.loads(bundle.read(DATA, _MOST_BYTES)))
    if report.kind != KIND or data.get("format") != FORMAT:
        raise BundleProblem(f"it is a bundle of another kind: {report.kind}")
    hashes: dict[int, str] = {}
    # Lines end at \n alone: what people write into records may have every other separator in it.
    for line in bundle.lines(JOURNAL, _MOST_BYTES):
        one = json.loads(line)
        if link(one["previous"], canonical(one["record"])) != one["hash"]:
            raise BundleProblem(f"the record {one['record']['seq']} does not fit its hash")
        hashes[one["record"]["seq"]] = one["hash"]
    signed = 0
    for line in bundle.lines(CHECKPOINTS, _MOST_BYTES):
        one = json.loads(line)
        if problem := problem_of(CHECKPOINT, one, keys):
            raise BundleProblem(f"the checkpoint of record {one['seq']}: its signature {problem}")
        if hashes.get(one["seq"], one["hash"]) != one["hash"]:
            raise BundleProblem(f"the checkpoint of record {one['seq']} speaks of another record")
        signed += 1
    for one in data["observations"]:
        if missing := set(one["relevant-evidence"]) - set(hashes):
            raise BundleProblem(f"the fact {one['id']} refers to record {min(missing)}, which is not in it")
    journal = data["journal"]
    return Verdict(
        ok=True,
        made_at=report.made_at,
        key_id=report.key_id,
        about=report.about,
        counts=data["counts"],
        records=len(hashes),
        checkpoints=signed,
        last_seq=journal["last-seq"],
        last_hash=journal["last-hash"],
    )
