"""What a person is told of an inspection: of theirs, all that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.foresight import wire
from nbkeep.foresight.report import summary

from . import rules

if TYPE_CHECKING:
    from nbkeep.foresight.values import Foreseen
    from nbkeep.store.inspection_tables import InspectionRow


def found_of(row: InspectionRow) -> Foreseen:
    """Return what was found."""
    return wire.read(row.result)


def inspection_view(row: InspectionRow, *, whole: bool) -> dict[str, Any]:
    """Return an inspection as a value for JSON; `whole`: with each act."""
    found = found_of(row)
    told: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "path": row.path or None,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "verdict": rules.verdict(found),
        "summary": summary(found),
        "has_page": bool(row.page_sha256),
        "inspected_at": row.inspected_at,
        "ends_at": row.ends_at,
    }
    return told | {"result": row.result} if whole else told | {"counts": row.result["counts"]}
