"""Sessions with roles of their own in a real PostgreSQL, made by the stand-in of a Vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connection_parts import look_often
from egress_parts import Authority, serving
from kv_server import KvServer
from login_parts import Lab, connected_to_stand_in, stand_in
from office_parts import office
from postgres_parts import Warehouse, warehouse

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from office_parts import OfficeForTests

__all__ = ["office"]


@pytest.fixture(scope="package")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="package")
def server(authority: Authority) -> Generator[Warehouse]:
    with warehouse(authority) as found:
        yield found


@pytest.fixture
def kv() -> Generator[KvServer]:
    with serving(KvServer()) as found:
        yield found


@pytest.fixture
def lab(
    kv: KvServer,
    office: OfficeForTests,
    server: Warehouse,
    authority: Authority,
    short_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Lab]:
    """Jane may use the connection, and has a session."""
    look_often(monkeypatch)
    engine = stand_in(server, kv)
    found = Lab(connected_to_stand_in(office, kv), server, short_dir, authority, engine)
    yield found
    found.end()
