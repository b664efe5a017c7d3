"""All values: those that nbkeep keeps itself, and those of which it keeps only where they lie."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused
from nbkeep.vault.parse import secret_value
from nbkeep.vault.place import needed_place
from nbkeep.vault.references import parse_reference, role_path

from .embedded import EmbeddedSource
from .hashicorp import hashicorp

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.vault.values import Binding

log = logging.getLogger("nbkeep.vault")


class ReferringSource(EmbeddedSource):
    """The `Source` of an office. A reference is sealed like a value: nobody moves it by the database."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._where = settings

    def fetch(self, tx: Tx, secret_id: str, version: int, binding: Binding) -> Callable[[], str]:
        """Return what gives the value; for one that lies elsewhere it asks there.

        Of one that is made for each session it is by which role (see `vault/logins/`).
        """
        kept = super().fetch(tx, secret_id, version, binding)
        if role_path(binding.source):
            return kept
        return (lambda: self._there(secret_id, kept(), binding)) if binding.source else kept

    def _there(self, secret_id: str, text: str, binding: Binding) -> str:
        try:
            return self.read(text, binding)
        except Refused as refusal:
            # The words are for admins: a session is not told what lies where.
            log.warning("%s: its value cannot be had: %s", secret_id, refusal)
            raise Refused("secret-not-there", "Its value is not where it ought to lie, or is none.",
                          "Ask its owner.", status=409) from None  # fmt: skip

    def read(self, text: str, binding: Binding) -> str:
        """Return the value that lies at a reference, if it is one. Raises `Refused` and `Unavailable`."""
        reference = parse_reference(text)
        return secret_value(hashicorp(needed_place(self._where)).read(reference), binding.kind)
