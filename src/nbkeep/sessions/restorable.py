"""Whether a suspended session's variables can be brought back as things are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState
from nbkeep.profiles.images import built_images

from .state_keys import secret_of

if TYPE_CHECKING:
    from nbkeep.settings import Settings
    from nbkeep.store.tables import SessionRow


def hindrance(settings: Settings, row: SessionRow) -> str:
    """Return why a resume would not bring back what is kept, in sentences for its user; "" where it would."""
    if row.state != SessionState.SUSPENDED or row.kept is None:
        return ""
    try:
        secret_of(settings, row)
    except Refused as refusal:
        return f"It cannot be resumed now: {refusal.message[0].lower()}{refusal.message[1:]} {refusal.remedy}"
    image = row.profile["image"]
    saved_with, now = row.kept.get("image_digest"), built_images(settings.images_dir).get(image)
    if saved_with and now is not None and now.get("digest") != saved_with:
        return (
            f"The image {image} was built anew since these variables were saved, and they fit the earlier "
            "build only. Resumed now, the session starts without them; tabs and files are there."
        )
    return ""
