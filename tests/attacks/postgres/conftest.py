"""A gateway with a connection to a server that asks for the password in clear, by TLS that is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connection_parts import FakeServer, Switched
from egress_parts import OTHER, Authority, NameServer, serving

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> Generator[FakeServer]:
    found = FakeServer(authority)
    with serving(found.server):
        yield found


@pytest.fixture
def switched(tmp_path: Path, authority: Authority, server: FakeServer) -> Generator[Switched]:
    """The session may use `warehouse`, the other one may not."""
    found = Switched(tmp_path, NameServer(), roots=authority.file)
    found.reach("")
    found.reach("", OTHER)
    found.declare(server.port, tls="verify")
    found.grant()
    yield found
    found.end()
