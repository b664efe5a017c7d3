r"""The findings that somebody has looked at: a file beside the code, with a reason for each.

It must not help anybody to find a value. A plain hash would: whoever has the file can try all telephone
numbers. So a finding is known again by rule, file, and twelve bits of a hash that is keyed by the file's own
salt: each of thousands of values has the same ones. A different secret at the same place is taken for the
known one once in 4,096 times.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep import wholefile
from nbkeep.model.errors import Refused, invalid

from . import files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .values import Finding

_VERSION = 1
_MOST_BYTES = 64 * 2**20
_HOW = "Write one with `nbkeep scan PATH --write-baseline FILE`."
_CHECK_DIGITS = 3  # hexadecimal: twelve bits


def check_of(salt: bytes, rule: str, value: str) -> str:
    """Return twelve bits that are the same for the same value, under one salt."""
    text = f"{rule}\0{value}".encode("utf-8", "replace")
    return hashlib.blake2b(text, key=salt[:64], digest_size=8).hexdigest()[:_CHECK_DIGITS]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is known. `reasons`: by rule, file and check; "" where nobody has written one."""

    salt: bytes
    reasons: dict[tuple[str, str, str], str]
    folder: Path

    def heed(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings, those that are known with their reason, or "in the baseline"."""
        return [
            replace(one, allowed=self.reasons[key] or "in the baseline")
            if not one.allowed and (key := self._key(one)) in self.reasons
            else one
            for one in findings
        ]

    def _key(self, one: Finding) -> tuple[str, str, str]:
        return one.rule, name_in(one, self.folder), one.check


def name_in(one: Finding, folder: Path) -> str:
    """Return a finding's file as the baseline names it: from the folder that the baseline lies in."""
    name = os.path.relpath(Path(one.path).absolute(), folder)
    return f"{name}!{one.place.inside}" if one.place.inside else name


def new(path: Path) -> Baseline:
    """Return a baseline that knows nothing, for a file that is to be written."""
    return Baseline(secrets.token_bytes(16), {}, path.absolute().parent)


def load(path: Path) -> Baseline:
    """Return what a file says; raises Refused where it says nothing that can be understood."""
    try:
        data = files.read_small(path, _MOST_BYTES)
        if data is None:
            raise _none(path)
        found: Any = json.loads(data)
        if found["version"] != _VERSION:
            raise _none(path)
        reasons = {
            (str(one["rule"]), str(one["file"]), str(one["check"])): str(one.get("reason", ""))
            for one in found["findings"]
        }
        return Baseline(bytes.fromhex(found["salt"]), reasons, path.absolute().parent)
    except OSError as error:
        raise invalid("baseline", f"The baseline {path} cannot be read: {error.strerror}.", _HOW) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _none(path) from error


def _none(path: Path) -> Refused:
    return invalid("baseline", f"{path} is no baseline of `nbkeep scan`.", _HOW)


def write(path: Path, known: Baseline, findings: Iterable[Finding]) -> int:
    """Put the findings into a file and return how many. Twice is safe.

    The reasons of those that are known already stay.
    """
    rows: dict[tuple[str, str, str], dict[str, object]] = {}
    for one in findings:
        name = name_in(one, known.folder)
        key = (one.rule, name, one.check)
        rows[key] = {"rule": one.rule, "file": name, "check": one.check, "cell": one.place.cell,
                     "line": one.line, "masked": one.masked,
                     "reason": known.reasons.get(key, "")}  # fmt: skip
    made = {"version": _VERSION, "salt": known.salt.hex(), "findings": [rows[key] for key in sorted(rows)]}
    wholefile.write(path, json.dumps(made, indent=1, ensure_ascii=True) + "\n", mode=0o644)
    return len(rows)
