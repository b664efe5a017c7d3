"""How much is looked into, for whom, and for how long: values in, verdict out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid

if TYPE_CHECKING:
    from nbkeep.foresight.values import Foreseen

SCOPE = "sessions"
"""Who may start sessions may look before they do."""
MOST_BYTES = 16 << 20
KEPT = timedelta(days=7)
MOST_KEPT = 30
"""Of one person; an older one goes for a new one."""
_LONGEST_NAME = 200


def read_name(text: str) -> str:
    r"""Return the name of a file as its person called it, without folders; raise `Refused` (400).

    >>> read_name("C:\\downloads\\plan.ipynb"), read_name("a/b.py")
    ('plan.ipynb', 'b.py')
    """
    name = text.replace("\\", "/").rpartition("/")[2].strip()
    if not name or name in {".", ".."} or len(name) > _LONGEST_NAME or not name.isprintable():
        raise invalid("name", f"{text[:80]!r} is no name of a file.", "Give one such as plan.ipynb.")
    return name


def verdict(found: Foreseen) -> str:
    """Return in a word how a document is to be met: `unknown`, `dangerous`, `notable` or `ordinary`.

    What could not be read is never called ordinary.
    """
    if found.problem:
        return "unknown"
    if found.count("dangerous"):
        return "dangerous"
    if found.count("notable") or any(not one.partly for one in found.not_read):
        return "notable"
    return "ordinary"
