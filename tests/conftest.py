"""What tests share: databases on both engines, and an office joined from real parts on a clock that tests move."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from database_parts import database_on, forget_compiled, migrated_on, put_migrated
from nbkeep.model.clock import ManualClock
from nbkeep.store.database import Store
from platform_parts import Platform, make_platform, remove_platform
from postgres_parts import running

# A loaded machine is no slow code; and what CI runs twice has to fail twice.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI, what the machine could have had is no reason to skip. A platform's logs stand beside its failure."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for platform in {
            id(one): one for one in item.funcargs.values() if isinstance(one, Platform)
        }.values():
            report.sections.append(("the platform", platform.story()))
    reason = str(report.longrepr)
    if (
        report.skipped
        and os.environ.get("CI")
        and ("install it with `" in reason or "`make setup`" in reason)
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped on CI, where this can be installed: {reason}"
    return report


@pytest.fixture
def clock() -> ManualClock:
    """A clock that tests move."""
    return ManualClock()


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL server, started once for all tests; skips where none is installed."""
    with running("-c listen_addresses= -c max_connections=200") as data:
        yield f"postgresql+psycopg://postgres@/postgres?host={data}"


@contextmanager
def _installed(request: pytest.FixtureRequest, *, on_postgres: bool = False) -> Generator[Platform]:
    """Give an installation; on PostgreSQL where that is asked for, or `NBKEEP_TEST_DATABASE=postgresql` is set."""
    with ExitStack() as stack:
        url = ""
        if on_postgres or os.environ.get("NBKEEP_TEST_DATABASE") == "postgresql":
            url = stack.enter_context(database_on(request.getfixturevalue("postgres_url")))
        made = make_platform(url)
        stack.callback(remove_platform, made)
        yield made


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """The whole product, running; tests share it, each with people of its own."""
    with _installed(request) as made:
        made.up()
        yield made


@pytest.fixture
def own_platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """An installation for one test alone, not started yet."""
    with _installed(request) as made:
        yield made


@pytest.fixture(scope="module")
def module_platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """An installation for the tests of one file, not started yet."""
    with _installed(request) as made:
        yield made


@pytest.fixture(scope="session")
def second_platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """An installation for all tests that share settings which `platform` does not have, not started yet."""
    with _installed(request) as made:
        yield made


@pytest.fixture
def platform_on_postgres(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """The whole product for one test alone, running on a real PostgreSQL."""
    with _installed(request, on_postgres=True) as made:
        made.up()
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'nbkeep.db'}"
        return
    with database_on(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables, once on each engine."""
    if request.param == "sqlite":
        put_migrated(tmp_path / "nbkeep.db")
        yield f"sqlite:///{tmp_path / 'nbkeep.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    with database_on(server, template=migrated_on(server)) as url:
        yield url


@pytest.fixture(scope="module", autouse=True)
def _forgetful() -> Iterator[None]:
    yield
    forget_compiled()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A database with all tables, once on each engine."""
    opened = Store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """A database with all tables on SQLite, for what does not depend on the engine."""
    put_migrated(tmp_path / "nbkeep.db")
    opened = Store.at(tmp_path / "nbkeep.db")
    yield opened
    opened.close()
