"""What rooms are given that work with the database in more than one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings

    from .database import Store


class Parts(Protocol):
    """What the office joins, as far as it needs no session: rooms that know sessions are given more."""

    @property
    def settings(self) -> Settings:
        """The configuration."""
        ...

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...
