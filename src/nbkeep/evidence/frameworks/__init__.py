"""Frameworks as data, one file each: controls, and which facts speak of them."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from nbkeep.evidence.facts import FACTS
from nbkeep.evidence.values import Control, Framework
from nbkeep.model.errors import invalid

NAMES = ("nist-csf-2.0", "owasp-nhi", "nist-800-207")


@cache
def framework(name: str) -> Framework:
    """Return a framework; raise `Refused` (400) for one that is not here.

    A file that names a fact which is none, or that claims to be partial without saying why, is a bug.
    """
    if name not in NAMES:
        raise invalid(
            "framework", f"{name[:40]!r} is no framework that is known here.", f"Known: {', '.join(NAMES)}."
        )
    told = tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))
    controls = tuple(
        Control(
            one["id"],
            group["title"],
            one["title"],
            tuple(one.get("facts", ())),
            one.get("whole", False),
            one.get("gap", ""),
        )
        for group in told["groups"]
        for one in group["controls"]
    )
    for one in controls:
        if unknown := set(one.facts) - set(FACTS):
            raise ValueError(f"{name}.toml: {one.id} names facts that are none: {sorted(unknown)}")
        if one.facts and not one.whole and not one.gap:
            raise ValueError(f"{name}.toml: {one.id} is covered in part only: say in `gap` what is missing")
    return Framework(told["id"], told["title"], told["source"], told["licence"], controls)
