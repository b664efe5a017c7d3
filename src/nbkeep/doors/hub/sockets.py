"""Paths of unix sockets as JupyterHub and its proxy write them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.settings import Settings


def socket_url(path: Path | str) -> str:
    """Return the URL of a unix socket.

    >>> socket_url("/run/Hub.sock")
    'http+unix://%2Frun%2F%48ub.sock'
    """
    # The hub keeps only the lower-cased host name of a server's URL: capitals hide in their percent form.
    hidden = (
        f"%{ord(char):02X}" if char.isascii() and char.isupper() else quote(char, safe="")
        for char in str(path)
    )
    return "http+unix://" + "".join(hidden)


def proxy_socket(settings: Settings) -> Path:
    """Return where the proxy takes the hub's orders."""
    return settings.run_dir / "proxy/api.sock"
