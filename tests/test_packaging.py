"""The wheel holds whatever nbkeep reads beside its code."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import nbkeep

ROOT = Path(__file__).parents[1]
PACKAGES = [Path(str(nbkeep.__file__)).parent, Path(str(nbkeep.__file__)).parents[1] / "nbkeep_runtime"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built now; skips where hatchling cannot be had."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", folder, ROOT],
                          capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("hatchling cannot be downloaded here: build once with a network")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        names = set(archive.namelist())
    shutil.rmtree(folder)
    return names


def test_every_file_beside_the_code_is_in_it(wheel: set[str]) -> None:
    for package in PACKAGES:
        for file in package.rglob("*"):
            if file.is_file() and file.suffix != ".pyc" and "labextension" not in file.parts:
                assert str(file.relative_to(package.parent)) in wheel


def test_recipes_of_images_and_the_proxy_are_in_it(wheel: set[str]) -> None:
    assert {"nbkeep/_images/base/pyproject.toml", "nbkeep/_images/base/uv.lock"} <= wheel
    for file in (ROOT / "deploy/proxy").iterdir():
        if file.is_file():
            assert f"nbkeep/_proxy/{file.name}" in wheel
    if (ROOT / "deploy/proxy/node_modules/.stamp").exists():
        assert "nbkeep/_proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy" in wheel


def test_the_extension_is_in_it(wheel: set[str]) -> None:
    built = PACKAGES[1] / "server/labextension/@nbkeep/lab/package.json"
    if not built.exists():
        pytest.skip("the JupyterLab extension is not built here: run `make setup`")
    assert "nbkeep_runtime/server/labextension/@nbkeep/lab/package.json" in wheel


def test_its_command_is_named(wheel: set[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"nbkeep": "nbkeep.doors.cli:main"}
    assert any(name.endswith("entry_points.txt") for name in wheel)
