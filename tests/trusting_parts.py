"""A platform for tests whose gateway trusts servers of the test's own, under this machine's own name."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from egress_parts import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from platform_parts import Platform


@dataclass(frozen=True)
class Trusting:
    """`host` is this machine's name, `address` what it resolves to; `authority` signs for any name."""

    platform: Platform
    authority: Authority
    host: str
    address: str


def make_trusting(platform: Platform, folder: Path) -> Trusting:
    """Start a platform that trusts a new authority; skip where this machine's name has no address."""
    host = socket.gethostname().lower()
    try:
        address = socket.gethostbyname(host)
    except OSError:
        pytest.skip("this machine's own name has no address here: add it to /etc/hosts")
    authority = Authority.make(folder)
    roots = platform.data_dir / "acme.pem"
    roots.write_bytes(authority.file.read_bytes())
    with (platform.data_dir / "config.toml").open("a") as config:
        config.write(f'egress_ca_file = "{roots}"\n')
    platform.up()
    return Trusting(platform, authority, host, address)
