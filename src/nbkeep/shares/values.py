"""What a share is made of, and the words of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.gates import Gate

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.settings import Settings
    from nbkeep.store.share_tables import ShareRow, ShareViewRow

SEE = "releases"
ADMIN = "admin:releases"
ANYONE = "anyone"
LINK, GALLERY = "link", "gallery"
PAGE, FILE = "page", "file"
KINDS = {Gate.SHARE.value: LINK, Gate.PUBLISH.value: GALLERY}
TITLE_LENGTH, DESCRIPTION_LENGTH, REASON_LENGTH = 200, 2000, 500
MOST_TAGS, TAG_LENGTH, MOST_AUDIENCE = 10, 30, 50
# Within this time the same person at the same address has looked once: reloads are no news.
SAME_VIEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Released:
    """What a release gives away. `gate`: share or publish; `audience`: see `rules.AUDIENCE_WORDS`.

    `sha256` in hex: of exactly the bytes that were released, kept in `rendering.kept.Documents`.
    """

    release_id: str
    owner_id: str
    owner: str
    title: str
    sha256: str
    media_type: str
    form: str
    classification: str
    gate: str
    audience: tuple[str, ...]
    expires_at: datetime
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What the operator lets shares be. Without a word of theirs: nothing for anyone, 30 days."""

    with_anyone: bool = False
    link_max_s: int = 30 * 86400
    gallery_max_s: int = 365 * 86400


def limits_of(settings: Settings) -> Limits:
    """Return what the settings say."""
    return Limits(settings.share_with_anyone, settings.share_max_s, settings.gallery_max_s)


@dataclass(frozen=True)
class Sought:
    """What to look for in the gallery; empty fields do not restrict."""

    text: str = ""
    tag: str = ""
    project: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Found:
    """One page of shares, and the cursor of the next one (None on the last)."""

    rows: list[ShareRow]
    next: str | None


@dataclass(frozen=True)
class Views:
    """One page of who looked, and the cursor of the next one (None on the last)."""

    rows: list[ShareViewRow]
    next: str | None
