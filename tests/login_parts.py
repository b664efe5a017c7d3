"""An office with a Vault that makes roles in a real PostgreSQL, and the gateway that its sessions reach it by."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from connection_parts import Inside, Switched, as_a_user_does, named, startup
from database_engine import Engine
from egress_parts import NameServer
from keyed_parts import Office
from kv_server import ROLE_ID, SECRET_ID, KvServer
from nbkeep.connections import change, parse
from nbkeep.connections.records import live_connections
from nbkeep.egress.connections import FILE_NAME
from nbkeep.egress.gateway import SOCKET_NAME
from nbkeep.egress.leases import Lease
from nbkeep.grants.take_out import take_out_connection
from nbkeep.model.actor import Actor, Role
from nbkeep.store.login_tables import DatabaseLoginRow
from nbkeep.vault.change import check_role, source_of
from nbkeep.vault.hand_out import give, hand_out
from nbkeep.vault.leases import live_leases
from nbkeep.vault.logins.settle import keep_signed_in, renew_due, revoke_again, revoke_new
from nbkeep.vault.records import People
from nbkeep.vault.sources.hashicorp import hashicorp
from postgres_parts import DATABASE, PASSWORD, free_port
from vault_server_parts import connect, let_in, said

if TYPE_CHECKING:
    from pathlib import Path

    from egress_parts import Authority
    from nbkeep.egress.connections import Told
    from office_parts import OfficeForTests
    from postgres_parts import Warehouse

NAME = "warehouse"
KEEPER = "keeper"  # as whom Vault makes roles there
BRIEF_S = 30  # the longest time of the role `brief`
RULES = """
path "database/creds/*" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
"""


def stand_in(server: Warehouse | None, kv: KvServer) -> Engine:
    """Give the stand-in a database engine, which makes roles in that server, or nowhere."""

    def run(statement: str) -> None:
        if server is not None:
            server.do(statement)

    kv.engine = Engine(run)
    return kv.engine


def prepare_real(
    url: str, token: str, server: Warehouse, *, default_s: int = 3600, longest_s: int = 7200
) -> tuple[str, str]:
    """Have a real Vault make roles in that server; return role id and secret id of nbkeep."""
    there = server.ask("SELECT 1 FROM pg_roles WHERE rolname = 'keeper'")
    if not there:
        with psycopg.connect(f"host={server.folder} port={server.port} user=postgres", autocommit=True) as db:
            db.execute(
                sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(
                    sql.Identifier(KEEPER), sql.Literal(PASSWORD)
                )
            )
    if "database/" not in said(url, token, "GET", "sys/mounts"):
        said(url, token, "POST", "sys/mounts/database", type="database")
    said(
        url, token, "POST", "database/config/sales", plugin_name="postgresql-database-plugin", allowed_roles=["*"],
        connection_url=f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{server.port}/{DATABASE}",
        username=KEEPER, password=PASSWORD,
    )  # fmt: skip
    makes = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"
    for name, lasts_s, most_s in (("readonly", default_s, longest_s), ("brief", BRIEF_S, BRIEF_S)):
        said(
            url, token, "POST", f"database/roles/{name}", db_name="sales", default_ttl=lasts_s, max_ttl=most_s,
            creation_statements=[makes, 'GRANT SELECT ON orders TO "{{name}}";'],
        )  # fmt: skip
    return let_in(url, token, RULES)


def settle(office: OfficeForTests) -> int:
    """Do one round of each of the office's loops; return how many logins were revoked."""
    done = revoke_again(office) + revoke_new(office)  # what fails in the second waits for the next round
    renew_due(office)
    keep_signed_in(office)
    return done


class _OfficeItself(Office):
    """Hands out what the office's own door would."""

    def __init__(self, office: OfficeForTests) -> None:
        super().__init__()
        self._office = office

    async def value(self, lease: Lease) -> tuple[int, str]:
        return await asyncio.to_thread(value_of, self._office, lease.session_id, lease.lease_id)


def value_of(office: OfficeForTests, session_id: str, lease_id: str) -> tuple[int, str]:
    """Return what a gateway is handed out: number and value."""
    with office.store.read() as tx:
        found = hand_out(tx, source_of(office.settings), office.clock.now(), session_id, lease_id)
    return give(office, found)


@dataclass
class Sessions(Switched):
    """A gateway of sessions whose ids may end alike."""

    folders: dict[str, int] = field(default_factory=dict[str, int])

    def path(self, session_id: str = "") -> Path:
        at = self.folders.setdefault(session_id, len(self.folders))
        folder = self.folder / str(at)
        folder.mkdir(exist_ok=True)
        return folder / SOCKET_NAME


