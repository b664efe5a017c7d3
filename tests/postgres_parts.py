"""Real PostgreSQL servers for tests, started from what this machine has."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Generator

    from egress_parts import Authority

PASSWORD = "Qz7-warehouse/only+here"  # of every role below
# The image has no driver for PostgreSQL: this is the least that one does.
QUERY = """
import socket
def ask(port, query, seconds=20):
    def exactly(count):
        data = b""
        while len(data) < count:
            more = sock.recv(count - len(data))
            if not more: raise EOFError
            data += more
        return data
    def number(data): return int.from_bytes(data, "big")
    try:
        sock = socket.create_connection(("localhost", port), seconds)
    except OSError as error:
        return f"no connection: {error}"
    body = (3 << 16).to_bytes(4, "big") + b"user\\0anything\\0database\\0sales\\0\\0"
    sock.sendall((len(body) + 4).to_bytes(4, "big") + body)
    said, is_asked = [], False
    while True:
        try:
            kind, length = exactly(1), number(exactly(4)) - 4
            body = exactly(length)
        except (EOFError, OSError) as error:
            return f"cut: {said}"
        if kind == b"E":
            return " | ".join(part[1:].decode() for part in body.split(b"\\0") if part[:1] in b"CMH" and part)
        if kind == b"D":
            said.append(body[6:].decode())
        if kind == b"Z":
            if is_asked: return ", ".join(said)
            is_asked, data = True, query.encode() + b"\\0"
            sock.sendall(b"Q" + (len(data) + 4).to_bytes(4, "big") + data)
"""
ROLES = {"reader": "scram-sha-256", "clear": "password", "old": "md5", "anybody": "trust"}
DATABASE = "sales"


@contextlib.contextmanager
def running(options: str, hba: str = "", files: dict[str, str] | None = None) -> Generator[Path]:
    """Run a server with these options and files; give its folder, where its unix socket is, too.

    Skips where none is installed. `hba`: lines that come before "trust for everybody by the unix socket".
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [
        Path(where).parent for where in [shutil.which("postgres")] if where
    ]
    if not found:
        pytest.skip("no PostgreSQL server here: install it with `apt-get install postgresql`")
    data = Path(tempfile.mkdtemp(prefix="nbkpg", dir="/tmp"))
    # PostgreSQL refuses to run as root; its package made a user for it.
    prefix = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    )
    if prefix:
        shutil.chown(data, "postgres", "postgres")
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(data)}

    def run(*command: str) -> None:
        subprocess.run([*prefix, *command], check=True, capture_output=True, env=env, cwd=data, timeout=60)

    bin_ = found[-1]
    run(str(bin_ / "initdb"), "-D", str(data / "db"), "-U", "postgres", "-A", "trust", "-N")
    for name, text in (files or {}).items():
        (data / name).write_text(text)
        (data / name).chmod(0o600)
        if prefix:
            shutil.chown(data / name, "postgres", "postgres")
    if hba:
        (data / "db/pg_hba.conf").write_text(f"{hba}\nlocal all all trust\n")
    whole = f"-k {data} -c fsync=off {options.replace('DATA', str(data))}"
    run(str(bin_ / "pg_ctl"), "-D", str(data / "db"), "-w", "-o", whole, "-l", str(data / "log"), "start")
    try:
        yield data
    finally:
        run(str(bin_ / "pg_ctl"), "-D", str(data / "db"), "-m", "immediate", "stop")
        shutil.rmtree(data, ignore_errors=True)


@dataclass
class Warehouse:
    """A server on loopback with a database, and roles that log in in different ways. All have `PASSWORD`."""

    folder: Path
    port: int

    def do(self, statement: str) -> None:
        """Have its operator do something."""
        url = f"host={self.folder} port={self.port} user=postgres dbname={DATABASE}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Ask it as its operator."""
        url = f"host={self.folder} port={self.port} user=postgres dbname={DATABASE}"
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()


@contextlib.contextmanager
def warehouse(authority: Authority) -> Generator[Warehouse]:
    """Run one, with a certificate of this authority for 127.0.0.1. Roles that are made later use SCRAM."""
    authority.server_context("127.0.0.1")
    pem = (authority.file.parent / "127.0.0.1.pem").read_text()
    key, certificate = pem.split("-----BEGIN CERTIFICATE-----")
    files = {"server.key": key, "server.crt": f"-----BEGIN CERTIFICATE-----{certificate}"}
    hba = "\n".join(f"host all {role} 127.0.0.1/32 {way}" for role, way in ROLES.items())
    hba += "\nhost all all 127.0.0.1/32 scram-sha-256"
    port = free_port()
    options = (
        f"-c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c ssl_key_file=DATA/server.key "
        "-c ssl_cert_file=DATA/server.crt -c max_connections=60"
    )
    with running(options, hba, files) as folder:
        with psycopg.connect(f"host={folder} port={port} user=postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {DATABASE}".encode())
        with psycopg.connect(f"host={folder} port={port} user=postgres dbname={DATABASE}") as admin:
            admin.execute(b"CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id")
            for role, way in ROLES.items():
                admin.execute(
                    b"SET password_encryption = 'md5'" if way == "md5" else b"RESET password_encryption"
                )
                admin.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(PASSWORD)
                    )
                )
                admin.execute(sql.SQL("GRANT SELECT ON orders TO {}").format(sql.Identifier(role)))
        yield Warehouse(folder, port)


def free_port() -> int:
    """Return a port on loopback that nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
