"""What `nbkeep doctor` tells of the platform itself: its secrets, addresses and services."""

from __future__ import annotations

import os
import stat
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbkeep.backends.interface import HostFact
from nbkeep.doors.supervisor.state import running_supervisor
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.sessions.state_keys import place_of as state_key_place
from nbkeep.vault.place import place_of
from nbkeep.vault.sources.hashicorp import hashicorp

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.settings import Settings


def platform_facts(settings: Settings) -> list[HostFact]:
    """Return the facts about a platform in its data directory, whether or not it runs."""
    return [
        _secrets(settings),
        *(_state_key(settings, name) for name in ("", *settings.state_keys)),
        *_vault(settings),
        _origins(settings),
        _transport(settings),
        *_services(settings),
    ]


def _secrets(settings: Settings) -> HostFact:
    """Tell whether anybody but the owner could read or replace the platform's tokens."""
    title = "Tokens of the platform"
    files = (
        sorted(settings.secrets_dir.iterdir()) if _is_open(settings.secrets_dir, os.R_OK | os.X_OK) else []
    )
    wrong = [str(path) for path in (settings.secrets_dir, *files) if path.exists() and _mode(path) & 0o077]
    if settings.data_dir.exists() and _mode(settings.data_dir) & 0o022:
        wrong.append(str(settings.data_dir))
    if not wrong:
        return HostFact("secrets", title, "holds", f"For their owner alone: {settings.secrets_dir}.")
    return HostFact("secrets", title, "missing", f"Open to other users of this host: {', '.join(wrong)}.",
                    f"chmod -R go-rwx {settings.secrets_dir}; chmod go-w {settings.data_dir}; make new "
                    "tokens by deleting the old ones between `nbkeep down` and `nbkeep up`, except "
                    "state-key: `nbkeep state-key new` puts a new key in front of it.")  # fmt: skip


def _state_key(settings: Settings, name: str) -> HostFact:
    """Tell whether what is saved with the keys of one place can be read, and by whom."""
    place, is_ours = state_key_place(settings, name), not name and not settings.state_key
    key, title = f"state-key-{name}" if name else "state-key", place.what.removeprefix("The ").capitalize()
    if is_ours:
        if settings.secrets_dir.exists() and not _is_open(settings.secrets_dir, os.X_OK):
            return HostFact(key, title, "info", f"Only the owner of {settings.secrets_dir} can tell.")
        if place.may_be_made:
            return HostFact(key, title, "info", "The first `nbkeep up` makes it.")
    if isinstance(place.where, str):
        return HostFact(key, title, "info", f"The office takes it from {place}.")
    try:
        count = len(place.read())
    except Refused as refusal:
        makes = f"nbkeep state-key new --source {name}" if name else "nbkeep state-key new"
        return HostFact(key, title, "missing", refusal.message,
                        f"Put it back at {place}, for its owner alone (mode 0600); `{makes}` makes one where "
                        "none was.")  # fmt: skip
    keys = f"{count} key{'' if count == 1 else 's'} in {place}"
    if is_ours:
        return HostFact(key, title, "holds", f"{keys}, beside the data: who copies both can read them.")
    return HostFact(key, title, "holds", f"{keys}: a copy of the data alone cannot be read.")


def _vault(settings: Settings) -> list[HostFact]:
    """Tell whether values that lie elsewhere can be had; nothing where none could."""
    title = "Vault with values of secrets"
    try:
        place = place_of(settings)
        if place is None:
            return []
        hashicorp(place).check()
    except NbkeepError as error:
        return [HostFact("vault", title, "missing", error.message,
                         "Secrets that lie there are not used meanwhile: requests that need one get a 503. "
                         "See the settings vault_url and vault_login.")]  # fmt: skip
    return [HostFact("vault", title, "holds", f"{settings.vault_url} lets nbkeep in.")]


def _is_open(path: Path, wanted: int) -> bool:
    return path.is_dir() and os.access(path, wanted)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _origins(settings: Settings) -> HostFact:
    title = "An origin per person"
    if settings.unsafe_shared_origin:
        return HostFact("origins", title, "weaker",
                        "unsafe_shared_origin is on: script in a notebook's output acts as whoever opens it.",
                        "Give the host wildcard names (*.HOST), then delete the setting.")  # fmt: skip
    host = urlsplit(settings.public_url).hostname
    return HostFact("origins", title, "holds", f"Sessions have names of their own: *.{host}.")


def _transport(settings: Settings) -> HostFact:
    title, url = "Passwords and cookies on the way", urlsplit(settings.public_url)
    if url.scheme == "https":
        return HostFact("transport", title, "holds", f"Encrypted: {settings.public_url}.")
    listen = settings.listen.rpartition(":")[0].strip("[]")
    if _is_local(str(url.hostname)) and _is_local(listen):
        return HostFact("transport", title, "holds", "They do not leave this machine.")
    return HostFact("transport", title, "weaker",
                    f"{settings.public_url} (listening on {settings.listen}) is not encrypted.",
                    "Put a proxy with a certificate in front: `nbkeep up --url https://…`.")  # fmt: skip


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _services(settings: Settings) -> list[HostFact]:
    state = running_supervisor(settings)
    if state is None:
        return [HostFact("services", "Services", "info", f"nbkeep does not run in {settings.data_dir}.",
                         "Start it with `nbkeep up`.")]  # fmt: skip
    return [
        HostFact(f"service-{one.name}", f"Service {one.name}", "holds" if one.state == "ready" else "missing",
                 f"{one.state}." if not one.last_end else f"{one.state}; last end: {one.last_end}.",
                 "" if one.state == "ready" else f"See `nbkeep logs {one.name}`.")
        for one in state.services
    ]  # fmt: skip
