"""Attack: have another role made than the one that was declared: by the first message, by SQL, by the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from egress_parts import read_all
from nbkeep.connections import parse
from nbkeep.model.errors import Refused
from nbkeep.store.tables import DeclaredConnectionRow, SecretRow
from nbkeep.vault.references import parse_reference, parse_role, role_path

if TYPE_CHECKING:
    from kv_server import KvServer
    from login_parts import Lab

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("user", ["postgres", "reader", "owner/../admin", "x\0replication\0on"])
def test_the_first_message_names_nobody(lab: Lab, user: str) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    with lab.raw(session, user=user) as sock:
        sock.settimeout(10)
        said = b""
        while b"Z\0\0\0\5I" not in said and (more := sock.recv(65536)):
            said += more
    if "\0" in user:
        assert b"nbkeep: " in said
        assert lab.made() == set()
        return
    (role,) = lab.made()
    assert b"session_authorization\0" + role.encode() + b"\0" in said


def test_a_program_cannot_become_another_role(lab: Lab) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    with lab.connect(session) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("SET ROLE reader")
    with pytest.raises(psycopg.OperationalError, match=r"role|permission"):
        lab.connect(session, "options='-c role=postgres'")


def test_a_changed_database_has_no_other_role_made(lab: Lab, kv: KvServer) -> None:
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    assert lab.engine is not None
    lab.engine.roles["owner"] = (3600, 3600)
    with lab.office.store.write() as tx:
        tx.query(SecretRow).one().source = "vault:database/creds/owner"
    kv.asked.clear()
    with pytest.raises(Refused) as refusal:
        lab.value(session)
    assert refusal.value.code == "secret-altered"
    assert "database/creds/owner" not in kv.asked
    with lab.office.store.write() as tx:
        tx.query(SecretRow).one().source = "vault:database/creds/readonly"
        tx.query(DeclaredConnectionRow).one().role = "postgres"  # another one than the secret was kept for
    lab.sync()
    with lab.raw(session) as sock:
        assert b"there is no password for the connection" in read_all(sock)
    assert lab.made() == set()


@pytest.mark.parametrize(
    "text",
    ["", "/", "a//b", "../sys/mounts", "database/creds/../../sys/seal", "x?list=true", "a b", "r#f", "r\nx", "%2e%2e/r",
     "database/creds/" + "a" * 400, "-x", "/database/r", "r/"],
)  # fmt: skip
def test_what_is_no_name_of_a_role_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_role(text)
    assert refusal.value.code == "invalid-vault-role"


def test_a_role_is_a_role_of_a_database_engine_and_nothing_else() -> None:
    for text, path in (("ro", "database/creds/ro"), ("eu/db/ro", "eu/db/creds/ro"), ("db/creds/ro", "db/creds/ro"),
                       ("vault:db/creds/ro", "db/creds/ro")):  # fmt: skip
        assert role_path(parse_role(text)) == path
    for text in ("", "vault:secret/data/x", "database/creds/ro"):
        assert role_path(text) is None
    for text in ("a/data/creds/ro", "a/data/b/ro", "m" * 292 + "/ro"):
        with pytest.raises(Refused):
            parse_role(text)
    one = parse.declared("mq", tcp="mq.acme.local:5672")
    with pytest.raises(Refused):
        parse.made_binding(one, "ro")


@pytest.mark.parametrize(
    "text",
    ["vault:secret/data/creds/lake", "vault:secret/data/nbkeep/creds/x", "vault:eu/kv/data/creds/x@3",
     "vault:secret/data/nbkeep/creds/x#f@2"],
)  # fmt: skip
def test_a_folder_named_creds_is_a_place_of_values(text: str) -> None:
    """What was kept before there were roles stays what it was."""
    assert role_path(text) is None
    assert str(parse_reference(text)) == text
