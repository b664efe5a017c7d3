"""The table of hosts to which uploads are treated in a way of their own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class UploadPlaceRow(Table):
    """How what is sent to a host is treated. No row: it is examined where a policy asks for that.

    `host`: as `egress.parse.parse_pattern` makes it. `treatment`: a word of `egress.leaving.places`.
    """

    __tablename__ = "upload_places"
    host: Mapped[str] = mapped_column(String(260), primary_key=True)
    treatment: Mapped[str] = mapped_column(String(12))
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))
