"""What this room needs from outside: the hub, and the joined parts of the office."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nbkeep.store import interface as store

if TYPE_CHECKING:
    from nbkeep.backends.interface import Backend


class Hub(Protocol):
    """JupyterHub, as far as sessions need it. Called by `start`, `stop` and the loops, outside transactions.

    The hub knows servers by user and server name; the session id travels in `user_options` and gives no
    power: the hub's spawner asks the office (`launch`) whether that session was admitted.
    """

    def start_server(self, user: str, name: str, session_id: str) -> None:
        """Ask for a server; return once the hub has taken the request, not when the server is ready.

        Twice is safe: a server that is already there or on its way is left alone. Raises `Unavailable` when
        the hub does not answer and `Refused` when it says no.
        """
        ...

    def stop_server(self, user: str, name: str) -> bool:
        """Ask for a server's end; return once the request is taken. Twice is safe.

        False: the hub cannot end it now because its start is still pending; the caller then ends the
        processes and the hub sees the start fail. A server that is not there is no error. Raises
        `Unavailable` when the hub does not answer.
        """
        ...


class Parts(store.Parts, Protocol):
    """What the office joins: every verb of this room that does more than one transaction is given it."""

    @property
    def backend(self) -> Backend:
        """Where sessions run."""
        ...

    @property
    def hub(self) -> Hub:
        """JupyterHub."""
        ...
