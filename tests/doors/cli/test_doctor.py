"""`nbkeep doctor` names what the configuration makes weaker, and what to do about each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.backends.local.cgroups import find_cgroups
from nbkeep.backends.local.host_facts import host_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

NBKEEP = Path(sys.executable).with_name("nbkeep")


# Runs a program as root without any capability.
WITHOUT_POWERS = """
import os, sys
from nbkeep.backends.local import launch
launch.drop_bounding_set()
launch.set_capabilities()
os.execv(sys.argv[1], sys.argv[1:])
"""


def doctor(
    data_dir: Path, by: Sequence[str] = (), path: str = "", **settings: str
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return its exit code and its facts by id. `by`: what starts it; `path`: where it finds programs."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("NBKEEP_")}
    env |= {"NBKEEP_DATA": str(data_dir), "PATH": path or env["PATH"]} | {
        f"NBKEEP_{name.upper()}": value for name, value in settings.items()
    }
    command = [*by, str(NBKEEP), "doctor", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, {fact["id"]: fact for fact in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("settings", "line", "status"),
    [
        ({}, "transport", "holds"),
        ({}, "origins", "holds"),
        ({"unsafe_shared_origin": "yes"}, "origins", "weaker"),
        ({"public_url": "http://nb.example.com"}, "transport", "weaker"),
        ({"listen": "0.0.0.0:8000"}, "transport", "weaker"),
        ({"public_url": "https://nb.example.com", "listen": "0.0.0.0:8000"}, "transport", "holds"),
    ],
)
def test_the_configuration_s_weak_places_are_named(
    short_dir: Path, settings: dict[str, str], line: str, status: str
) -> None:
    _, facts = doctor(short_dir, **settings)
    assert facts[line]["status"] == status
    assert bool(facts[line]["remedy"]) == (status != "holds")


def test_tokens_that_others_can_read_are_missing_protection(short_dir: Path) -> None:
    secrets = short_dir / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "hub-token").touch(mode=0o600)
    assert doctor(short_dir)[1]["secrets"]["status"] == "holds"
    (secrets / "hub-token").chmod(0o644)
    code, facts = doctor(short_dir)
    assert code == 1
    assert "hub-token" in facts["secrets"]["detail"]
    assert "chmod" in facts["secrets"]["remedy"]


def test_a_key_of_saved_variables_that_is_away_is_missing(short_dir: Path, tmp_path: Path) -> None:
    assert doctor(short_dir)[1]["state-key"]["status"] == "info"
    file = tmp_path / "key"
    code, facts = doctor(short_dir, state_key=f"file:{file}")
    assert (code, facts["state-key"]["status"]) == (1, "missing")
    assert str(file) in facts["state-key"]["remedy"]
    file.touch(mode=0o600)
    file.write_text("x" * 43)
    held = doctor(short_dir, state_key=f"file:{file}")[1]["state-key"]
    assert held["status"] == "holds"
    assert "x" * 8 not in json.dumps(held)


def test_what_looks_at_uploads_and_pushes_is_named_where_it_is_not_installed(
    short_dir: Path, tmp_path: Path
) -> None:
    _, facts = doctor(short_dir, path=str(tmp_path))
    for line in ("uploads", "pushes"):
        assert facts[line]["status"] == "weaker"
        assert "bubblewrap is not installed" in facts[line]["detail"]
        assert "apt-get install bubblewrap" in facts[line]["remedy"]


def test_where_git_is_not_installed_pushes_count_as_not_read(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbkeep.rendering.jail.PATH", "/nonexistent")
    (fact,) = (one for one in host_facts(short_dir, find_cgroups(), {}) if one.id == "pushes")
    assert fact.status == "weaker"
    assert "they count as not read" in fact.detail
    assert "apt-get install git" in fact.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to give up")
def test_root_in_a_container_is_told_which_capability_the_examiner_of_uploads_lacks(short_dir: Path) -> None:
    _, facts = doctor(short_dir, by=(sys.executable, "-c", WITHOUT_POWERS))
    assert facts["uploads"]["status"] == "weaker"
    assert "none is sent" in facts["uploads"]["detail"]
    assert "CAP_SETFCAP" in facts["uploads"]["remedy"]


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this host has a card")
def test_a_card_that_is_declared_and_not_there_is_named_with_what_to_do(short_dir: Path) -> None:
    _, facts = doctor(short_dir)
    assert facts["gpu"]["status"] == "info"
    code, facts = doctor(short_dir, gpus="a100=2")
    assert (code, facts["gpu"]["status"]) == (1, "missing")
    assert "/dev/nvidia0, /dev/nvidia1 not there" in facts["gpu"]["detail"]
    assert "config.toml" in facts["gpu"]["remedy"]


@pytest.mark.skipif(os.geteuid() == 0, reason="no mode keeps root out of a directory")
def test_a_place_that_cannot_be_written_is_missing(short_dir: Path) -> None:
    short_dir.chmod(0o500)
    code, facts = doctor(short_dir / "data")
    assert code == 1
    assert facts["disk"]["status"] == "missing"
    assert "NBKEEP_DATA" in facts["disk"]["remedy"]
