"""A real OpenBao or Vault for tests, and how an office is connected to one, or to its stand-in."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from egress_parts import wait_for

if TYPE_CHECKING:
    from office_parts import OfficeForTests

WHY_NOT = (
    "no OpenBao or Vault here: install it with `bash scripts/setup.sh tests` (Linux on x86-64), put `bao` into "
    "PATH, or set NBKEEP_TEST_VAULT_ADDR and _TOKEN"
)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """A real one: its address, and a token that may do all. In memory, where this machine has the program."""
    if (url := os.environ.get("NBKEEP_TEST_VAULT_ADDR")) and (
        token := os.environ.get("NBKEEP_TEST_VAULT_TOKEN")
    ):
        yield url.rstrip("/"), token
        return
    beside = Path(sys.executable).with_name("bao")
    program = str(beside) if beside.exists() else shutil.which("bao") or shutil.which("vault")
    if program is None:
        pytest.skip(WHY_NOT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    address, home = url.removeprefix("http://"), tmp_path_factory.mktemp("vault")
    process = subprocess.Popen(
        [
            program,
            "server",
            "-dev",
            "-dev-root-token-id=root",
            f"-dev-listen-address={address}",
            "-dev-no-store-token",
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: _answers(f"{url}/v1/sys/health"), "OpenBao", 60)
        yield url, "root"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def said(url: str, token: str, method: str, path: str, **body: Any) -> dict[str, Any]:
    """Return its answer to its operator."""
    answer = httpx.request(method, f"{url}/v1/{path}", headers={"X-Vault-Token": token}, json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def let_in(url: str, token: str, rules: str) -> tuple[str, str]:
    """Give nbkeep a role with these rules; return its role id and a secret id."""
    said(url, token, "PUT", "sys/policies/acl/nbkeep", policy=rules)
    if "approle/" not in said(url, token, "GET", "sys/auth"):
        said(url, token, "POST", "sys/auth/approle", type="approle")
    said(url, token, "POST", "auth/approle/role/nbkeep", token_policies=["nbkeep"], token_ttl="1h")
    role_id = said(url, token, "GET", "auth/approle/role/nbkeep/role-id")["data"]["role_id"]
    secret_id = said(url, token, "POST", "auth/approle/role/nbkeep/secret-id")["data"]["secret_id"]
    return role_id, secret_id


def connect(office: OfficeForTests, url: str, role_id: str, secret_id: str) -> OfficeForTests:
    """Return the office, connected to one."""
    folder: Path = office.settings.secrets_dir
    for name, text in (("role-id", role_id), ("secret-id", secret_id)):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    login = f"approle:{folder}/role-id,{folder}/secret-id"
    return replace(office, settings=replace(office.settings, vault_url=url, vault_login=login))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False
