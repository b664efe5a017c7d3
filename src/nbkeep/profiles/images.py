"""Which images this host has: what `nbkeep image build` left under images/NAME/current."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDED = frozenset(
    {"base"}
)  # built from a lock file that comes with nbkeep; may be named before it is built


def built_images(images_dir: Path) -> dict[str, dict[str, Any]]:
    """Return {name: image.json} of the images that can be started; one that cannot be read is left out."""
    found: dict[str, dict[str, Any]] = {}
    if not images_dir.is_dir():
        return found
    for folder in sorted(images_dir.iterdir()):
        try:
            facts = json.loads((folder / "current" / "image.json").read_text())
        except (OSError, ValueError):
            continue
        if isinstance(facts, dict):
            found[folder.name] = cast("dict[str, Any]", facts)
    return found


def known_images(images_dir: Path) -> frozenset[str]:
    """Return the names that a profile may use."""
    return frozenset(built_images(images_dir)) | EMBEDDED
