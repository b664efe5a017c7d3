"""An index, a gateway under a package policy, and real clients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inside_parts import Inside
from office_parts import any_office, office
from packages_parts import INDEX, Index, Shop, selling

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["any_office", "office"]


@pytest.fixture
def sold(tmp_path: Path) -> Generator[tuple[Shop, Index]]:
    with selling(tmp_path) as found:
        yield found


@pytest.fixture
def shop(sold: tuple[Shop, Index]) -> Shop:
    return sold[0]


@pytest.fixture
def index(sold: tuple[Shop, Index]) -> Index:
    return sold[1]


@pytest.fixture(scope="session")
def pip_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with pip of its own."""
    folder = tmp_path_factory.mktemp("pip") / "v"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


class Clients:
    """Real pip and real uv, as they run in a session under this policy."""

    def __init__(self, shop: Shop, index: Index, pip_home: Path, folder: Path) -> None:
        url = f"https://{INDEX}:{index.port}/simple"
        shop.trust()
        bundle = shop.path().parent / "ca-bundle.pem"
        self.inside = Inside(
            shop, bundle, PIP_INDEX_URL=url, UV_DEFAULT_INDEX=url, PIP_CONFIG_FILE="/dev/null", UV_NO_CONFIG="1",
            PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_RETRIES="0", UV_HTTP_RETRIES="0", HOME=str(folder),
            UV_CACHE_DIR=str(folder / "uv"), PIP_CACHE_DIR=str(folder / "pip"),
        )  # fmt: skip
        self._python = str(pip_home / "bin/python")
        self._uv = str(Path(sys.executable).with_name("uv"))
        self._target = folder / "got"

    def pip(self, *what: str) -> subprocess.CompletedProcess[str]:
        return self.inside.run(self._python, "-m", "pip", "install", "--target", f"{self._target}-pip", *what)

    def uv(self, *what: str) -> subprocess.CompletedProcess[str]:
        return self.inside.run(self._uv, "pip", "install", "--python", self._python, "--target", f"{self._target}-uv",
                               *what)  # fmt: skip

    def end(self) -> None:
        self.inside.end()


@pytest.fixture
def clients(shop: Shop, index: Index, pip_home: Path, tmp_path: Path) -> Generator[Clients]:
    shop.rule(index.port)
    found = Clients(shop, index, pip_home, tmp_path)
    yield found
    found.end()
