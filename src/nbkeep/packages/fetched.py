"""What a gateway reports of packages: one record for each file that was fetched, or refused."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["installed", "refused", "altered", "unfinished"]


@dataclass
class PackageRecord:
    """One file of a package on its way into a session, or one that did not get there.

    `at`: ISO 8601; `sha256`: of what was passed on; `outcome`: "altered" when the index promised another
    hash: it was cut off. What was fetched whole counts as installed. `version`, `file`: "" when all of a
    project was refused.
    """

    id: str
    session_id: str
    at: str
    name: str
    version: str = ""
    file: str = ""
    index: str = ""
    sha256: str = ""
    size_bytes: int = 0
    outcome: Outcome = "unfinished"
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as the office takes it."""
        return asdict(self)
