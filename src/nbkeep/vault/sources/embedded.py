"""The embedded source: values lie in nbkeep's own database, sealed (see `envelope.py`)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.model.errors import Refused
from nbkeep.store.tables import SecretVersionRow
from nbkeep.vault.envelope import Sealed, rewrap, seal, unseal
from nbkeep.vault.master import key_of, newest_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.vault.values import Binding


class EmbeddedSource:
    """The `Source` of what is kept here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def put(self, tx: Tx, secret_id: str, version: int, binding: Binding, value: str) -> None:
        """Seal a value under the newest master key, which is made when nothing is sealed yet."""
        count = tx.scalar(select(func.count()).where(SecretVersionRow.sealed.is_not(None)))
        master = newest_key(self._settings, may_make=not count)
        row = tx.get_one(SecretVersionRow, (secret_id, version))
        _store(row, seal(master, secret_id, version, binding, value))

    def fetch(self, tx: Tx, secret_id: str, version: int, binding: Binding) -> Callable[[], str]:
        """Return what gives the value; raise `Refused` (409) where it cannot be had as it was sealed."""
        found = _stored(tx.get(SecretVersionRow, (secret_id, version)))
        if found is None:
            raise Refused("secret-gone", "The value of this secret is not there any more.",
                          "Its owner sets it anew.", status=409)  # fmt: skip
        value = unseal(key_of(self._settings, found.key_id), secret_id, version, binding, found)
        return lambda: value

    def forget(self, tx: Tx, secret_id: str, version: int | None = None) -> None:
        """Delete what is sealed; that there was a version, and who set it, stays."""
        forget(tx, secret_id, version)

    def newest_id(self) -> str:
        """Return the id of the master key for new values; raise `Refused` (409) where there is none."""
        return newest_key(self._settings, may_make=False).id

    def rewrap_all(self, tx: Tx) -> int:
        """Put every value under the newest master key; return how many were under another. Twice is safe."""
        master = newest_key(self._settings, may_make=False)
        count = 0
        for row in tx.scalars(select(SecretVersionRow).where(SecretVersionRow.sealed.is_not(None))):
            found = _stored(row)
            if found is not None and found.key_id != master.id:
                old = key_of(self._settings, found.key_id)
                _store(row, rewrap(old, master, row.secret_id, row.version, found))
                count += 1
        return count


def forget(tx: Tx, secret_id: str, version: int | None = None) -> None:
    """Delete what is sealed of one version, or of all. Twice is safe."""
    query = select(SecretVersionRow).where(SecretVersionRow.secret_id == secret_id)
    if version is not None:
        query = query.where(SecretVersionRow.version == version)
    for row in tx.scalars(query):
        row.sealed = row.wrapped_key = row.master_key_id = None


def _store(row: SecretVersionRow, found: Sealed) -> None:
    row.master_key_id = found.key_id
    row.wrapped_key = base64.b64encode(found.wrapped).decode()
    row.sealed = base64.b64encode(found.sealed).decode()


def _stored(row: SecretVersionRow | None) -> Sealed | None:
    if row is None or row.sealed is None or row.wrapped_key is None or row.master_key_id is None:
        return None
    return Sealed(row.master_key_id, base64.b64decode(row.wrapped_key), base64.b64decode(row.sealed))
