"""Attack: find the password, or what ends a role, in a log, the journal, the database, an answer or an error."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import psycopg
import pytest

from egress_parts import read_all
from login_parts import NAME
from nbkeep.audit.search import Wanted, search
from nbkeep.model.actor import OPERATOR
from nbkeep.sessions.stop import stop_session
from nbkeep.store.tables import Table
from office_parts import client_for

if TYPE_CHECKING:
    from kv_server import KvServer
    from login_parts import Lab

pytestmark = pytest.mark.attack


def test_the_password_is_nowhere_and_the_vaults_lease_is_told_to_nobody(
    lab: Lab, kv: KvServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engine = lab.engine
    assert engine is not None
    jane = lab.office.user()
    lab.declare("user:jane")
    session = lab.session(jane)
    db = lab.connect(session)
    password = json.loads(lab.value(session)[1])["password"]
    (row,) = lab.rows()
    said: list[str] = [repr(row.sealed), repr(lab.lease(session)), repr(row)]
    operator = client_for(lab.office.app(), lab.office.settings.secret("operator-token"))
    paths = ("secret-leases", "secrets", "connections", "config", "audit")
    said += [operator.get(f"/api/v1/{path}").text for path in paths]
    # A server that refuses, a Vault that is away, one that cannot revoke.
    lab.server.do(f"ALTER ROLE \"{row.user_name}\" PASSWORD 'another-one'")  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed") as refused:
        lab.connect(session)
    said.append(str(refused.value))
    kv.is_sealed = True
    with lab.raw(session) as sock:
        said.append(read_all(sock).decode(errors="replace"))
    kv.is_sealed, engine.is_stuck = False, True
    stop_session(lab.office, jane, session)
    lab.settle()
    said.append(operator.get("/api/v1/secret-leases").text)
    db.close()
    with lab.office.store.read() as tx:
        journal = json.dumps(search(tx, OPERATOR, Wanted(), limit=1000).records, default=str)
        cells = "\n".join(
            repr(one) for table in Table.metadata.sorted_tables for one in tx.execute(table.select())
        )
    records = [str(one.as_json()) for one in lab.gateway.records(1)]
    assert "secret.login-not-revoked" in journal
    for text in (*said, *records, journal, caplog.text, "".join(kv.asked)):
        assert password not in text
        assert row.vault_lease.rpartition("/")[2] not in text
    assert password not in cells
    file = lab.office.settings.data_dir / "nbkeep.db"
    whole = b"".join(one.read_bytes() for one in file.parent.glob("nbkeep.db*"))
    assert password.encode() not in whole
    assert NAME.encode() in whole
