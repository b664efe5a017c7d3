"""Whole stand-ins for what sessions need from outside, for tests of rooms and doors."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbkeep.model.errors import Refused, Unavailable


@dataclass
class InMemoryHub:
    """The `Hub` contract without a JupyterHub: servers are entries of a dictionary."""

    servers: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    starting: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    calls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def start_server(self, user: str, name: str, session_id: str) -> None:
        self.calls.append(("start", user, name))
        self.servers.setdefault((user, name), session_id)

    def stop_server(self, user: str, name: str) -> bool:
        self.calls.append(("stop", user, name))
        if (user, name) in self.starting:
            return False
        self.servers.pop((user, name), None)
        return True


class HubAway(InMemoryHub):
    """Nobody answers on the hub's socket."""

    def start_server(self, user: str, name: str, session_id: str) -> None:
        raise Unavailable("hub-away", "The hub does not answer.", "Try again in a moment.")

    def stop_server(self, user: str, name: str) -> bool:
        raise Unavailable("hub-away", "The hub does not answer.", "Try again in a moment.")


class HubSaysNo(InMemoryHub):
    """A hub that refuses every start."""

    def start_server(self, user: str, name: str, session_id: str) -> None:
        raise Refused("hub-refused", "Not started: too many users are starting servers.", "Wait.", status=409)
