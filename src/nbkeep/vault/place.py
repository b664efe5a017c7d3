"""The HashiCorp Vault or OpenBao in which values may lie, and how nbkeep signs in there."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbkeep.model.errors import Refused, invalid

if TYPE_CHECKING:
    from nbkeep.settings import Settings

_LOGIN = "Write token:/FILE, or approle:/FILE-WITH-ROLE-ID,/FILE-WITH-SECRET-ID."


@dataclass(frozen=True)
class VaultPlace:
    """Where it is. Files are read when they are needed: what they hold may change, and is in no setting."""

    url: str
    namespace: str = ""
    token_file: str = ""
    role_id_file: str = ""
    secret_id_file: str = ""
    approle_path: str = "approle"
    ca_file: str = ""


def place_of(settings: Settings) -> VaultPlace | None:
    """Return it, None where there is none; raise `Refused` (400) naming the setting that cannot be right."""
    if not settings.vault_url:
        return None
    kind, _, files = settings.vault_login.partition(":")
    named = [one.strip() for one in files.split(",")]
    wanted = {"token": 1, "approle": 2}.get(kind)
    if wanted != len(named) or not all(Path(one).is_absolute() for one in named):
        raise invalid("vault-login", f"{settings.vault_login!r} does not say how to sign in.", _LOGIN)
    if settings.vault_ca_file and not Path(settings.vault_ca_file).is_absolute():
        raise invalid("vault-ca-file", f"{settings.vault_ca_file!r} is not a file.", "Write its whole path.")
    token, role, secret = (*named, "", "") if kind == "token" else ("", *named)
    return VaultPlace(
        _url(settings.vault_url),
        settings.vault_namespace.strip("/"),
        token,
        role,
        secret,
        settings.vault_approle_path.strip("/"),
        settings.vault_ca_file,
    )


def needed_place(settings: Settings) -> VaultPlace:
    """Return it; raise `Refused` (409) where there is none."""
    place = place_of(settings)
    if place is None:
        raise Refused("no-vault", "No Vault or OpenBao is connected to this nbkeep.",
                      "An operator sets vault_url and vault_login.", status=409)  # fmt: skip
    return place


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.username:
        raise invalid("vault-url", f"{text!r} is not the address of a Vault.",
                      "Write it like https://vault.acme.com:8200.")  # fmt: skip
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise invalid("vault-url", f"{text!r} is not encrypted, and values would be read on the way.",
                      "Use https; http is for an agent on this machine (http://127.0.0.1:8100).")  # fmt: skip
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
