"""/api/v1/images: what profiles can be built on."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from nbkeep.profiles.images import EMBEDDED, built_images

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/images", tags=["images"])


@router.get("")
def list_images(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """List images with their packages; `is_built` is false for an embedded one that nobody has built yet."""
    actor.require("profiles:read")
    built = built_images(office.settings.images_dir)
    items = [{**facts, "name": name, "is_built": True} for name, facts in built.items()]
    items += [
        {"name": name, "digest": "", "python": "", "packages": [], "built_at": None, "is_built": False}
        for name in sorted(EMBEDDED - set(built))
    ]
    return {"items": items, "next": None}
