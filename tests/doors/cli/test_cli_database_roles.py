"""`nbkeep connection add --vault-database-role`, and what `nbkeep secret` tells of the roles that were made."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from egress_parts import serving
from kv_server import ROLE_ID, SECRET_ID, KvServer
from login_parts import settle, stand_in, value_of
from nbkeep.vault import leases
from office_parts import make_office

if TYPE_CHECKING:
    from collections.abc import Generator

    from cli_parts import Nbkeep

    from database_engine import Engine
    from office_parts import OfficeForTests


@pytest.fixture
def kv() -> Generator[KvServer]:
    with serving(KvServer()) as found:
        yield found


@pytest.fixture
def engine(kv: KvServer) -> Engine:
    return stand_in(None, kv)


@pytest.fixture
def office(kv: KvServer) -> Generator[OfficeForTests]:
    """An office that is connected to the stand-in."""
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as name:
        login = f"approle:{name}/secrets/role-id,{name}/secrets/secret-id"
        made = make_office(Path(name), vault_url=kv.url, vault_login=login)
        for file, text in (("role-id", ROLE_ID), ("secret-id", SECRET_ID)):
            (made.settings.secrets_dir / file).write_text(text)
            (made.settings.secrets_dir / file).chmod(0o600)
        yield made
        made.close()


ADD = ("connection", "add", "warehouse", "--postgres", "db.acme.local:5432/sales", "--vault-database-role")


def test_from_the_declaration_to_the_end_of_a_role(
    nbkeep: Nbkeep, served: OfficeForTests, engine: Engine
) -> None:
    jane = served.user()
    made = nbkeep(*ADD, "readonly", "--grant", "user:jane")
    assert made.code == 0, made.err
    assert "leads to db.acme.local:5432, database sales" in made.err
    assert (len(engine.revoked), engine.users) == (1, [])  # it was seen that it works
    shown = nbkeep("connection", "show", "warehouse").out
    assert "its own for each session" in shown
    assert "vault:database/creds/readonly" in shown
    session = served.ready(jane)
    assert "database role" not in nbkeep("secret", "leases").out
    with served.store.read() as tx:
        ((lease, _),) = leases.leases_of(tx, served.row(session), served.clock.now())
    _, value = value_of(served, session, lease.lease_id)
    (user,) = engine.users
    listed = nbkeep("secret", "leases", "warehouse-role")
    assert user in listed.out
    assert "UNTIL" in listed.out
    (one,) = json.loads(nbkeep("secret", "leases", "--json").out)
    assert one["database_role"] == {
        "name": user, "until": "2026-01-01T01:00:00+00:00", "made_by": "database/creds/readonly", "problem": None,
    }  # fmt: skip
    assert json.loads(value)["password"] not in listed.out + shown
    rotated = nbkeep("secret", "rotate", "warehouse-role")
    assert "all roles that were made for sessions end" in rotated.err, rotated.err
    assert settle(served) == 1
    assert engine.users == []
    assert nbkeep("connection", "remove", "warehouse", "--yes").code == 0
    assert "warehouse-role" not in nbkeep("secret", "list").out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("nothing",), "Vault makes no login at database/creds/nothing"),
        (("../x",), "no role of a database engine"),
        (("readonly", "--as", "reader"), "one that is made for each session"),
        (("readonly", "--secret", "pw"), "A password is named"),
        (("readonly", "--database", "other"), "Two databases are named"),
    ],
)
@pytest.mark.usefixtures("served")
def test_what_cannot_be_is_said_and_nothing_is_left(
    nbkeep: Nbkeep, engine: Engine, more: tuple[str, ...], words: str
) -> None:
    said = nbkeep(*ADD, *more)
    assert said.code != 0
    assert words in " ".join(said.err.split())
    assert engine.users == []
    assert json.loads(nbkeep("connection", "list", "--json").out) == []
    assert json.loads(nbkeep("secret", "list", "--json").out) == []


@pytest.mark.usefixtures("served")
def test_a_vault_that_may_make_but_not_end_is_refused(nbkeep: Nbkeep, engine: Engine) -> None:
    engine.is_stuck = True
    said = nbkeep(*ADD, "readonly")
    assert said.code != 0
    assert json.loads(nbkeep("connection", "list", "--json").out) == []


@pytest.mark.usefixtures("served", "engine")
def test_two_long_names_that_begin_alike_have_a_role_each(nbkeep: Nbkeep) -> None:
    for end, port in (("one", 5432), ("two", 5433)):
        name = f"the-warehouse-of-all-the-sales-data-{end}"
        place = f"db.acme.local:{port}/sales"
        made = nbkeep("connection", "add", name, "--postgres", place, "--vault-database-role", "readonly")
        assert made.code == 0, made.err
    listed = [line.split()[0] for line in nbkeep("secret", "list").out.splitlines()[1:]]
    assert len(set(listed)) == 2
    assert all(len(name) <= 40 and name.endswith("-role") for name in listed)
