"""`nbkeep doctor` names what the configuration makes weaker, and what to do about each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NBKEEP = Path(sys.executable).with_name("nbkeep")


def doctor(data_dir: Path, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("NBKEEP_")}
    env |= {"NBKEEP_DATA": str(data_dir)} | {
        f"NBKEEP_{name.upper()}": value for name, value in settings.items()
    }
    done = subprocess.run([NBKEEP, "doctor", "--json"], env=env, capture_output=True, text=True, check=False)
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
