"""What the vault needs of a place where values lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.store.database import Tx

    from .values import Binding


class Source(Protocol):
    """Keeps values. Every call runs in the transaction that changes, or reads, the secret's own record."""

    def put(self, tx: Tx, secret_id: str, version: int, binding: Binding, value: str) -> None:
        """Keep a value; a version is written once. Raises `Refused` or `Unavailable`: nothing is kept."""
        ...

    def fetch(self, tx: Tx, secret_id: str, version: int, binding: Binding) -> Callable[[], str]:
        """Return what gives the value, to be called after the transaction: it may ask over the network.

        Raises `Refused` (409) where it was altered, is gone, or bound otherwise then; the call raises
        `Refused`, or `Unavailable` where the value lies elsewhere and cannot be had now.
        """
        ...

    def forget(self, tx: Tx, secret_id: str, version: int | None = None) -> None:
        """Delete the value of one version, or of all. Twice is safe."""
        ...
