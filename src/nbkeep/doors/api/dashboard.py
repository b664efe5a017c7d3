"""/api/v1/dashboard: all figures and numbers of the dashboard."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from nbkeep.dashboard.gather import gather
from nbkeep.dashboard.values import as_json

from .auth import ActorDep, OfficeDep

router = APIRouter(tags=["usage"])


@router.get("/dashboard", summary="Everything at a glance")
def show(
    office: OfficeDep,
    actor: ActorDep,
    month: Annotated[str, Query(max_length=20, description="Such as 2026-11; this month if not given")] = "",
) -> dict[str, Any]:
    """Return figures, idle GPUs and the numbers behind each chart. Needs `audit:read`.

    Amounts are whole numbers in the unit that their sheet names; costs are in microcents, 10^-8 of the
    currency.
    """
    with office.store.read() as tx:
        return as_json(gather(tx, office.clock, actor, month, office.settings.currency))
