"""From what people write to a connection; every refusal names the field."""

from __future__ import annotations

import re

from nbkeep.egress.connections import Declared, Tls
from nbkeep.model.errors import Refused, invalid
from nbkeep.vault.parse import parse_place
from nbkeep.vault.references import parse_role
from nbkeep.vault.values import Binding

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_DATABASE = re.compile(r"[^\x00-\x1f\x7f]{1,63}")
_LOWEST_PORT, _MAX_PORT = 1024, 65535
_TAKEN = {3128: "the way out of sandboxes"}
_POSTGRES = 5432
_TLS: dict[str, Tls] = {"verify": "verify", "require": "require", "off": "off"}


def connection_name(text: str) -> str:
    """Return a connection's name; raise `Refused` (400) for anything else."""
    if not _NAME.fullmatch(text):
        raise invalid("name", f"{text[:60]!r} is not a name for a connection.",
                      "Use 1 to 40 small letters, digits and hyphens.")  # fmt: skip
    return text


def declared(
    name: str,
    *,
    postgres: str | None = None,
    tcp: str | None = None,
    local_port: int | None = None,
    database: str | None = None,
    role: str | None = None,
    tls: str | None = None,
    vault_role: str | None = None,
) -> Declared:
    """Return the connection to exactly one place, of one kind; raise `Refused` (400) for anything else.

    The local port is the server's own unless another is named; TLS is verified unless that is said otherwise.
    With `vault_role` each session has a role of its own (see `made_binding`), and `role` is "".
    """
    name = connection_name(name)
    if (postgres is None) == (tcp is None):
        raise Refused("invalid-kind", "Say in exactly one way where the connection leads.",
                      "Give --postgres HOST[:PORT] or --tcp HOST:PORT.", status=400)  # fmt: skip
    if tcp is not None:
        if any(one is not None for one in (database, role, tls, vault_role)):
            raise invalid("tcp", "Database, roles and TLS are of PostgreSQL alone.",
                          "Leave them out.")  # fmt: skip
        host, port = parse_place(tcp, 0)
        if not port:
            raise invalid("tcp", f"{tcp[:260]!r} names no port.", "Write it like mq.acme.local:5672.")
        return Declared(name, "tcp", host, port, _local_port(local_port or port))
    place, database = _with_database(postgres or "", database)
    host, port = parse_place(place, _POSTGRES)
    if not database or not _DATABASE.fullmatch(database):
        raise invalid(
            "database", f"{(database or '')[:63]!r} is not the name of a database.", "Give --database NAME."
        )
    if vault_role is not None and role:
        raise invalid("role", "A role is named, and one that is made for each session.",
                      "Give one of --as and --vault-database-role.")  # fmt: skip
    if not role and vault_role is None:
        raise invalid("role", "The role to log in as is missing.",
                      "Give --as ROLE, or --vault-database-role.")  # fmt: skip
    if tls is not None and tls not in _TLS:
        raise invalid("tls", f"{tls[:20]!r} is not a way to use TLS.", "Write verify, require or off.")
    local = _local_port(local_port or port)
    return Declared(name, "postgres", host, port, local, database, role or "", _TLS[tls or "verify"])


def binding_for(one: Declared) -> Binding:
    """Return what the secret of a connection must have been sealed for."""
    return Binding((f"{one.host}:{one.port}",), "postgres", "", one.role)


def made_binding(one: Declared, vault_role: str) -> Binding:
    """Return what logins are bound to that a Vault makes for sessions; raise `Refused` (400)."""
    if one.kind != "postgres":
        raise invalid("vault-role", "No role can be made for this kind.", "Leave it out.")
    return Binding((f"{one.host}:{one.port}",), "postgres", "", "", parse_role(vault_role))


def _with_database(place: str, database: str | None) -> tuple[str, str | None]:
    """Return host and database of `HOST:PORT/DATABASE`; the name may be given in one way."""
    place, slash, name = place.partition("/")
    if slash and database and database != name:
        raise invalid("database", f"Two databases are named: {name[:63]!r} and {database[:63]!r}.",
                      "Give one of them.")  # fmt: skip
    return place, name if slash else database


def _local_port(port: int) -> int:
    if not _LOWEST_PORT <= port <= _MAX_PORT:
        raise invalid("local-port", f"{port} is not a port that programs in sandboxes can use.",
                      f"Give --local-port with a number from {_LOWEST_PORT} to {_MAX_PORT}.")  # fmt: skip
    if port in _TAKEN:
        raise invalid("local-port", f"{port} is {_TAKEN[port]}.", "Choose another with --local-port.")
    return port
