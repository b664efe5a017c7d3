"""Flavors, profiles, images and the whole configuration."""

from __future__ import annotations

import json
from pathlib import Path

from cli_parts import Nbkeep

from office_parts import OfficeForTests


def test_the_documented_example_changes_idle_stop_and_longest_session(nbkeep: Nbkeep):
    done = nbkeep(
        "profile", "set", "notebook-gpu-a100", "--idle-stop", "15min", "--max-session", "6h", "--json"
    )
    assert (done.json["idle_stop_s"], done.json["max_session_s"]) == (900, 21600)
    assert "6h" in nbkeep("profile", "show", "notebook-gpu-a100").out


def test_what_a_profile_keeps_is_set_shown_and_refused_out_of_range(nbkeep: Nbkeep):
    done = nbkeep(
        "profile", "set", "notebook-cpu-small", "--state-limit", "8GB", "--state-retention", "3d", "--json"
    )
    assert (done.json["keep_state"], done.json["state_max_bytes"], done.json["state_retention_s"]) == (
        True, 8_000_000_000, 3 * 86400,
    )  # fmt: skip
    assert "kept for 3d after a stop" in nbkeep("profile", "show", "notebook-cpu-small").out
    assert "lost at a stop" in nbkeep("profile", "set", "notebook-cpu-small", "--no-keep-state").out
    for option, value in (
        ("--state-limit", "1kB"),
        ("--state-retention", "1min"),
        ("--state-retention", "2y"),
    ):
        assert nbkeep("profile", "set", "notebook-cpu-small", option, value).code == 1


def test_a_flavor_and_a_profile_on_it_are_made_and_deleted(nbkeep: Nbkeep):
    made = nbkeep("flavor", "create", "mid", "--cpu", "2.5", "--memory", "16GiB", "--price-per-hour", "0.15")
    assert made.code == 0, made.err
    assert "0.15" in made.out
    assert nbkeep("flavor", "set", "mid", "--cpu", "3", "--json").json["cpu_millis"] == 3000
    assert nbkeep("flavor", "set", "mid", "--needs-approval", "--json").json["needs_approval"] is True
    assert nbkeep("flavor", "set", "mid", "--cpu", "4", "--json").json["needs_approval"] is True
    assert nbkeep("flavor", "set", "mid", "--no-approval", "--json").json["needs_approval"] is False
    assert "--needs-approval/--no-approval" in nbkeep("flavor", "set", "mid").err
    made = nbkeep("profile", "create", "teaching", "--flavor", "mid", "--role", "user", "--max-extension", "0",
                  "--record-code", "--classification", "public", "--disabled", "--json")  # fmt: skip
    assert made.code == 0, made.err
    assert made.json["roles"] == ["notebook.user"]
    assert (made.json["max_extension_s"], made.json["record_code"], made.json["enabled"]) == (0, True, False)
    in_use = nbkeep("flavor", "delete", "mid", "--yes")
    assert in_use.code == 1
    assert "teaching" in in_use.err
    assert nbkeep("profile", "delete", "teaching", "--yes").code == 0
    assert nbkeep("flavor", "delete", "mid", "--yes").code == 0


def test_what_kernels_import_beforehand_is_set_shown_and_cleared(nbkeep: Nbkeep):
    made = nbkeep(
        "profile", "set", "notebook-cpu-large", "--preimport", "pandas, sklearn.linear_model,pandas"
    )
    assert made.code == 0, made.err
    shown = nbkeep("profile", "show", "notebook-cpu-large")
    assert "pandas, sklearn.linear_model" in shown.out
    found = nbkeep("profile", "show", "notebook-cpu-large", "--json").json
    assert found["preimport"] == ["pandas", "sklearn.linear_model"]
    for bad in ("os;evil", "../x", "-c", "a b", "1a", "import os", "a." * 20 + "a"):
        refused = nbkeep("profile", "set", "notebook-cpu-large", "--preimport", bad)
        assert refused.code == 1, bad
        assert "not the name of a module" in refused.err
    assert nbkeep("profile", "set", "notebook-cpu-large", "--preimport", "none").code == 0
    assert nbkeep("profile", "show", "notebook-cpu-large", "--json").json["preimport"] == []


def test_bad_values_are_refused_with_how_to_write_them(nbkeep: Nbkeep):
    refused = nbkeep("profile", "set", "notebook-cpu-small", "--idle-stop", "soon")
    assert refused.code == 1
    assert "15min" in refused.err
    refused = nbkeep("flavor", "create", "x", "--cpu", "2", "--memory", "lots")
    assert refused.code == 1
    assert "8GiB" in refused.err


def test_images_are_listed_with_their_packages(nbkeep: Nbkeep, served: OfficeForTests):
    facts = served.settings.images_dir / "base/current/image.json"
    facts.write_text(json.dumps({"name": "base", "digest": "sha256:" + "a" * 64, "python": "3.11.9",
                                 "packages": [{"name": "pandas", "version": "2.3"}],
                                 "built_at": "2026-01-01T00:00:00+00:00"}))  # fmt: skip
    assert "2026-01-01 00:00" in nbkeep("image", "list").out
    assert "pandas" in nbkeep("image", "show", "base").out
    assert nbkeep("image", "show", "none").code == 1


def test_an_export_applied_again_changes_nothing(nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path):
    served.user("jane")
    file = tmp_path / "nbkeep.yaml"
    assert nbkeep("export", "-o", str(file)).code == 0
    assert file.stat().st_mode & 0o077 == 0
    done = nbkeep("apply", "-f", str(file))
    assert done.code == 0, done.err
    assert "Nothing to change" in done.err
    assert nbkeep("export").out == file.read_text()


def test_json_round_trips_too(nbkeep: Nbkeep, tmp_path: Path):
    file = tmp_path / "nbkeep.json"
    file.write_text(nbkeep("export", "--json").out)
    assert nbkeep("apply", "-f", str(file), "--json").json == []


def test_a_dry_run_tells_and_changes_nothing(nbkeep: Nbkeep, tmp_path: Path):
    file = tmp_path / "nbkeep.yaml"
    before = nbkeep("export").out
    file.write_text(before.replace("idle_stop_s: 1800", "idle_stop_s: 1200", 1))
    planned = nbkeep("apply", "-f", str(file), "--dry-run")
    assert planned.code == 0, planned.err
    assert "idle_stop_s: 1800 → 1200" in planned.out
    assert nbkeep("export").out == before
    assert nbkeep("apply", "-f", str(file)).code == 0
    assert nbkeep("export").out == file.read_text()


def test_a_file_that_deletes_asks_first(nbkeep: Nbkeep, tmp_path: Path):
    file = tmp_path / "nbkeep.yaml"
    file.write_text("apiVersion: nbkeep/v1\nkind: Configuration\nprofiles: []\n")
    assert nbkeep("apply", "-f", str(file)).code == 2
    assert nbkeep("profile", "list", "--json").json
    assert nbkeep("apply", "-f", str(file), "--yes").code == 0
    assert nbkeep("profile", "list", "--json").json == []


def test_files_that_are_no_configuration_are_refused_in_a_sentence(nbkeep: Nbkeep, tmp_path: Path):
    file = tmp_path / "bad.yaml"
    for content in (b"- [", b"\xff\xfe", b"just words", b"", b"apiVersion: other\n", b"&a [*a, *a]"):
        file.write_bytes(content)
        refused = nbkeep("apply", "-f", str(file))
        assert refused.code == 1, content
        assert refused.err.startswith("Error: ")
        assert "Incident" not in refused.err
    assert nbkeep("apply", "-f", str(tmp_path / "absent.yaml")).code == 1
