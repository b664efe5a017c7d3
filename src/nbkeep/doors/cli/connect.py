"""Which office the command line talks to, and as whom.

In this order: NBKEEP_URL with NBKEEP_TOKEN (or NBKEEP_TOKEN_FILE); NBKEEP_DATA, as its operator; the account
of `nbkeep login`; the default data directory, as its operator. What was said most explicitly wins.
"""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from nbkeep import wholefile
from nbkeep.model.errors import Refused
from nbkeep.settings import default_data_dir

if TYPE_CHECKING:
    from .client import Api

_LONGEST_TOKEN = 4096


@dataclass(frozen=True)
class Target:
    """An office: `url` without the API's path, the unix socket when it is on this machine, and a token."""

    url: str
    token: str
    socket: Path | None = None

    @property
    def words(self) -> str:
        """Where it is, for messages."""
        return f"the office in {self.socket.parent.parent.parent}" if self.socket else self.url


def office() -> Api:
    """Return a connection to the office that `find_target` chooses."""
    return office_at(find_target())


def office_at(target: Target) -> Api:
    """Return a connection to one office."""
    from .client import Api  # the HTTP library is slow to import and --help needs none

    return Api(target)


def part(name: str) -> str:
    """Return a name as one part of a path, whatever it holds."""
    return quote(name, safe="@") if name not in {"", ".", ".."} else "%00"


def find_target() -> Target:
    """Return the office to talk to; raise `Refused` with what to do when none is known."""
    if url := os.environ.get("NBKEEP_URL"):
        return Target(checked_url(url), _token_from_environment(checked_url(url)))
    if os.environ.get("NBKEEP_DATA"):
        return _local(default_data_dir().absolute())
    if saved := load_credentials():
        return Target(checked_url(saved[0]), saved[1])
    return _local(default_data_dir().absolute())


def checked_url(url: str) -> str:
    """Return the address without a path; refuse one that would carry a token in clear over a network."""
    parts = urlsplit(url if "//" in url else f"https://{url}")
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.password:
        raise Refused(
            "bad-url", f"{url!r} is not the address of an nbkeep.", "Write it like https://nbkeep.acme.com."
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise Refused(
            "url-not-encrypted",
            f"{url} is not encrypted: a token would be readable on the way.",
            "Use its https:// address, or http://localhost on the machine itself.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def credentials_file() -> Path:
    """Return where `nbkeep login` keeps its account."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "nbkeep" / "credentials"


def load_credentials() -> tuple[str, str] | None:
    """Return (url, token) of `nbkeep login`, or None; refuse a file that others can read."""
    path = credentials_file()
    try:
        with path.open() as file:
            mode = os.fstat(file.fileno()).st_mode
            content = json.load(file)
        url, token = str(content["url"]), str(content["token"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused("bad-credentials", f"{path} cannot be read.", "Run `nbkeep login` again.") from error
    if mode & 0o077:
        raise Refused(
            "open-credentials",
            f"{path} can be read by others.",
            f"Run `chmod 600 {path}`; then revoke the token and log in again.",
        )
    return url, token


def save_credentials(url: str, token: str) -> Path:
    """Keep an account for later commands in a file that only its owner reads; returns the file."""
    path = credentials_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    wholefile.write(path, json.dumps({"url": url, "token": token}))
    return path


def read_token(path: Path) -> str:
    """Return the token in a file; raise `Refused` when there is none."""
    try:
        token = path.read_text()[:_LONGEST_TOKEN].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            "no-token",
            f"No token can be read from {path} ({error.__class__.__name__}).",
            "Check the path and its permissions.",
        ) from error
    return checked_token(token, str(path))


def checked_token(token: str, source: str) -> str:
    """Return the token, or refuse what cannot be one (it becomes part of a header)."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Refused("no-token", f"There is no token in {source}.", "Make one with `nbkeep token create`.")
    return token


def _token_from_environment(url: str) -> str:
    if token := os.environ.get("NBKEEP_TOKEN"):
        return checked_token(token.strip(), "NBKEEP_TOKEN")
    if path := os.environ.get("NBKEEP_TOKEN_FILE"):
        return read_token(Path(path))
    saved = load_credentials()
    if saved and checked_url(saved[0]) == url:
        return saved[1]
    raise Refused(
        "no-token",
        f"NBKEEP_URL says {url}, but there is no token for it.",
        "Set NBKEEP_TOKEN or NBKEEP_TOKEN_FILE, or run `nbkeep login`.",
    )


def _local(data: Path) -> Target:
    try:
        token = (data / "secrets/operator-token").read_text()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(
            "no-office",
            f"There is no nbkeep in {data}.",
            "Start one with `nbkeep up`, or use one elsewhere with `nbkeep login URL`.",
        ) from error
    except PermissionError as error:
        raise Refused(
            "not-the-operator",
            f"The nbkeep in {data} belongs to somebody else.",
            "Run this as its owner (for example with sudo), or use your own account: `nbkeep login URL`.",
        ) from error
    return Target(
        "http://localhost", checked_token(token.strip(), str(data)), data / "run/office/office.sock"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
