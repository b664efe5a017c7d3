"""The one place where the office's parts are joined."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from nbkeep.egress.policy import platform_rules
from nbkeep.model.clock import SystemClock
from nbkeep.profiles.seeds import plant
from nbkeep.sessions.news import News
from nbkeep.store.database import Store
from nbkeep.telemetry.instruments import database_took
from nbkeep.vault.place import place_of

if TYPE_CHECKING:
    from nbkeep.backends.interface import Backend
    from nbkeep.model.clock import Clock
    from nbkeep.sessions.interface import Hub
    from nbkeep.settings import Settings


@dataclass(frozen=True)
class Office:
    """What decides and records: given to every door. Tests join other parts in the same way."""

    settings: Settings
    store: Store
    clock: Clock
    backend: Backend
    hub: Hub
    news: News = field(default_factory=News)
    # Set once the office is asked to end: who waits here for a change is then told what there is.
    ending: Event = field(default_factory=Event)

    def close(self) -> None:
        """Give back what is held open. Safe to call twice."""
        self.store.close()


def open_office(settings: Settings, backend: Backend, hub: Hub) -> Office:
    """Open the database, bring it up to date, seed an empty one, and join the parts on the host's clock."""
    platform_rules(settings.egress_denylist)
    place_of(settings)
    store = Store(settings.store_url, took=database_took)
    store.migrate()
    clock = SystemClock()
    with store.write() as tx:
        plant(tx, clock)
    return Office(settings, store, clock, backend, hub)