@dataclass
class Lab:
    """All of it. `sync` tells the gateway what the office would; `settle` is one round of the office's loop."""

    office: OfficeForTests
    server: Warehouse | None
    folder: Path
    authority: Authority
    engine: Engine | None = None  # of the stand-in
    ada: Actor = field(init=False)

    def __post_init__(self) -> None:
        hashicorp.cache_clear()
        self.ada = self.office.user("ada", Role.ADMIN)
        self.gateway = Sessions(
            self.folder, NameServer(), roots=self.authority.file, office=_OfficeItself(self.office)
        )
        self._opened: list[psycopg.Connection[tuple[object, ...]]] = []
        self._inside: dict[str, Inside] = {}
        self.local_port = 0

    def declare(self, *grants: str, role: str = "readonly", port: int = 0) -> None:
        """Declare the connection as an admin does."""
        self.local_port = free_port()
        port = port or (self.server.port if self.server else 5432)
        one = parse.declared(
            NAME,
            postgres=f"127.0.0.1:{port}/{DATABASE}",
            vault_role=role,
            tls="off",
            local_port=self.local_port,
        )
        binding = parse.made_binding(one, role)
        check_role(self.office.settings, self.ada, binding.source)
        with self.office.store.write() as tx:
            change.add_connection(
                tx,
                self.office.clock,
                self.ada,
                one,
                made=(source_of(self.office.settings), binding),
                grants=grants,
            )

    def remove(self) -> None:
        with self.office.store.write() as tx:
            take_out_connection(tx, self.office.clock, self.ada, NAME)

    def session(self, actor: Actor, name: str | None = None) -> str:
        """Start a session, whose socket is open."""
        session_id = self.office.ready(actor, name=name)
        self.gateway.reach("", session_id)
        self.sync()
        return session_id

    def told(self) -> tuple[list[Lease], Told]:
        with self.office.store.read() as tx:
            people, now = People(tx), self.office.clock.now()
            leases = [Lease.from_json(one.as_json()) for one in live_leases(tx, people, now)]
            return leases, live_connections(tx, people, now)

    def sync(self) -> None:
        leases, told = self.told()
        self.gateway.take(leases)

        def change_() -> None:
            for session_id in self.gateway.connections.take(told):
                self.gateway.gateway.recheck(session_id)
            for session_id in self.gateway.folders:
                if session_id:
                    self.gateway.connections.prepare(session_id, self.gateway.path(session_id).parent)

        self.gateway.call(change_)

    def settle(self) -> int:
        done = settle(self.office)
        self.sync()
        return done

    def lease(self, session_id: str) -> Lease:
        return next(one for one in self.told()[0] if one.session_id == session_id)

    def value(self, session_id: str) -> tuple[int, str]:
        return value_of(self.office, session_id, self.lease(session_id).lease_id)

    def connect(self, session_id: str, more: str = "") -> psycopg.Connection[tuple[object, ...]]:
        """Connect as a program in a session does."""
        if session_id not in self._inside:
            for other in list(self._inside):
                self._inside.pop(other).end()
            path = self.gateway.path(session_id)
            assert (path.parent / FILE_NAME).exists()
            self._inside[session_id] = Inside(self.gateway, session_id)
        db = as_a_user_does(self.local_port, more)
        self._opened.append(db)
        return db

    def raw(self, session_id: str, name: str = NAME, **told: str) -> socket.socket:
        """Send a first message by a session's own socket."""
        sock = self.gateway.connect(session_id)
        sock.sendall(named(name, startup(**({"user": "x", "database": DATABASE} | told))))
        return sock

    def wait(self, seconds: float) -> None:
        """Let time pass, here and at the Vault."""
        self.office.clock.advance(seconds)
        if self.engine is None:
            time.sleep(seconds)
        else:
            self.engine.ahead_s += seconds

    def rows(self) -> list[DatabaseLoginRow]:
        with self.office.store.read() as tx:
            return tx.query(DatabaseLoginRow).order_by(DatabaseLoginRow.id).all()

    def made(self) -> set[str]:
        """The roles that a Vault has made in the database and not dropped."""
        assert self.server is not None
        found = self.server.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
        return {str(one[0]) for one in found}

    def end(self) -> None:
        for db in self._opened:
            db.close()
        for one in self._inside.values():
            one.end()
        self.gateway.end()
        if self.server is not None:  # what a test that failed has left is nobody else's
            for role in self.made():
                self.server.do(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def connected_to_stand_in(office: OfficeForTests, kv: KvServer) -> OfficeForTests:
    """Return the office, which signs in to the stand-in."""
    return connect(office, kv.url, ROLE_ID, SECRET_ID)
