"""Who is looking at which kernel, so that output of a closed tab is kept and put into its notebook."""

from __future__ import annotations

import time
from typing import Any, Protocol


class Client(Protocol):
    """One open websocket to a kernel."""

    kernel_id: Any

    @property
    def client(self) -> str:
        """Return the client's own id."""
        ...

    def tell(self, text: str, parent: dict[str, Any]) -> None:
        """Show a sentence in a cell's output."""
        ...


class Clients:
    """The open connections of the session."""

    def __init__(self) -> None:
        self._open: list[Client] = []
        self._gone_s: dict[str, float] = {}

    def add(self, client: Client) -> None:
        """Count a client as present."""
        self._open.append(client)
        self._gone_s.pop(client.client, None)

    def remove(self, client: Client) -> None:
        """Count it no longer; harmless twice."""
        if client in self._open:
            self._open.remove(client)
            self._gone_s[client.client] = time.monotonic()
            while len(self._gone_s) > 1000:  # browsers that came and went
                self._gone_s.pop(next(iter(self._gone_s)))

    def of(self, kernel_id: str) -> list[Client]:
        """Return the clients of a kernel."""
        return [client for client in self._open if client.kernel_id == kernel_id]

    def is_here(self, name: str) -> bool:
        """Tell whether a client is connected."""
        return any(client.client == name for client in self._open)

    def absent_s(self, name: str) -> float:
        """Return for how long a client is gone; 0 while it is here."""
        if self.is_here(name):
            return 0.0
        return time.monotonic() - self._gone_s.get(name, 0.0)
