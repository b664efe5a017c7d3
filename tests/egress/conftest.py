"""A gateway, and servers that it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from egress_parts import Authority, NameServer, Outside, Web, serving
from office_parts import any_office, office

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["any_office", "office"]


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Generator[Web]:
    with serving(Web(authority.server_context("web.acme.local", "other.acme.local"))) as server:
        yield server


@pytest.fixture
def outside(tmp_path: Path) -> Generator[Outside]:
    """A gateway whose name server leads *.acme.local to loopback."""
    loopback = [["127.0.0.1"]]
    found = Outside(tmp_path, NameServer(web_acme_local=loopback, other_acme_local=loopback))
    yield found
    found.end()
