"""One office for each database, on both engines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from nbkeep.model.errors import Refused, Unavailable
from nbkeep.store.claim import Claim

HERE, THERE = Path("/srv/nbkeep"), Path("/srv/copy")
HOLD = """
import sys
from pathlib import Path
from nbkeep.store.claim import Claim
with Claim(sys.argv[1], Path("/srv/killed")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_comes_second_is_told_who_was_first_until_that_one_ends(empty_url: str) -> None:
    with Claim(empty_url, HERE) as first:
        with pytest.raises(
            Refused, match=r"Another office works on this database: .*:/srv/nbkeep"
        ) as refused:
            Claim(empty_url, THERE).__enter__()
        assert refused.value.status == 409
        assert first.is_held()
    with Claim(empty_url, THERE) as second:
        assert second.is_held()


def test_a_killed_office_leaves_no_claim(empty_url: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, empty_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Refused, match="/srv/killed"):
            Claim(empty_url, HERE).__enter__()
    finally:
        holder.kill()
        holder.communicate(timeout=10)
    with Claim(empty_url, HERE) as mine:
        assert mine.is_held()


@pytest.fixture
def plain_url(postgres_url: str) -> str:
    """Return PostgreSQL's address for psycopg."""
    return postgres_url.replace("postgresql+psycopg://", "postgresql://")


def _cut(plain_url: str) -> None:
    """End all connections, as a restart of the server does."""
    with psycopg.connect(plain_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'nbkeep office%'"
        )


@pytest.mark.postgres
def test_after_a_restart_of_the_database_the_claim_is_made_again(postgres_url: str, plain_url: str) -> None:
    with Claim(postgres_url, HERE) as first:
        _cut(plain_url)
        assert first.is_held()
        with pytest.raises(Refused):
            Claim(postgres_url, THERE).__enter__()


@pytest.mark.postgres
def test_who_lost_the_claim_meanwhile_hears_of_it(postgres_url: str, plain_url: str) -> None:
    with Claim(postgres_url, HERE) as first:
        _cut(plain_url)
        with Claim(postgres_url, THERE) as second:
            assert not first.is_held()
            assert second.is_held()


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://postgres@/postgres?host={tmp_path}"
    with pytest.raises(Unavailable, match="does not answer"):
        Claim(url, HERE).__enter__()
