"""A real PostgreSQL, reached from a session's local port with a password that only the gateway has."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from connection_parts import Inside, Switched, as_a_user_does, look_often
from egress_parts import OTHER, SESSION, NameServer, wait_for
from postgres_parts import PASSWORD, Warehouse, warehouse

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from egress_parts import Authority

CANCEL = """
import psycopg, sys, threading
for way in ("cancel", "cancel_safe"):
    with psycopg.connect(f"host=localhost port={sys.argv[1]} dbname=sales user=x") as db:
        timer = threading.Timer(0.5, getattr(db, way))
        timer.start()
        try:
            db.execute("SELECT pg_sleep(30)")
        except psycopg.Error as error:
            print(f"{way}:{type(error).__name__}")
        timer.join()
"""


@pytest.fixture(scope="module")
def server(authority: Authority) -> Generator[Warehouse]:
    with warehouse(authority) as found:
        yield found


@pytest.fixture
def switched(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Generator[Switched]:
    look_often(monkeypatch)
    found = Switched(tmp_path, NameServer(), roots=authority.file)
    found.reach("")  # its rules let it reach nothing
    found.reach("", OTHER)
    yield found
    found.end()


@pytest.fixture
def inside(switched: Switched) -> Generator[Inside]:
    found = Inside(switched)
    yield found
    found.end()


@pytest.mark.parametrize("tls", ["off", "require", "verify"])
@pytest.mark.usefixtures("inside")
def test_a_granted_connection_works_without_a_password(
    switched: Switched, server: Warehouse, tls: str
) -> None:
    port = switched.declare(server.port, tls=tls).local_port  # pyright: ignore[reportArgumentType]
    switched.grant()
    with as_a_user_does(
        port, "application_name=mine options='-c search_path=public -c statement_timeout=9s'"
    ) as db:
        assert db.execute("SELECT count(*), sum(id) FROM orders").fetchone() == (1000, 500500)
        (who,) = db.execute("SELECT current_user || ' ' || current_setting('statement_timeout')").fetchall()
        assert who == ("reader 9s",)
        is_tls = db.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert is_tls == (tls != "off",)
        # Much both ways, and out of order: what is sent goes on while answers come.
        with (
            db.cursor() as cursor,
            cursor.copy("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT") as copy,
        ):
            assert sum(len(part) for part in copy) > 20_000_000
    record = switched.records(1)[-1]
    assert (record.protocol, record.host, record.port) == ("postgres", "127.0.0.1", server.port)
    assert (record.allowed, record.rule_source) == (True, "connection warehouse")
    assert record.bytes_in > 20_000_000
    assert PASSWORD not in str(record.as_json())


@pytest.mark.usefixtures("inside")
def test_without_a_grant_the_port_says_what_is_missing(switched: Switched, server: Warehouse) -> None:
    port = switched.declare(server.port).local_port
    switched.grant(session_id=OTHER)
    with pytest.raises(psycopg.OperationalError) as refused:
        as_a_user_does(port)
    said = str(refused.value)
    assert "nbkeep: the connection warehouse is not granted to you" in said
    assert f"nbkeep connection request warehouse --session {SESSION} --reason" in said
    (record,) = switched.records(1)
    assert (record.allowed, record.host, record.address) == (False, "warehouse", "")


@pytest.mark.usefixtures("inside")
def test_a_grant_that_is_taken_away_cuts_what_is_open(switched: Switched, server: Warehouse) -> None:
    port = switched.declare(server.port).local_port
    switched.grant()
    db = as_a_user_does(port)
    switched.ungrant()
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    assert switched.records(1)[-1].reason.endswith("the rules changed")
    with pytest.raises(psycopg.OperationalError, match="not granted"):
        as_a_user_does(port)
    switched.grant()
    db = as_a_user_does(port)
    switched.take([])  # its lease ends
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="no password for the connection"):
        as_a_user_does(port)


@pytest.mark.usefixtures("inside")
def test_a_connection_that_leads_elsewhere_now_is_cut_and_one_that_is_removed_refuses(
    switched: Switched, server: Warehouse
) -> None:
    first = switched.declare(server.port)
    switched.grant()
    db = as_a_user_does(first.local_port)
    second = switched.declare(server.port, role="old")  # another declaration of the same name, another port
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="no password for the connection"):
        as_a_user_does(second.local_port)  # the password was sealed for another role
    switched.declared.clear()
    switched.tell()

    def is_closed() -> bool:
        try:
            psycopg.connect(f"host=127.0.0.1 port={second.local_port} dbname=sales user=x", connect_timeout=5)
        except psycopg.OperationalError as error:
            return "refused" in str(error)
        return False

    wait_for(is_closed, "the end of the listener")


@pytest.mark.usefixtures("inside")
def test_a_query_is_cancelled(switched: Switched, server: Warehouse) -> None:
    port = switched.declare(server.port, tls="verify").local_port
    switched.grant()
    as_a_user_does(port).close()
    # In a program of its own: libpq's older way to cancel lets no other thread of Python run meanwhile.
    done = subprocess.run(
        [sys.executable, "-c", CANCEL, str(port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["cancel:QueryCanceled", "cancel_safe:QueryCanceled"], done.stderr
    switched.records(4)
    assert [one.allowed for one in switched.kept.ended_ones if one.method == "CANCEL"] == [True, True]


@pytest.mark.usefixtures("inside")
def test_errors_of_the_server_arrive_and_show_no_password(switched: Switched, server: Warehouse) -> None:
    port = switched.declare(server.port).local_port
    switched.grant(password="not-the-right-one")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed") as failed:
        as_a_user_does(port)
    assert "not-the-right-one" not in str(failed.value)
    assert "the server refused the log-in (28P01)" in switched.records(1)[-1].reason


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("role", "tls", "words"),
    [
        ("clear", "off", "asks for the password in a way that shows it"),
        ("clear", "require", "asks for the password in a way that shows it"),
        ("clear", "verify", ""),
        ("old", "require", "asks for the password in a way that shows it"),
        ("old", "verify", ""),
        ("anybody", "verify", "did not prove that it knows the password"),
    ],
)
def test_only_a_verified_server_gets_what_shows_the_password(
    switched: Switched, server: Warehouse, role: str, tls: str, words: str
) -> None:
    port = switched.declare(server.port, role=role, tls=tls).local_port  # pyright: ignore[reportArgumentType]
    switched.grant()
    if not words:
        with as_a_user_does(port) as db:
            assert db.execute("SELECT current_user").fetchone() == (role,)
        return
    with pytest.raises(psycopg.OperationalError, match=words):
        as_a_user_does(port)


@pytest.mark.usefixtures("inside")
def test_what_the_platform_denies_stays_denied(switched: Switched, server: Warehouse) -> None:
    port = switched.declare(server.port).local_port
    switched.grant()
    as_a_user_does(port).close()
    db = as_a_user_does(port)
    switched.reach("", deny="127.0.0.0/8")
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="is denied by the rule"):
        as_a_user_does(port)


@pytest.mark.usefixtures("inside")
def test_a_name_may_stand_for_a_private_address_but_never_for_this_machine(
    switched: Switched, server: Warehouse
) -> None:
    switched.names.answers["db.acme.local"] = [["127.0.0.1"]]
    port = switched.declare(server.port, host="db.acme.local").local_port
    switched.grant()
    with pytest.raises(psycopg.OperationalError, match="this machine"):
        as_a_user_does(port)
