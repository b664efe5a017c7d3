"""The database engine of a Vault or OpenBao: has logins made, renewed, revoked. Checks what it answers."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.vault.logins import rules

if TYPE_CHECKING:
    import httpx

    from nbkeep.vault.logins.rules import Made

    from .hashicorp import Hashicorp

_OK, _BAD = 200, 400
_DONE = (_OK, 204)  # 202: it will be tried some time
# The database takes its time, also to renew; who asks for a value waits for five seconds.
_MAKE_S, _RENEW_S, _REVOKE_S = 4.0, 4.0, 10.0
_log = logging.getLogger("nbkeep.vault")


class DatabaseEngine:
    """All raises `Refused` (409) or `Unavailable`, which repeat neither a value nor the Vault's words."""

    def __init__(self, client: Hashicorp) -> None:
        self._client = client

    def make(self, path: str) -> Made:
        """Have a login made. What is not understood of it is revoked at once, as far as it can be named."""
        answer = self._client.ask("GET", path, wait_s=_MAKE_S, once=secrets.token_hex(16))
        if answer.status_code != _OK:
            raise Refused("vault-no-role",
                          f"Vault makes no login at {path} (it answers {answer.status_code}).",
                          "An admin looks whether the database engine and the role are there.",
                          status=409)  # fmt: skip
        said = _json(answer)
        try:
            made = rules.made(said, path)
            rules.check_lasting(made.lasts_s)
        except Refused:
            if lease := rules.vault_lease_in(said, path):
                self.revoke_or_leave(lease, path)
            raise
        return made

    def revoke_or_leave(self, vault_lease: str, path: str) -> bool:
        """Tell whether it was revoked. If not it is left until its own time is over, which is logged."""
        try:
            self.revoke(vault_lease)
        except NbkeepError as error:
            _log.warning(
                "a login that was made at %s is not revoked and ends by its own time: %s", path, error
            )
            return False
        return True

    def renew(self, vault_lease: str) -> int | None:
        """Return for how many seconds from now it lasts, None where it has ended."""
        answer = self._client.ask("PUT", "sys/leases/renew", wait_s=_RENEW_S, lease_id=vault_lease)
        if answer.status_code == _BAD:
            return None
        if answer.status_code != _OK:
            raise _not_done("renew", answer)
        return rules.renewed_s(_json(answer), vault_lease) or None

    def revoke(self, vault_lease: str) -> None:
        """Have it ended in the database, now. Twice is safe."""
        answer = self._client.ask(
            "PUT", "sys/leases/revoke", wait_s=_REVOKE_S, lease_id=vault_lease, sync=True
        )
        if answer.status_code not in _DONE:
            raise _not_done("revoke", answer)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _not_done(what: str, answer: httpx.Response) -> Refused:
    return Refused(f"vault-no-{what}", f"Vault does not {what} a login (it answers {answer.status_code}).",
                   f"An admin lets nbkeep update sys/leases/{what} there.", status=409)  # fmt: skip
