"""Names of places in lists that grow at the front: a page continues behind the last one."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from .errors import invalid


def make_cursor(at: datetime, row_id: str) -> str:
    """Return an opaque name of a place in a list."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row_id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """Return what `make_cursor` was given; raise `Refused` (400) for anything else."""
    try:
        at, row_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError  # noqa: TRY301 - one answer for all that is not a cursor
    except (ValueError, binascii.Error) as error:
        raise invalid("cursor", "This is not a cursor of this list.", "Begin again without one.") from error
    return moment, row_id
