"""Attack: take away the vault in which a value lies, so that requests go out without a key, or with an old one.

Vault's stand-in, the office's own door, a gateway and a server behind TLS, all of them whole.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvicorn

from egress_parts import Authority, NameServer, serving, wait_for
from keyed_parts import HOST, Echo, Keyed, Office
from kv_server import ROLE_ID, SECRET_ID, KvServer
from nbkeep.doors.api import create_app
from nbkeep.egress.leases import Lease
from nbkeep.egress.office_client import OfficeClient
from nbkeep.model.actor import Role
from nbkeep.vault import change, leases, parse
from office_parts import OfficeForTests, office

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

__all__ = ["office"]
pytestmark = pytest.mark.attack
PATH, VALUE = "secret/data/nbkeep/model", "sk-live-51-Xq7-lies-elsewhere"


class RealOffice(Office):
    """Asks as gateways do."""

    def __init__(self, client: OfficeClient) -> None:
        super().__init__()
        self._client = client

    async def value(self, lease: Lease) -> tuple[int, str]:
        return await self._client.value(lease)


@pytest.fixture
def kv() -> Generator[KvServer]:
    with serving(KvServer()) as server:
        server.put(PATH, key=VALUE)
        yield server


@pytest.fixture
def connected(office: OfficeForTests, kv: KvServer) -> Generator[OfficeForTests]:
    """An office behind its socket, which reads from the vault."""
    folder = office.settings.secrets_dir
    for name, text in (("role-id", ROLE_ID), ("secret-id", SECRET_ID)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    login = f"approle:{folder}/role-id,{folder}/secret-id"
    made = replace(office, settings=replace(office.settings, vault_url=kv.url, vault_login=login))
    socket = made.settings.office_socket
    socket.parent.mkdir(parents=True)
    config = uvicorn.Config(create_app(made), uds=str(socket), ws="none", lifespan="off", log_level="error")  # pyright: ignore[reportArgumentType]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the office")
    yield made
    server.should_exit = True
    thread.join(10)


def _session(office: OfficeForTests, port: int) -> Lease:
    """Return the lease of a session of Jane's."""
    ada, jane = office.user("ada", Role.ADMIN), office.user()
    place = f"vault:{PATH}#key"
    binding = parse.binding([f"{HOST}:{port}"], header="Authorization: Bearer {}", source=place)
    with office.store.write() as tx:
        source = change.source_of(office.settings)
        change.set_secret(tx, office.clock, source, ada, "model", "", binding, grants=["user:jane"])
    row = office.row(office.ready(jane))
    with office.store.read() as tx:
        ((leased, _),) = leases.leases_of(tx, row, office.clock.now())
    return Lease.from_json(leased.as_json())


def _sealed(kv: KvServer) -> None:
    kv.is_sealed = True


def _hanging(kv: KvServer) -> None:
    kv.slow_s = 4.0


def _role_taken_away(kv: KvServer) -> None:
    kv.tokens.clear()
    kv.secret_id = "another"


def _deleted(kv: KvServer) -> None:
    kv.delete(PATH)


@pytest.mark.parametrize("take_away", [_sealed, _hanging, _role_taken_away, _deleted])
def test_without_its_value_no_request_is_sent(
    connected: OfficeForTests, kv: KvServer, tmp_path: Path, take_away: Callable[[KvServer], None]
) -> None:
    authority = Authority.make(tmp_path)
    with serving(Echo(authority, HOST)) as echo:
        client = OfficeClient(connected.settings.office_socket, connected.settings.secret("gateway-token"))
        names = NameServer(api_acme_local=[["127.0.0.1"]])
        keyed = Keyed(tmp_path, names, roots=authority.file, office=RealOffice(client))
        try:
            lease = _session(connected, echo.port)
            keyed.reach(f"{HOST}:{echo.port} 127.0.0.1:{echo.port}", lease.session_id)
            keyed.take([lease])

            def ask() -> tuple[int, bytes]:
                status, _, body = keyed.ask_tls(echo.port, "/x", session_id=lease.session_id)
                return status, body

            assert ask()[0] == 200
            assert echo.sent("Authorization") == [f"Bearer {VALUE}"]
            take_away(kv)
            keyed.beats.advance(61)  # a gateway forgets a value after a minute
            for _ in range(2):
                status, body = ask()
                assert (status, len(echo.seen)) == (503, 1)
                assert b"the secret model cannot be had now, so the request was not sent" in body
                assert VALUE.encode() not in body
                assert b"secret/data" not in body
            kv.is_sealed, kv.slow_s, kv.secret_id = False, 0.0, SECRET_ID
            kv.put(PATH, key="the-value-after-that")
            wait_for(lambda: ask()[0] == 200, "the vault's return")
            assert echo.sent("Authorization") == ["Bearer the-value-after-that"]
        finally:
            asyncio.run_coroutine_threadsafe(client.close(), keyed.loop).result(30)
            keyed.end()
