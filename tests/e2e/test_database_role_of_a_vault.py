"""A database role that a Vault makes for one session, as its page tells: declared, used by a kernel, gone with the session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from egress_parts import Authority
from login_parts import prepare_real
from platform_parts import wait_for
from postgres_parts import QUERY, free_port, warehouse
from vault_server_parts import real

if TYPE_CHECKING:
    from pathlib import Path

    from platform_parts import Platform

__all__ = ["real"]

pytestmark = pytest.mark.e2e


def test_a_session_queries_with_a_role_of_its_own_that_ends_with_it(
    own_platform: Platform, real: tuple[str, str], tmp_path: Path
) -> None:
    with warehouse(Authority.make(tmp_path)) as server:
        with (own_platform.data_dir / "config.toml").open("a") as config:
            config.write(f'vault_url = "{real[0]}"\n')
            config.write(f'vault_login = "approle:{tmp_path}/role-id,{tmp_path}/secret-id"\n')
        for name, text in zip(("role-id", "secret-id"), prepare_real(*real, server), strict=True):
            (tmp_path / name).write_text(text + "\n")
            (tmp_path / name).chmod(0o600)
        own_platform.up()
        facts = own_platform.run("doctor").stdout
        assert any("Vault" in line and "lets nbkeep in" in line for line in facts.splitlines()), facts

        def roles() -> list[str]:
            return [
                str(row[0]) for row in server.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
            ]

        jane, local_port = own_platform.person(), free_port()
        added = own_platform.run("connection", "add", "warehouse", "--postgres", f"127.0.0.1:{server.port}/sales",
                                 "--vault-database-role", "readonly", "--tls", "require",
                                 "--local-port", str(local_port), "--grant", f"user:{jane.name}")  # fmt: skip
        assert added.returncode == 0, added.stderr
        assert roles() == []  # the one that was made to try it is gone again

        jane.sign_in()
        session = jane.start()
        session.open()
        kernel = session.kernel()

        def asks(query: str) -> str:
            return session.execute(kernel, f"{QUERY}\nprint(ask({local_port}, {query!r}))", 90).strip()

        assert asks("SELECT count(*) FROM orders") == "1000"
        role = asks("SELECT current_user")
        assert roles() == [role]
        assert asks("SELECT 1 FROM pg_authid").startswith("42501")
        leases = own_platform.run("secret", "leases", "warehouse-role", "--json")
        assert role in json.dumps(json.loads(leases.stdout)), leases.stdout + leases.stderr

        session.stop()
        wait_for(lambda: roles() == [], 30, "the end of the role")
        journal = own_platform.run("audit", "search", "--session", session.id).stdout
        assert "secret.login-made" in journal
        assert "secret.login-revoked" in journal
        assert own_platform.run("connection", "remove", "warehouse", "--yes").returncode == 0
